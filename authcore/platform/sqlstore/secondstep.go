package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const pendingColumns = "id, account_id, account_epoch, session_id, token_digest, mode, method, amr, device_digest, device_name, short_lived, " +
	"trust_device, attempts_left, created_at, expires_at, enrolment, client_digest, wants_mfa, auth_time, provider_session"

func pendingInto(p *authcore.PendingSignIn) []any {
	return []any{&p.ID, &p.AccountID, &p.AccountEpoch, &optional{&p.SessionID}, &digest{&p.TokenDigest}, &p.Mode, &p.Method,
		&jsonList[string]{&p.AMR}, &digest{&p.DeviceDigest}, &p.DeviceName, &p.ShortLived, &p.TrustDevice, &p.AttemptsLeft,
		&stamp{&p.CreatedAt}, &stamp{&p.ExpiresAt}, &optional{&p.Enrolment}, &digest{&p.ClientDigest},
		&p.WantsMFA, &stamp{&p.AuthTime}, &providerSession{&p.Provider}}
}

// An account that is disabled, or past the epoch at which its owner gave the first proof, has no pending sign-in.
var insertPending = "insert into pending_signins (" + pendingColumns + ") select " + parameters(pendingColumns) +
	" from users where id = $2 and epoch = $3 and disabled_at is null"

