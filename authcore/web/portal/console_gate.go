package portal

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// Administration is what the console does beside showing figures and events.
type Administration struct {
	Gate       *admin.Gate
	Directory  *admin.Directory
	Users      *admin.Users
	Unlocker   *admin.Unlocker
	BlockRules *block.Manager
	Admins     authcore.Admins // of the option; none is possible
	Tuning     *tuning.Flow
	// SigningKeys are listed and rotated.
	SigningKeys SigningKeys
	Explain     Explainer
	Health      Doctor
}

func (a Administration) complete() bool {
	return a.Gate != nil && a.Directory != nil && a.Users != nil && a.Unlocker != nil && a.BlockRules != nil && a.Tuning != nil && a.SigningKeys != nil &&
		a.Explain != nil && a.Health != nil
}

// consoleGate stands before what the console reads and does, as it stands before the calls of the API: roles as the database has them, the
// limit admin, and the event of the call (S17, M07).
type consoleGate struct{ gate *admin.Gate }

// reads performs what administrators and auditors may; kind is the event of the call of the API that it stands for.
func (g consoleGate) reads(q *page.Request, kind authcore.EventKind, do func(context.Context) error) error {
	return g.call(q, kind, authcore.Reads, do)
}

// changes performs what administrators alone may.
func (g consoleGate) changes(q *page.Request, kind authcore.EventKind, do func(context.Context) error) error {
	return g.call(q, kind, authcore.Changes, do)
}

// admits lets administrators and auditors pass to a page that reads nothing.
func (g consoleGate) admits(q *page.Request) error {
	return g.admit(q, callOf(q, "", authcore.Reads))
}

func callOf(q *page.Request, kind authcore.EventKind, access authcore.Access) admin.Call {
	return admin.Call{Kind: kind, Access: access, Actor: q.User.AccountID, SessionID: q.User.SessionID, Client: q.Info.Client}
}

func (g consoleGate) admit(q *page.Request, c admin.Call) error {
	ctx := q.R.Context()
	return g.gate.Admit(ctx, c, func() error {
		return q.Limits.TakeAccount(ctx, q.W.Header(), authcore.LimitAdmin, consolePath, q.User.AccountID)
	})
}

func (g consoleGate) call(q *page.Request, kind authcore.EventKind, access authcore.Access, do func(context.Context) error) error {
	c := callOf(q, kind, access)
	if err := g.admit(q, c); err != nil {
		return err
	}
	within, end := g.gate.Begin(q.R.Context(), c)
	err := do(within)
	if authcore.IsAnonymous(err) { // an account that is gone, and not the caller's: they stay signed in
		err = authcore.Refuse(authcore.NotFound, "There is no such account.").Because(err)
	}
	return end(err)
}
