package operator

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

// Ended tells what an operation has ended.
type Ended struct {
	Account  *uuid.UUID `json:"account,omitempty"` // whose sessions; nil for everybody's
	Sessions int        `json:"sessions"`
	// Keys of access tokens that were removed, and codes and links that were voided: where everybody is signed out.
	Keys  int `json:"keys"`
	Codes int `json:"codes"`
}

// RevokeUser ends every session of the account that has the given id, address or username. An [authcore.Error] says that
// there is none.
func (o *Operator) RevokeUser(ctx context.Context, who string) (Ended, error) {
	account, err := admin.Find(ctx, o.cfg.Store, who)
	if err != nil {
		return Ended{}, err
	}
	now := o.cfg.Now()
	_, sessions, err := o.cfg.Store.EndAccount(ctx, account.ID, now, o.event(account.ID))
	if err != nil {
		return Ended{}, err
	}
	return Ended{Account: &account.ID, Sessions: sessions}, nil
}

// RevokeAll signs everybody out: whoever signed in before it began, whatever they hold.
//
// The keys of access tokens go first, and at once. So it reaches tokens of sessions that the database does not know, as
// after a backup was restored: their sessions and their accounts' later epochs are gone, and nothing but the key that signed
// them can be taken back. Refresh tokens of such sessions find no row; those of the sessions that are there end row by row,
// each with a revocation, so that nodes that cannot read the database hear of it by the feed, and open connections are closed.
// Codes and links go too: a backup may bring back some that were used.
func (o *Operator) RevokeAll(ctx context.Context) (Ended, error) {
	var ended Ended
	var err error
	if ended.Keys, err = o.cfg.Keys.Replace(ctx); err != nil {
		return ended, err
	}
	if ended.Codes, err = o.cfg.Store.VoidChallenges(ctx, o.cfg.Now()); err != nil {
		return ended, err
	}
	if ended.Sessions, err = o.endSessions(ctx); err != nil {
		return ended, err
	}
	return ended, o.cfg.Store.Record(ctx, o.event(uuid.Nil))
}

func (o *Operator) endSessions(ctx context.Context) (sessions int, err error) {
	for at := uuid.Nil; at != uuid.Max; {
		var revoked []authcore.Revocation
		if revoked, at, err = o.cfg.Store.EndNext(ctx, at, o.cfg.Now()); err != nil {
			return sessions, fmt.Errorf("after %d sessions, do it again: %w", sessions, err)
		}
		sessions += len(revoked)
	}
	return sessions, nil
}

func (o *Operator) event(account uuid.UUID) authcore.Effects {
	e := audit.Event(authcore.EventSessionsRevoked, account, authcore.Client{}, o.cfg.Now())
	e.Method = admin.ByOperator
	return authcore.Effects{Events: []authcore.Event{e}}
}
