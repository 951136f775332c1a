package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

// readsApart is within which time reads of one list by one caller are one event.
const readsApart = time.Minute

// GateStore is what a Gate reads and writes.
type GateStore interface {
	// AccountByID returns the account, disabled or not. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (authcore.Account, error)
	// LiveSessions returns those of the sessions that go on.
	LiveSessions(ctx context.Context, ids []uuid.UUID, now time.Time) ([]authcore.LiveSession, error)
	// Record writes what no change belongs to.
	Record(ctx context.Context, fx authcore.Effects) error
	// RecordRead writes e unless there is an event of its kind, actor and account that is later than since.
	RecordRead(ctx context.Context, e authcore.Event, since time.Time) error
}

// Still is asked again and again by a call of the administration that lasts: what Admit asks, but for the limit, and whether the session lives.
// [authcore.InvalidToken] where it does not.
func (g *Gate) Still(ctx context.Context, c Call) error {
	if err := g.admit(ctx, c.Actor, c.Access, func() error { return nil }); err != nil {
		return err
	}
	live, err := g.cfg.Store.LiveSessions(ctx, []uuid.UUID{c.SessionID}, g.cfg.Now.Now())
	if err == nil && len(live) == 0 {
		err = authcore.Refuse(authcore.InvalidToken, "The session has ended.")
	}
	return err
}

// GateConfig is what a Gate needs. All of it is required but where it says otherwise.
type GateConfig struct {
	Store  GateStore
	Admins authcore.Admins // of the option; none is possible
	// Ended is told how each call has ended, those too that were refused. It must return at once; nil is nobody.
	Ended func(error)
	Now   authcore.Clock
}

// Gate is passed by every call of the administration, of the API and of the console: it says who may make it, has it counted, and has it
// told by an event. It is safe for concurrent use.
type Gate struct{ cfg GateConfig }

// NewGate checks cfg.
func NewGate(cfg GateConfig) (*Gate, error) {
	if cfg.Store == nil || cfg.Now == nil {
		return nil, errors.New("admin: store and clock are required")
	}
	if cfg.Ended == nil {
		cfg.Ended = func(error) {}
	}
	return &Gate{cfg}, nil
}

// Roles returns the roles of somebody who is signed in as the database has them now. [authcore.InvalidToken] where the account is gone or
// disabled; [authcore.Unavailable].
func (g *Gate) Roles(ctx context.Context, account uuid.UUID) ([]string, error) {
	a, err := authcore.Owner(g.cfg.Store.AccountByID(ctx, account))
	return g.cfg.Admins.Roles(a), err
}

// Admit lets a call pass, or refuses it: [authcore.Forbidden] for whoever is neither an administrator nor, where the call only reads, an
// auditor; what count returns, which counts it against the limit admin; [authcore.InvalidToken]; [authcore.Unavailable]. Roles are those of the database and not of the token: whoever
// has lost one administers nothing from that moment, on every node (S17).
// An event tells of who is refused for want of a role, once a minute for each kind of call (M07). A zero Kind is no call: a page that reads
// nothing.
func (g *Gate) Admit(ctx context.Context, c Call, count func() error) error {
	err := g.admit(ctx, c.Actor, c.Access, count)
	if err == nil {
		return nil
	}
	g.cfg.Ended(err)
	if c.Kind != "" && authcore.CodeOf(err) == authcore.Forbidden {
		e := g.event(c)
		e.Result = string(authcore.Forbidden)
		_ = g.cfg.Store.RecordRead(context.WithoutCancel(ctx), e, e.At.Add(-readsApart)) // they are refused all the same
	}
	return err
}

func (g *Gate) event(c Call) authcore.Event {
	e := audit.Event(c.Kind, uuid.Nil, c.Client, g.cfg.Now.Now())
	e.ActorID, e.SessionID, e.Via = c.Actor, c.SessionID, authcore.ViaSession
	return e
}

func (g *Gate) admit(ctx context.Context, account uuid.UUID, access authcore.Access, count func() error) error {
	roles, err := g.Roles(ctx, account)
	switch {
	case err != nil:
		return err
	case slices.Contains(roles, authcore.RoleAdmin):
	case !slices.Contains(roles, authcore.RoleAuditor):
		return authcore.Refuse(authcore.Forbidden, "This is for administrators and auditors.")
	case access != authcore.Reads:
		return ForAdministrators()
	}
	return count()
}

// ForAdministrators is the refusal of an auditor who would change something.
func ForAdministrators() error {
	return authcore.Refuse(authcore.Forbidden, "Auditors change nothing. This is for administrators.")
}

// Call says who makes an admitted call, and which.
type Call struct {
	Kind      authcore.EventKind // of its event, admin.<resource>.<verb>
	Access    authcore.Access
	Actor     uuid.UUID
	SessionID uuid.UUID
	Client    authcore.Client
}

// Begin returns the context in which an admitted call is performed, and how it is ended. The event of a change is written by its own
// transaction. End writes that of every other call, before the answer is sent: a read, a change that had nothing to do, a refusal (by its
// code). It returns the error to answer with: its own where the event could not be written. Its first call alone counts.
func (g *Gate) Begin(ctx context.Context, c Call) (within context.Context, end func(error) error) {
	call, ended := authcore.NewAdminCall(g.event(c)), false
	return authcore.WithAdminCall(ctx, call), func(err error) error {
		if ended {
			return err
		}
		ended = true
		if !call.Written() {
			if failed := g.record(ctx, c, call, err); failed != nil && err == nil {
				err = failed
			}
		}
		g.cfg.Ended(err)
		return err
	}
}

func (g *Gate) record(ctx context.Context, c Call, call *authcore.AdminCall, err error) error {
	if err != nil {
		// Who hangs up, and a store that is away, keep no refusal from being told as well as may be.
		return g.cfg.Store.Record(context.WithoutCancel(ctx), authcore.Effects{Events: []authcore.Event{call.Event(string(authcore.CodeOf(err)))}})
	}
	if e := call.Event(audit.Success); c.Access == authcore.Reads {
		err = g.cfg.Store.RecordRead(ctx, e, e.At.Add(-readsApart))
	} else {
		err = g.cfg.Store.Record(ctx, authcore.Effects{Events: []authcore.Event{e}})
	}
	if err != nil {
		return fmt.Errorf("record call of the administration: %w", err)
	}
	return nil
}
