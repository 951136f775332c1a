package operator

import (
	"context"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
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
	return o.EndAccount(ctx, account.ID, authcore.EventSessionsRevoked)
}

// EndAccount ends every session of an account, those too that the database does not know; kind is the event that tells its owner.
func (o *Operator) EndAccount(ctx context.Context, account uuid.UUID, kind authcore.EventKind) (Ended, error) {
	_, sessions, err := o.cfg.Store.EndAccount(ctx, account, o.cfg.Now(), o.event(kind, account))
	if err != nil {
		return Ended{}, err
	}
	return Ended{Account: &account, Sessions: sessions}, nil
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
	if ended.Sessions, err = session.EndEveryone(ctx, o.cfg.Store, o.cfg.Now, admin.ByOperator); err != nil {
		return ended, err
	}
	return ended, o.cfg.Store.Record(ctx, o.event(authcore.EventSessionsRevoked, uuid.Nil))
}

func (o *Operator) event(kind authcore.EventKind, account uuid.UUID) authcore.Effects {
	e := audit.Event(kind, account, authcore.Client{}, o.cfg.Now())
	e.Method = admin.ByOperator
	return authcore.Effects{Events: []authcore.Event{e}}
}
