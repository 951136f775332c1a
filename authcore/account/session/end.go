package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// End signs out the session of an access token, and where it is a parent its child sessions. Ending a session that is not
// live any more is no error.
func (s *Sessions) End(ctx context.Context, p *authcore.Principal, c authcore.Client) error {
	_, err := s.end(ctx, authcore.EventSignedOut, p.AccountID, []uuid.UUID{p.SessionID}, false, c)
	return err
}

// EndEverywhere signs out the session of an access token on every host that it was handed over to, and where it comes from.
func (s *Sessions) EndEverywhere(ctx context.Context, p *authcore.Principal, c authcore.Client) error {
	return s.endFamily(ctx, p.AccountID, p.SessionID, c)
}

// EndEverywhereByRefresh is EndEverywhere for a refresh token, with the rule of EndByRefresh for tokens that are dead.
func (s *Sessions) EndEverywhereByRefresh(ctx context.Context, token string, c authcore.Client) error {
	id, account, ok, err := s.issuedFor(ctx, token)
	if err != nil || !ok {
		return err
	}
	return s.endFamily(ctx, account, id, c)
}

func (s *Sessions) endFamily(ctx context.Context, account, id uuid.UUID, c authcore.Client) error {
	ev := audit.Event(authcore.EventSignedOut, account, c, s.now())
	ev.SessionID = id
	if _, err := s.cfg.Store.RevokeFamily(ctx, account, id, s.now(), authcore.Effects{Events: []authcore.Event{ev}}); err != nil {
		return fmt.Errorf("revoke sessions of family: %w", err)
	}
	return nil
}

// Ends returns how a session is signed out: End and EndByRefresh, or everywhere.
func (s *Sessions) Ends(everywhere bool) (byAccess func(context.Context, *authcore.Principal, authcore.Client) error,
	byRefresh func(context.Context, string, authcore.Client) error) {
	if everywhere {
		return s.EndEverywhere, s.EndEverywhereByRefresh
	}
	return s.End, s.EndByRefresh
}

// EndByRefresh signs out the session that a refresh token was issued for, or that a step-up has put in its place. A token that has been
// replaced meanwhile counts too: the client that sends it may have lost the answer with its successor, and believes that this ends its session. A
// token that was never issued, or whose session is over, is no error: what its sender wants is the case (RFC 7009 §2.2).
func (s *Sessions) EndByRefresh(ctx context.Context, token string, c authcore.Client) error {
	id, account, ok, err := s.issuedFor(ctx, token)
	if err != nil || !ok {
		return err
	}
	_, err = s.end(ctx, authcore.EventSignedOut, account, []uuid.UUID{id}, false, c)
	return err
}

// issuedFor returns the session that a refresh token was issued for; ok is false where there is none (any more).
func (s *Sessions) issuedFor(ctx context.Context, token string) (id, account uuid.UUID, ok bool, err error) {
	raw, ok := s.mac().ParseToken(Prefix, token)
	if !ok {
		return id, account, false, nil
	}
	id, account, err = s.cfg.Store.SessionOwner(ctx, raw)
	if errors.Is(err, authcore.ErrNotFound) {
		return id, account, false, nil
	}
	if err != nil {
		return id, account, false, fmt.Errorf("find session to end: %w", err)
	}
	return id, account, true, nil
}

// List returns the live sessions of an account, last seen first.
func (s *Sessions) List(ctx context.Context, account uuid.UUID) ([]authcore.Session, error) {
	list, err := s.cfg.Store.Sessions(ctx, account, s.now())
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

// Rename gives a session of the account a name, "" for none, and returns it. Refusals: [authcore.InvalidFields] at name;
// [authcore.NotFound] for a session that is not live or not of the account (S06).
func (s *Sessions) Rename(ctx context.Context, account, id uuid.UUID, name string, c authcore.Client) (authcore.Session, error) {
	name, err := identifier.DeviceName(name)
	if err != nil {
		var broken authcore.FieldErrors
		broken.AddError("name", err)
		return authcore.Session{}, broken.Refusal()
	}
	ev := audit.Event(authcore.EventSessionRenamed, account, c, s.now())
	ev.SessionID = id
	renamed, err := s.cfg.Store.RenameSession(ctx, account, id, name, s.now(), authcore.Effects{Events: []authcore.Event{ev}})
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return authcore.Session{}, NoSession()
	case err != nil:
		return authcore.Session{}, fmt.Errorf("rename session: %w", err)
	}
	return renamed, nil
}

