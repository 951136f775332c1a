package sqlstore

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// Digester returns the keyed digest of an identifier, the same on every node and for ever: a dump of the database must not tell
// which names and addresses left accounts had, also not to whoever tries all there are.
type Digester func(authcore.Identifier) secret.Digest

// NewDigester makes one of a key, which is asked for at each use.
func NewDigester(key func() secret.MACKey) Digester {
	return func(id authcore.Identifier) secret.Digest { return key().MAC([]byte(id.Kind), []byte(id.Value)) }
}

// WithDigester returns a Store on the same database that knows what deleted accounts were found by. Without a Digester a Store can
// neither claim nor look up usernames, and verifies no address.
func (s *Store) WithDigester(d Digester) *Store {
	derived := *s
	derived.former = d
	return &derived
}

func (d Digester) of(id authcore.Identifier) ([]byte, error) {
	if d == nil {
		return nil, errors.New("this store has no key for the digests of former identifiers")
	}
	return d(id).Bytes(), nil
}

const isReserved = "select count(*) from former_identifiers where kind = $1 and digest = $2"

// reserved reports whether a deleted account had the username: whoever got it would be taken for its former owner. Addresses are
// given again by those who hand them out, so they are never reserved; see verified.
func (d Digester) reserved(ctx context.Context, q sqldb.Querier, id authcore.Identifier) (bool, error) {
	if id.Kind != authcore.KindUsername {
		return false, nil
	}
	sum, err := d.of(id)
	if err != nil {
		return false, err
	}
	n, err := sqldb.One(ctx, q, sqldb.ScanInt, isReserved, string(id.Kind), sum)
	return n > 0, err
}

// Of two accounts that verify one address at once the later waits here for the row of the first.
const (
	rememberVerified = `insert into former_identifiers (kind, digest, account_id, at) values ($1, $2, $3, $4)
		on conflict (kind, digest) do update set account_id =
			case when former_identifiers.account_id = excluded.account_id then excluded.account_id end
		returning account_id`
	// Accounts of the releases before are not remembered.
	countOthersVerified = "select count(*) from users where email = $1 and email_verified_at is not null and id <> $2"
	markReused          = "update users set email_reused = $2 where id = $1"
)

func scanOptionalID(r sqldb.Row) (id uuid.UUID, err error) { return id, r.Scan(&optional{&id}) }

// verified remembers who has verified the address of a, and marks a if another account has before, even if it is deleted or is known
// by another address now. Services take Remote-User for the name of an account: under that address they would let whoever has it
// today into what its former owner has there. Every change that verifies an address calls it, in the same transaction.
func verified(ctx context.Context, q *tx, a *authcore.Account) error {
	if !a.EmailVerified() {
		return nil
	}
	sum, err := q.former.of(authcore.Identifier{Kind: authcore.KindEmail, Value: a.Email})
	if err != nil {
		return err
	}
	only, err := sqldb.One(ctx, q, scanOptionalID, rememberVerified, string(authcore.KindEmail), sum, a.ID, micros(a.EmailVerifiedAt))
	if err != nil {
		return err
	}
	others, err := sqldb.One(ctx, q, sqldb.ScanInt, countOthersVerified, a.Email, a.ID)
	if err != nil {
		return err
	}
	reused := only != a.ID || others > 0
	if reused == a.EmailReused {
		return nil
	}
	a.EmailReused = reused
	_, err = sqldb.Exec(ctx, q, markReused, a.ID, reused)
	return err
}

const (
	reserveUsername = `insert into former_identifiers (kind, digest, at) values ($1, $2, $3) on conflict (kind, digest) do nothing`
	disownVerified  = "update former_identifiers set account_id = null where account_id = $1"
)

// leave keeps the usernames of an account that is deleted reserved, and its verified addresses known.
func leave(ctx context.Context, q *tx, a authcore.Account, had []authcore.Identifier, at any) error {
	for _, id := range had {
		if id.Kind != authcore.KindUsername {
			continue
		}
		sum, err := q.former.of(id)
		if err != nil {
			return err
		}
		if _, err := sqldb.Exec(ctx, q, reserveUsername, string(id.Kind), sum, at); err != nil {
			return err
		}
	}
	if err := verified(ctx, q, &a); err != nil { // of an account of a release before, which is not remembered
		return err
	}
	_, err := sqldb.Exec(ctx, q, disownVerified, a.ID)
	return err
}
