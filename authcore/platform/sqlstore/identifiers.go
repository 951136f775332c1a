package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const isTaken = "select count(*) from identifiers where kind = $1 and value = $2 and user_id <> $3"

// IdentifierTaken implements signup.Store.
func (s *Store) IdentifierTaken(ctx context.Context, id authcore.Identifier, except uuid.UUID) (taken bool, err error) {
	err = s.Read(ctx, "look up identifier", func(ctx context.Context, q sqldb.Querier) error {
		n, err := sqldb.One(ctx, q, sqldb.ScanInt, isTaken, string(id.Kind), id.Value, except)
		if taken = n > 0; taken || err != nil {
			return err
		}
		taken, err = s.former.reserved(ctx, q, id)
		return err
	})
	return taken, err
}

// claimIdentifier changes no row when the value is, or ever was, another account's.
const claimIdentifier = `insert into identifiers (kind, value, user_id, is_current, claimed_at)
	values ($1, $2, $3, true, $4)
	on conflict (kind, value) do update set is_current = true where identifiers.user_id = excluded.user_id`

// claim makes the account found by ids; *authcore.TakenError for the first that belongs to another.
func claim(ctx context.Context, q *tx, account uuid.UUID, ids []authcore.Identifier, now time.Time) error {
	for _, id := range ids {
		if reserved, err := q.former.reserved(ctx, q, id); err != nil {
			return err
		} else if reserved {
			return &authcore.TakenError{Field: id.Kind}
		}
	}
	// One order for all: two who claim the same values would wait for each other.
	inOrder := slices.SortedFunc(slices.Values(ids), func(a, b authcore.Identifier) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value))
	})
	for _, id := range inOrder {
		n, err := sqldb.Exec(ctx, q, claimIdentifier, string(id.Kind), id.Value, account, micros(now))
		if err != nil {
			return err
		}
		if n == 0 {
			return firstTaken(ctx, q, account, ids)
		}
	}
	return nil
}

func firstTaken(ctx context.Context, q sqldb.Querier, account uuid.UUID, ids []authcore.Identifier) error {
	for _, id := range ids {
		n, err := sqldb.One(ctx, q, sqldb.ScanInt, isTaken, string(id.Kind), id.Value, account)
		if err != nil {
			return err
		}
		if n > 0 {
			return &authcore.TakenError{Field: id.Kind}
		}
	}
	return errors.New("an identifier is taken and free")
}

const releaseIdentifiers = `update identifiers set is_current = false
	where user_id = $1 and kind = $2 and value <> $3 and is_current`

// release makes the account no longer found by the values of a kind, except keep. They stay its own for ever: a name
// given to somebody new would inherit the trust, and the mail, of the old owner.
func release(ctx context.Context, q sqldb.Querier, account uuid.UUID, kind authcore.IdentifierKind, keep string) error {
	_, err := sqldb.Exec(ctx, q, releaseIdentifiers, account, string(kind), keep)
	return err
}

const claimPage = 1000

// A page of accounts, oldest first, with what they hold in one kind and whether they are found by it. The bounds are
// the last account of the page before.
const (
	holdersOfEmail = `select u.id, u.created_at, u.email, coalesce(i.user_id = u.id and i.is_current, false)
		from users u left join identifiers i on i.kind = 'email' and i.value = u.email
		where (u.created_at, u.id) > ($1, $2) and (u.email_verified_at is not null) = $3
		order by u.created_at, u.id limit $4`
	holdersOfUsername = `select u.id, u.created_at, u.username, coalesce(i.user_id = u.id and i.is_current, false)
		from users u left join identifiers i on i.kind = 'username' and i.value = u.username
		where (u.created_at, u.id) > ($1, $2)
		order by u.created_at, u.id limit $3`
	// A number that nobody has verified was a contact number: whoever typed it must not sign in by it.
	holdersOfPhone = `select u.id, u.created_at, u.phone, coalesce(i.user_id = u.id and i.is_current, false)
		from users u left join identifiers i on i.kind = 'phone' and i.value = u.phone
		where (u.created_at, u.id) > ($1, $2) and u.phone_verified_at is not null
		order by u.created_at, u.id limit $3`
)

type holder struct {
	id      uuid.UUID
	created int64
	value   string
	found   bool
}

func scanHolder(r sqldb.Row) (h holder, err error) {
	return h, r.Scan(&h.id, &h.created, &h.value, &h.found)
}