// SavePending implements secondstep.Store.
func (s *Store) SavePending(ctx context.Context, p authcore.PendingSignIn, fx authcore.Effects) error {
	return s.change(ctx, "save pending sign-in", func(ctx context.Context, q *tx) error {
		if err := savePending(ctx, q, p); err != nil {
			return err
		}
		if err := endChallenge(ctx, q, p.Challenge, p.AccountID, p.CreatedAt); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}

func savePending(ctx context.Context, q sqldb.Querier, p authcore.PendingSignIn) error {
	n, err := sqldb.Exec(ctx, q, insertPending, p.ID, p.AccountID, p.AccountEpoch, orNull(p.SessionID), p.TokenDigest.Bytes(), string(p.Mode),
		p.Method, jsonText(p.AMR), digestOrNull(p.DeviceDigest), p.DeviceName, p.ShortLived, p.TrustDevice, p.AttemptsLeft,
		micros(p.CreatedAt), micros(p.ExpiresAt), orNull(p.Enrolment), digestOrNull(p.ClientDigest), p.WantsMFA, micros(p.AuthTime), providerText(p.Provider))
	if err == nil && n == 0 {
		err = authcore.ErrNotFound
	}
	if err != nil || p.Provider == nil {
		return err
	}
	return noteProvider(ctx, q, p.ID, p.AccountID, *p.Provider, p.ExpiresAt)
}

var selectPending = "select " + of("p", pendingColumns) + ", " + of("u", accountColumns) + `
	from pending_signins p join users u on u.id = p.account_id and u.epoch = p.account_epoch and u.disabled_at is null
	where p.id = $1 and p.token_digest = $2 and p.expires_at > $3 and p.attempts_left > 0
		and (p.session_id is null or exists (select 1 from sessions s where s.id = p.session_id and s.account_id = p.account_id and s.revoked_at is null and s.expires_at > $3))`

// Pending implements secondstep.Store.
func (s *Store) Pending(ctx context.Context, id uuid.UUID, token secret.Digest, now time.Time) (p authcore.PendingSignIn, a authcore.Account, err error) {
	err = s.Read(ctx, "find pending sign-in", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.One(ctx, q, func(r sqldb.Row) (struct{}, error) {
			return struct{}{}, r.Scan(append(pendingInto(&p), accountInto(&a)...)...)
		}, selectPending, id, token.Bytes(), micros(now))
		return err
	})
	return p, a, err
}

// One statement that asks and takes: between a question and a subtraction a hundred parallel guesses would fit (O01).
const spendAttempt = "update pending_signins set attempts_left = attempts_left - 1 where id = $1 and attempts_left > 0 and expires_at > $2"

// SpendAttempt implements secondstep.Store.
func (s *Store) SpendAttempt(ctx context.Context, id uuid.UUID, now time.Time) error {
	return s.onPending(ctx, "spend attempt", spendAttempt, id, micros(now))
}

const returnAttempt = "update pending_signins set attempts_left = attempts_left + 1 where id = $1 and expires_at > $2"

// ReturnAttempt implements secondstep.Store.
func (s *Store) ReturnAttempt(ctx context.Context, id uuid.UUID, now time.Time) error {
	return s.onPending(ctx, "return attempt", returnAttempt, id, micros(now))
}

const advancePending = "update pending_signins set amr = $3 where id = $1 and amr = $2 and expires_at > $4"

// AdvancePending implements secondstep.Store.
func (s *Store) AdvancePending(ctx context.Context, id uuid.UUID, from, to []string, now time.Time) error {
	return s.onPending(ctx, "advance pending sign-in", advancePending, id, jsonText(from), jsonText(to), micros(now))
}

const beginEnrolment = "update pending_signins set enrolment = $2 where id = $1 and expires_at > $3"

// BeginEnrolment implements secondstep.Store.
func (s *Store) BeginEnrolment(ctx context.Context, id, factor uuid.UUID, now time.Time) error {
	return s.onPending(ctx, "begin enrolment", beginEnrolment, id, factor, micros(now))
}

// onPending runs one statement that changes a pending sign-in. ErrNotFound when it changes none.
func (s *Store) onPending(ctx context.Context, step, statement string, args ...any) error {
	return s.Single(ctx, step, func(ctx context.Context, q sqldb.Querier) error {
		n, err := sqldb.Exec(ctx, q, statement, args...)
		if err == nil && n == 0 {
			err = authcore.ErrNotFound
		}
		return err
	})
}

const countTrusted = "select count(*) from devices where account_id = $1 and token_digest = $2 and trusted_until > $3"

// DeviceTrusted implements secondstep.Store.
func (s *Store) DeviceTrusted(ctx context.Context, account uuid.UUID, device secret.Digest, now time.Time) (trusted bool, err error) {
	err = s.Read(ctx, "look for trusted device", func(ctx context.Context, q sqldb.Querier) error {
		n, err := sqldb.One(ctx, q, sqldb.ScanInt, countTrusted, account, device.Bytes(), micros(now))
		trusted = n > 0
		return err
	})
	return trusted, err
}

const deviceByToken = "select id from devices where account_id = $1 and token_digest = $2"

// DeviceByToken implements attempt.Store.
func (s *Store) DeviceByToken(ctx context.Context, account uuid.UUID, token secret.Digest) (id uuid.UUID, err error) {
	err = s.Read(ctx, "look for known device", func(ctx context.Context, q sqldb.Querier) error {
		id, err = sqldb.One(ctx, q, scanID, deviceByToken, account, token.Bytes())
		return err
	})
	return id, err
}

// Of all who delete the row at once exactly one does, under READ COMMITTED too.
const deletePending = "delete from pending_signins where id = $1 and account_id = $2 and expires_at > $3"

// endPending ends the pending sign-in, or step-up, that the session is of; ErrNotFound when it is gone.
func endPending(ctx context.Context, q sqldb.Querier, pending uuid.UUID, of authcore.Session) error {
	if pending == uuid.Nil {
		return nil
	}
	n, err := sqldb.Exec(ctx, q, deletePending, pending, of.AccountID, micros(of.CreatedAt))
	if err == nil && n == 0 {
		err = authcore.ErrNotFound
	}
	return err
}

const (
	trustDevice = "update devices set trusted_until = $2 where id = $1"
	forgetReset = "update users set password_by = '' where id = $1"
)

// afterSecondStep writes what a second step brings besides the session, on a device of the account; zero where none is known.
func afterSecondStep(ctx context.Context, q sqldb.Querier, o authcore.SessionOpening, device uuid.UUID) (events []authcore.Event, err error) {
	if o.ForgetReset {
		if _, err := sqldb.Exec(ctx, q, forgetReset, o.Session.AccountID); err != nil {
			return nil, err
		}
	}
	if o.TrustUntil.IsZero() || device == uuid.Nil {
		return nil, nil
	}
	if _, err := sqldb.Exec(ctx, q, trustDevice, device, micros(o.TrustUntil)); err != nil {
		return nil, err
	}
	trusted := ofSession(o.Trusted, o.Session)
	trusted.DeviceID = device
	return []authcore.Event{trusted}, nil
}

// openOrWait opens the session of a sign-up, or stores the sign-in that waits for its second step.
func (s *Store) openOrWait(ctx context.Context, q *tx, a authcore.Account, e authcore.SignUp) (authcore.Session, error) {
	opening := e.Opening
	if opening.Session.ID == uuid.Nil {
		return authcore.Session{}, record(ctx, q, opening.Effects)
	}
	opening.Session.AccountID, opening.Session.AccountEpoch = a.ID, a.Epoch
	var waits *authcore.PendingSignIn
	if e.Pending != nil {
		waits = e.Pending(a)
	}
	if waits == nil {
		return s.open(ctx, q, opening)
	}
	if err := savePending(ctx, q, *waits); err != nil {
		return authcore.Session{}, err
	}
	fx := opening.Effects
	fx.Events = slices.DeleteFunc(slices.Clone(fx.Events), func(ev authcore.Event) bool { return ev.SessionID == opening.Session.ID })
	return authcore.Session{}, record(ctx, q, fx)
}
