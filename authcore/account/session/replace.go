package session

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Replace opens a session in place of one whose user has proved themselves again, by amr (RFC 8176) now: a step-up. The new session has
// an id and tokens of its own, because the old ones may be known to somebody who could not have given that proof (S03, ASVS 7.2.4).
// It has the name, the device and the child sessions of the old one; those keep their auth_time until they are handed over again.
// Of r only Mode, Method, Client, and Pending, ForgetReset and AuthTime of Step count.
//
// The old session's access tokens are dead before Replace returns, here at once and elsewhere as with every revocation. Its refresh
// tokens yield the new session for as long as a lost answer is forgiven, see [Sessions.Refresh]; after that they are invalid, and never
// a reuse. Refusal: [authcore.InvalidToken], where the old session is not live, or a child session, or the account may not sign in, or the
// pending step-up is gone; of many at once for one session all but one get it.
func (s *Sessions) Replace(ctx context.Context, account authcore.Account, old uuid.UUID, amr []string, r Request) (Tokens, error) {
	r.AMR = amr
	sess, refresh, err := s.Prepare(account, r)
	if err != nil {
		return Tokens{}, err
	}
	if !r.Step.AuthTime.IsZero() {
		sess.AuthTime = r.Step.AuthTime
	}
	sess.AccessUntil = sess.AccessUntil.Add(MaxLeeway) // of those that come with an old refresh token
	ev := audit.Event(authcore.EventSteppedUp, account.ID, r.Client, sess.CreatedAt)
	ev.SessionID, ev.Method = sess.ID, r.Method
	opened, err := s.cfg.Store.ReplaceSession(ctx, authcore.Replacement{
		Old: old, Session: sess, ShortEnd: sess.CreatedAt.Add(s.cfg.ShortSession).Truncate(time.Second),
		Sealed: secret.SealFor(heirKey(s.cfg.Keys, old, sess.ID), []byte(refresh)), Leeway: max(s.cfg.RefreshLeeway, Leeway),
		Pending: r.Step.Pending, ForgetReset: r.Step.ForgetReset,
		Effects: authcore.Effects{Events: []authcore.Event{ev}},
	})
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return Tokens{}, authcore.ErrSessionEnded
	case err != nil:
		return Tokens{}, fmt.Errorf("replace session: %w", err)
	}
	return s.Grant(account, opened, refresh, r.Client)
}

// heirKey is the key under which the refresh token of a session waits for those who come with one of the session that it has replaced.
// Which of its refresh tokens they bring is not known when it is sealed, so the key is none of theirs, but of these two sessions under
// the key that all nodes share: the database alone does not open it.
func heirKey(keys Keys, old, heir uuid.UUID) string {
	sum := keys.MACKey("stepped-up session").MAC(old[:], heir[:])
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// openHeir returns the refresh token of the session that has taken the place of one whose own was presented.
func openHeir(keys Keys, old uuid.UUID, res authcore.RotationResult) (refresh string, err error) {
	plain, ok := secret.OpenWith(heirKey(keys, old, res.Session.ID), res.SealedSuccessor)
	if !ok {
		return "", errors.New("open the refresh token of the session in place of another: it was not sealed for these two")
	}
	if !secret.SumString(string(plain)).Equal(res.Session.RefreshDigest) {
		return "", InvalidRefresh() // it has been used: whoever has the new session holds a later one
	}
	return string(plain), nil
}
