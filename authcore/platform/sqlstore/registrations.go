package sqlstore

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const registrationColumns = "id, address, proof_digest, password_hash, username, first_name, last_name, phone, " +
	"channel, email, locale, fields, invitation_id, number, created_at, expires_at"

func scanRegistration(row sqldb.Row) (r authcore.Registration, err error) {
	return r, row.Scan(&r.ID, &r.Address, &r.ProofDigest, &r.PasswordHash, &r.Username, &r.FirstName, &r.LastName,
		&r.Phone, &r.Channel, &r.Email, &r.Locale, &jsonObject{&r.Fields}, &optional{&r.InvitationID}, &maybeNumber{&r.Number}, &stamp{&r.CreatedAt}, &stamp{&r.ExpiresAt})
}

var insertRegistration = "insert into registrations (" + registrationColumns + ") values (" + parameters(registrationColumns) + ")"

const (
	trimRegistrations = `delete from registrations where address = $1 and id not in
		(select id from registrations where address = $1 order by created_at desc, id desc limit $2)`
	dropRegistrations = "delete from registrations where address = $1"
)

// SaveRegistration implements signup.Store.
func (s *Store) SaveRegistration(ctx context.Context, r authcore.Registration, keep int, ch *authcore.Challenge,
	fx authcore.Effects) error {
	return s.change(ctx, "save registration", func(ctx context.Context, q *tx) error {
		// Locks are taken in one order everywhere: challenge, account, registrations.
		if ch != nil {
			if err := issue(ctx, q, *ch); err != nil {
				return err
			}
		}
		// Two that trim at once would not see each other's row, and both would stay.
		if err := s.lockRegistrations(ctx, q, r.Address); err != nil {
			return err
		}
		if err := register(ctx, q, r); err != nil {
			return err
		}
		if _, err := sqldb.Exec(ctx, q, trimRegistrations, r.Address, keep); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}

func register(ctx context.Context, q sqldb.Querier, r authcore.Registration) error {
	_, err := sqldb.Exec(ctx, q, insertRegistration, r.ID, r.Address, r.ProofDigest, r.PasswordHash, r.Username, r.FirstName,
		r.LastName, r.Phone, string(r.Channel), r.Email, r.Locale, objectText(r.Fields), orNull(r.InvitationID), numberOrNull(r.Number),
		micros(r.CreatedAt), micros(r.ExpiresAt))
	return err
}

func (s *Store) lockRegistrations(ctx context.Context, q sqldb.Querier, address string) error {
	return s.Dialect().Serialise(ctx, q, "registrations of "+address)
}

// forgetRegistrations drops every sign-up that waits for an address which has been verified.
func (s *Store) forgetRegistrations(ctx context.Context, q sqldb.Querier, address string) error {
	if err := s.lockRegistrations(ctx, q, address); err != nil {
		return err
	}
	_, err := sqldb.Exec(ctx, q, dropRegistrations, address)
	return err
}

const selectRegistrations = "select " + registrationColumns + ` from registrations
	where address = $1 and expires_at > $2 order by created_at desc, id desc`

// Registrations implements signin.Store.
func (s *Store) Registrations(ctx context.Context, address string, now time.Time) (list []authcore.Registration, err error) {
	err = s.Read(ctx, "list registrations", func(ctx context.Context, q sqldb.Querier) error {
		list, err = sqldb.All(ctx, q, scanRegistration, selectRegistrations, address, micros(now))
		return err
	})
	return list, err
}

const selectRegistrationByUsername = "select " + registrationColumns + ` from registrations
	where username = $1 and username <> '' and expires_at > $2 order by created_at desc, id desc limit 1`

// RegistrationByUsername implements signin.Store.
func (s *Store) RegistrationByUsername(ctx context.Context, username string, now time.Time) (r authcore.Registration, err error) {
	err = s.Read(ctx, "find registration", func(ctx context.Context, q sqldb.Querier) error {
		r, err = sqldb.One(ctx, q, scanRegistration, selectRegistrationByUsername, username, micros(now))
		return err
	})
	return r, err
}
