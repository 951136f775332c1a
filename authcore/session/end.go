package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/history"
)

// End signs out the session of an access token. Ending a session that is not live any more is no error.
func (s *Sessions) End(ctx context.Context, p *authcore.Principal, c authcore.Client) error {
	_, err := s.end(ctx, authcore.EventSignedOut, p.AccountID, []uuid.UUID{p.SessionID}, false, c)
	return err
}

// EndByRefresh signs out the session that a refresh token was issued for. A token that has been replaced meanwhile counts
// too: the client that sends it may have lost the answer with its successor, and believes that this ends its session. A
// token that was never issued, or whose session is over, is no error: what its sender wants is the case (RFC 7009 §2.2).
func (s *Sessions) EndByRefresh(ctx context.Context, token string, c authcore.Client) error {
	id, ok := s.mac().ParseToken(Prefix, token)
	if !ok {
		return nil
	}
	account, err := s.cfg.Store.SessionOwner(ctx, uuid.UUID(id))
	if errors.Is(err, authcore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find session to end: %w", err)
	}
	_, err = s.end(ctx, authcore.EventSignedOut, account, []uuid.UUID{uuid.UUID(id)}, false, c)
	return err
}

// List returns the live sessions of an account, last seen first.
func (s *Sessions) List(ctx context.Context, account uuid.UUID) ([]authcore.Session, error) {
	list, err := s.cfg.Store.Sessions(ctx, account, s.now())
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

// Revoke ends those sessions of the account that are in ids; with all, every one but those in ids. It returns how many
// were live. Sessions of other accounts are never touched (S06).
func (s *Sessions) Revoke(ctx context.Context, account uuid.UUID, ids []uuid.UUID, all bool, c authcore.Client) (int, error) {
	return s.end(ctx, authcore.EventSessionsRevoked, account, ids, all, c)
}

// end commits first, then applies to this node's memory before the answer leaves (design §1.1): a client that has its
// answer can rely on it.
func (s *Sessions) end(ctx context.Context, kind authcore.EventKind, account uuid.UUID, ids []uuid.UUID, all bool, c authcore.Client) (int, error) {
	ev := history.Event(kind, account, c, s.now())
	if len(ids) == 1 && !all {
		ev.SessionID = ids[0]
	}
	gone, err := s.cfg.Store.RevokeSessions(ctx, account, ids, all, s.now(), authcore.Effects{Events: []authcore.Event{ev}})
	if err != nil {
		return 0, fmt.Errorf("revoke sessions: %w", err)
	}
	s.cfg.Revoker.Announce(ctx, gone...)
	return len(gone), nil
}
