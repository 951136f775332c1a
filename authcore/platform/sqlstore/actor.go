package sqlstore

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	selectActor = `select u.epoch from users u join sessions s on s.account_id = u.id
		where u.id = $1 and u.epoch = $2 and u.disabled_at is null and s.id = $3 and s.revoked_at is null`
	selectEpoch = "select epoch from users where id = $1 and epoch = $2"
)

// actedBy runs a change for the [authcore.Actor] of the context, or refuses it with [authcore.ErrSessionEnded]. Another node may have
// ended the session a moment ago, by "This was not me" say, and this one's memory learns of that within a second: until then a thief
// could still begin here to change what the owner has just taken back (S08). Sessions and epochs are what the database says, and so the
// question is asked in the transaction of the change, in this one place for all changes.
func actedBy(ctx context.Context, t *tx, do func(ctx context.Context, t *tx) error) error {
	who, ok := authcore.Actor(ctx)
	if !ok {
		return do(ctx, t)
	}
	if err := lives(ctx, t, selectActor, who.AccountID, who.Epoch, who.SessionID); err != nil {
		return err
	}
	if err := do(ctx, t); err != nil {
		return err
	}
	// Whoever raises the epoch holds the account's row meanwhile. A change of that row has waited for them, and only sees now what
	// they did; the epoch that the change itself has raised is one more than the actor's.
	for _, r := range t.done.Revocations {
		if r.AccountID == who.AccountID && r.SessionID == uuid.Nil && r.Epoch != 0 {
			if r.Epoch != who.Epoch+1 {
				return authcore.ErrSessionEnded
			}
			return nil
		}
	}
	return lives(ctx, t, selectEpoch, who.AccountID, who.Epoch)
}

func lives(ctx context.Context, q sqldb.Querier, question string, args ...any) error {
	_, err := sqldb.One(ctx, q, sqldb.ScanInt, question, args...)
	if errors.Is(err, authcore.ErrNotFound) {
		return authcore.ErrSessionEnded
	}
	return err
}