// ClaimIdentifiers implements storetest.Store. Where several accounts hold one value the oldest gets it, and a verified
// address goes before an unverified one. Of numbers only verified ones are claimed. It works in pages: stopped half-way, it has claimed some, and the next call goes on.
func (s *Store) ClaimIdentifiers(ctx context.Context, kinds []authcore.IdentifierKind, now time.Time) (conflicts int, err error) {
	if conflicts, err = s.claimKinds(ctx, kinds, now); err != nil {
		return conflicts, err
	}
	if noted, err := s.ClaimedIdentifiers(ctx, kinds); noted || err != nil {
		return conflicts, err
	}
	return conflicts, s.Single(ctx, "note claimed identifiers", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, noteClaimed, kindsText(kinds))
		return err
	})
}

// The kinds of which ClaimIdentifiers has claimed all, the last time that it came to its end.
const (
	noteClaimed  = "insert into settings (name, value) values ('claimed_identifiers', $1) on conflict (name) do update set value = excluded.value"
	notedClaimed = "select value from settings where name = 'claimed_identifiers'"
	oneAccount   = "select coalesce(min(first_name), '') from (select first_name from users limit 1) as one"
)

func kindsText(kinds []authcore.IdentifierKind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// ClaimedIdentifiers reports whether ClaimIdentifiers has come to its end with these very kinds, the last time that it did. Accounts that
// other nodes have made since, by other kinds, may be unclaimed all the same: it wants to be called again, and need not be waited for.
// A database file whose accounts cannot be read is an error here, before anybody is served, as where they are claimed.
func (s *Store) ClaimedIdentifiers(ctx context.Context, kinds []authcore.IdentifierKind) (claimed bool, err error) {
	err = s.Read(ctx, "look for claimed identifiers", func(ctx context.Context, q sqldb.Querier) error {
		noted, err := sqldb.One(ctx, q, sqldb.ScanText, notedClaimed)
		claimed = err == nil && noted == kindsText(kinds)
		if err != nil && !errors.Is(err, authcore.ErrNotFound) {
			return err
		}
		_, err = sqldb.One(ctx, q, sqldb.ScanText, oneAccount)
		return err
	})
	return claimed, err
}

func (s *Store) claimKinds(ctx context.Context, kinds []authcore.IdentifierKind, now time.Time) (conflicts int, err error) {
	for _, kind := range kinds {
		passes := []page{{text: holdersOfUsername}}
		switch kind {
		case authcore.KindUsername:
		case authcore.KindPhone:
			passes = []page{{text: holdersOfPhone}}
		case authcore.KindEmail:
			passes = []page{{text: holdersOfEmail, filter: []any{true}}, {text: holdersOfEmail, filter: []any{false}}}
		default:
			return conflicts, fmt.Errorf("claim identifiers: no such kind: %s", kind)
		}
		for _, p := range passes {
			n, err := s.claimAll(ctx, kind, p, now)
			conflicts += n
			if err != nil {
				return conflicts, err
			}
		}
	}
	return conflicts, nil
}

// page is a query for holders; filter are its parameters between the bounds and the limit.
type page struct {
	text   string
	filter []any
}

func (s *Store) claimAll(ctx context.Context, kind authcore.IdentifierKind, p page, now time.Time) (conflicts int, err error) {
	last := holder{created: -1 << 62}
	for {
		var holders []holder
		err := s.Read(ctx, "find unclaimed identifiers", func(ctx context.Context, q sqldb.Querier) (err error) {
			args := append([]any{last.created, last.id}, p.filter...)
			holders, err = sqldb.All(ctx, q, scanHolder, p.text, append(args, claimPage)...)
			return err
		})
		if err != nil {
			return conflicts, err
		}
		for _, h := range holders {
			if h.found || h.value == "" {
				continue
			}
			err := s.change(ctx, "claim identifier", func(ctx context.Context, q *tx) error {
				return claim(ctx, q, h.id, []authcore.Identifier{{Kind: kind, Value: h.value}}, now)
			})
			var taken *authcore.TakenError
			if errors.As(err, &taken) {
				conflicts++
			} else if err != nil {
				return conflicts, err
			}
		}
		if len(holders) < claimPage {
			return conflicts, nil
		}
		last = holders[len(holders)-1]
	}
}