// Revoke ends those sessions of the account that are in ids, with their child sessions; with all, every one but those in ids and
// the parents that these hang on. It returns how many were live. Sessions of other accounts are never touched (S06).
func (s *Sessions) Revoke(ctx context.Context, account uuid.UUID, ids []uuid.UUID, all bool, c authcore.Client) (int, error) {
	return s.end(ctx, authcore.EventSessionsRevoked, account, ids, all, c)
}

// RevokeForAdmin is [Sessions.Revoke] at the wish of an administrator: it ends those in ids, or with all every session of the account.
func RevokeForAdmin(ctx context.Context, s *Sessions, account uuid.UUID, ids []uuid.UUID, all bool) (int, error) {
	return s.end(ctx, authcore.EventEndedByAdmin, account, ids, all, authcore.Client{})
}

// Told returns what is written with sessions that have just ended.
type Told func(ended []authcore.Revocation) authcore.Effects

// EveryoneStore ends the sessions of everybody.
type EveryoneStore interface {
	// EndNext ends the live sessions among the next few hundred after the given id, and writes the effects of what has ended in the same
	// transaction. It returns a revocation to announce for each, and where to go on: uuid.Max after the last one.
	EndNext(ctx context.Context, after uuid.UUID, now time.Time, told Told) ([]authcore.Revocation, uuid.UUID, error)
}

// EndEveryone ends every session of everybody, and returns how many. What has ended before an error stays so; doing it again goes on.
func EndEveryone(ctx context.Context, store EveryoneStore, now authcore.Clock, method string) (sessions int, err error) {
	for at := uuid.Nil; at != uuid.Max; {
		var ended []authcore.Revocation
		t := now.Now()
		if ended, at, err = store.EndNext(ctx, at, t, EndedByAdmin(method, t)); err != nil {
			return sessions, fmt.Errorf("after %d sessions, do it again: %w", sessions, err)
		}
		sessions += len(ended)
	}
	return sessions, nil
}

// EndedByAdmin tells the owner of each session that whoever administers has ended it; method is how the history calls them.
func EndedByAdmin(method string, now time.Time) Told {
	return func(ended []authcore.Revocation) (fx authcore.Effects) {
		for _, r := range ended {
			e := audit.Event(authcore.EventEndedByAdmin, r.AccountID, authcore.Client{}, now)
			e.SessionID, e.Method = r.SessionID, method
			fx.Events = append(fx.Events, e)
		}
		return fx
	}
}

// end revokes sessions. The store's hook has applied that to this node's memory before it returns (design §1.1): a client that has
// its answer can rely on it.
func (s *Sessions) end(ctx context.Context, kind authcore.EventKind, account uuid.UUID, ids []uuid.UUID, all bool, c authcore.Client) (int, error) {
	ev := audit.Event(kind, account, c, s.now())
	if len(ids) == 1 && !all {
		ev.SessionID = ids[0]
	}
	gone, err := s.cfg.Store.RevokeSessions(ctx, account, ids, all, s.now(), authcore.Effects{Events: []authcore.Event{ev}})
	if err != nil {
		return 0, fmt.Errorf("revoke sessions: %w", err)
	}
	return len(gone), nil
}

// NoSession returns the refusal of an id that is no session of the account: a foreign session and none at all look alike (S06).
func NoSession() error {
	return authcore.Refuse(authcore.NotFound, "You have no session with this id.")
}
