package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// SessionStore is what Sessions reads and ends.
type SessionStore interface {
	session.EveryoneStore
	// SessionsOfAll returns a page of live sessions, the newest first. It tests at most Tested rows and then ends early.
	SessionsOfAll(ctx context.Context, q SessionQuery) (SessionPage, error)
	// EndSessions ends those sessions in ids that are live, with their child sessions, and writes the effects of what has ended in the
	// same transaction. ErrNotFound where none is live.
	EndSessions(ctx context.Context, ids []uuid.UUID, now time.Time, told session.Told) ([]authcore.Revocation, error)
}

// SessionFilter says which sessions a list has: those that all of it fits. Zero fields ask for nothing.
type SessionFilter struct {
	Account uuid.UUID
	Addr    string // where it was last seen, as [audit.Addr] writes it
	Host    string // that it was handed over to, with its port unless that is the default
}

// SessionQuery asks a store for a page.
type SessionQuery struct {
	SessionFilter
	Older cursor.Position // those that began before it; zero: from the newest on
	Limit int
	Now   time.Time
}

// SessionPage is a page as a store answers it.
type SessionPage struct {
	Sessions []authcore.Session
	// Next is where the following page begins; zero at the end.
	Next cursor.Position
}

// SessionListing asks for a page of sessions.
type SessionListing struct {
	SessionFilter
	IP     string // in place of Addr, as it was typed
	Limit  int    // 1 to [cursor.MaxLimit]; 0 is [cursor.DefaultLimit]
	Cursor string
}

// ListedSessions is a page of sessions.
type ListedSessions struct {
	Sessions []authcore.Session
	Next     string // "" at the end
}

// SessionsConfig is what Sessions needs; all of it is required.
type SessionsConfig struct {
	Store   SessionStore
	Cursors *cursor.Signer
	Now     authcore.Clock
}

// Sessions shows administrators the sessions of everybody, and ends them. It is safe for concurrent use.
type Sessions struct{ cfg SessionsConfig }

// NewSessions checks cfg.
func NewSessions(cfg SessionsConfig) (*Sessions, error) {
	if cfg.Store == nil || cfg.Cursors == nil || cfg.Now == nil {
		return nil, errors.New("admin: store, cursors and clock are required")
	}
	return &Sessions{cfg}, nil
}

// List returns a page of live sessions to somebody who administers, to whom alone its cursor is of use. Refusals: [authcore.InvalidRequest]
// for an address, limit or cursor that is none, and for the cursor of another filter; [authcore.Unavailable].
func (s *Sessions) List(ctx context.Context, caller uuid.UUID, l SessionListing) (listed ListedSessions, err error) {
	l.Limit = cmp.Or(l.Limit, cursor.DefaultLimit)
	if err := cursor.CheckLimit(l.Limit); err != nil {
		return listed, err
	}
	if l.IP != "" {
		addr, err := netip.ParseAddr(l.IP)
		if err != nil {
			return listed, authcore.Refuse(authcore.InvalidRequest, "ip is an address.")
		}
		l.Addr = audit.Addr(authcore.Client{Addr: addr})
	}
	which := cursor.Filtered(cursor.Sessions, l.SessionFilter)
	older, err := s.cfg.Cursors.Read(which, caller, l.Cursor)
	if err != nil {
		return listed, err
	}
	page, err := s.cfg.Store.SessionsOfAll(ctx, SessionQuery{SessionFilter: l.SessionFilter, Older: older, Limit: l.Limit, Now: s.cfg.Now.Now()})
	if err != nil {
		return listed, fmt.Errorf("list sessions: %w", err)
	}
	authcore.AdminCallOf(ctx).About(l.Account)
	listed.Sessions = page.Sessions
	if !page.Next.IsZero() {
		listed.Next = s.cfg.Cursors.Sign(which, caller, page.Next)
	}
	return listed, nil
}

// End ends the sessions in ids, whosever they are, with the child sessions that hang on them. It returns how many were live. The owner's
// security log tells of each (M07). method is [ByOperator], or "" for an administrator. [authcore.Unavailable].
func (s *Sessions) End(ctx context.Context, ids []uuid.UUID, method string) (int, error) {
	now, call := s.cfg.Now.Now(), authcore.AdminCallOf(ctx)
	call.Note("ids", ids)
	tell := session.EndedByAdmin(method, now)
	gone, err := s.cfg.Store.EndSessions(ctx, ids, now, func(ended []authcore.Revocation) authcore.Effects {
		call.About(ownerOf(ended))
		return tell(ended)
	})
	if err != nil && !errors.Is(err, authcore.ErrNotFound) {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	return len(gone), nil
}

// ownerOf returns whose all the sessions are; the zero id where they are of several.
func ownerOf(ended []authcore.Revocation) uuid.UUID {
	for _, r := range ended {
		if r.AccountID != ended[0].AccountID {
			return uuid.Nil
		}
	}
	return ended[0].AccountID
}

// EndOne ends one session as End does. [authcore.NotFound] where it is not live.
func (s *Sessions) EndOne(ctx context.Context, id uuid.UUID) error {
	n, err := s.End(ctx, []uuid.UUID{id}, "")
	if err == nil && n == 0 {
		return NoSession()
	}
	return err
}

// NoSession is the refusal of an id that no live session has.
func NoSession() error { return authcore.Refuse(authcore.NotFound, "There is no such session.") }

// EndAll ends every session of everybody, the caller's too, some hundreds at once: what ended before an error stays ended, and the call
// may be repeated. It returns how many were live. [authcore.Unavailable].
func (s *Sessions) EndAll(ctx context.Context, method string) (int, error) {
	authcore.AdminCallOf(ctx).Note("all", true)
	return session.EndEveryone(ctx, s.cfg.Store, s.cfg.Now, method)
}
