package sqlstore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// In these statements {} is the column of the kind that they are about: see claimOf.
var (
	selectClaimer = "select " + accountColumns + ` from users where {} = $2 and {}_verified_at is null and not made_by_operator and id <> $3
		and id = (select user_id from identifiers where kind = $1 and value = $2)`
	// The row goes, so that the value can be somebody else's: who never verified it leaves no trust behind in it.
	unclaim     = "delete from identifiers where kind = $1 and value = $2 and user_id = $3"
	emptyClaim  = "update users set {} = '', updated_at = $2 where id = $1"
	dropPending = `update users set pending_{} = '', pending_{}_until = null where id in (select id from users
		where pending_{} = $1 and id <> $2 order by id`
	dropGivenUp        = "delete from identifiers where kind = 'phone' and value = $1 and user_id <> $2 and not is_current"
	countIdentifiers   = `select count(*) from identifiers where user_id = $1 and is_current and (kind = $2 or kind = $3 or kind = $4)`
	disableUnreachable = "update users set disabled_at = $2, epoch = epoch + 1, updated_at = $2 where id = $1 returning " + accountColumns
	dropCodes          = "delete from challenges where account_id = $1"
)

// claimOf returns a statement for addresses or for numbers.
func claimOf(kind authcore.IdentifierKind, statement string) string {
	return strings.ReplaceAll(statement, "{}", string(kind))
}

// takeClaims ends what other accounts than keeper claim of a value that somebody has verified just now: pending claims die, and an
// account that is found by it without ever having verified it loses it. So nobody gets an account that a stranger has made for
// their address, with whatever is planted in it (pre-hijacking, Sudhodanan and Paverd 2022), and nobody loses one: who only
// claimed the address keeps theirs without it, or has it closed where nothing else finds it. closed is recorded of that account.
//
// Nothing happens where the kind is none of unique, the kinds that find accounts: then a value may be many accounts'.
func (s *Store) takeClaims(ctx context.Context, q *tx, id authcore.Identifier, keeper uuid.UUID, unique []authcore.IdentifierKind,
	closed authcore.Event, now time.Time) error {
	if !slices.Contains(unique, id.Kind) {
		return nil
	}
	if _, err := sqldb.Exec(ctx, q, claimOf(id.Kind, dropPending)+s.Dialect().ForUpdate+")", id.Value, keeper); err != nil {
		return err
	}
	if id.Kind == authcore.KindPhone { // numbers are handed out again
		if _, err := sqldb.Exec(ctx, q, dropGivenUp, id.Value, keeper); err != nil {
			return err
		}
	}
	a, err := sqldb.One(ctx, q, scanAccount, claimOf(id.Kind, selectClaimer)+s.Dialect().ForUpdate, string(id.Kind), id.Value, keeper)
	if errors.Is(err, authcore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := sqldb.Exec(ctx, q, unclaim, string(id.Kind), id.Value, a.ID); err != nil {
		return err
	}
	if _, err := sqldb.Exec(ctx, q, claimOf(id.Kind, emptyClaim), a.ID, micros(now)); err != nil {
		return err
	}
	// They went to the address, which is somebody else's now.
	if _, err := sqldb.Exec(ctx, q, dropCodes, a.ID); err != nil {
		return err
	}
	return s.closeUnreachable(ctx, q, a.ID, unique, closed, now)
}

// closeUnreachable disables an account that nothing finds any more, and ends its sessions.
func (s *Store) closeUnreachable(ctx context.Context, q *tx, account uuid.UUID, unique []authcore.IdentifierKind, closed authcore.Event,
	now time.Time) error {
	var kinds [3]string
	for i, k := range unique[:min(len(unique), len(kinds))] {
		kinds[i] = string(k)
	}
	n, err := sqldb.One(ctx, q, sqldb.ScanInt, countIdentifiers, account, kinds[0], kinds[1], kinds[2])
	if err != nil || n > 0 {
		return err
	}
	a, err := sqldb.One(ctx, q, scanAccount, disableUnreachable, account, micros(now))
	if err != nil {
		return err
	}
	if _, err := s.endSessions(ctx, q, a, now); err != nil {
		return err
	}
	closed.AccountID = account
	return record(ctx, q, authcore.Effects{Events: []authcore.Event{closed}})
}
