package sqlstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// Of all who delete the row at once exactly one gets it back.
const consumeHandover = `delete from challenges
	where id = $1 and purpose = $2 and token_digest = $3 and expires_at > $4
	returning ` + challengeColumns

// OpenChild implements handover.Store.
func (s *Store) OpenChild(ctx context.Context, b authcore.ChildSession) (sess authcore.Session, a authcore.Account, err error) {
	stranger := false
	err = s.change(ctx, "open child session", func(ctx context.Context, q *tx) error {
		sess, a, err = s.openChild(ctx, q, b)
		if stranger = errors.Is(err, errStranger); stranger {
			return nil // that the code is spent is committed
		}
		return err
	})
	if err == nil && stranger {
		err = authcore.ErrNotFound
	}
	if err != nil {
		return authcore.Session{}, authcore.Account{}, err
	}
	return sess, a, nil
}

// errStranger: the code came to its own origin without the verifier of the browser that asked for it. Whoever holds a copy must
// not be able to wait for one. A code that is carried to another origin is not spent by it.
var errStranger = errors.New("the code came from another browser")

func (s *Store) openChild(ctx context.Context, q *tx, b authcore.ChildSession) (sess authcore.Session, a authcore.Account, err error) {
	ch, err := sqldb.One(ctx, q, scanChallenge, consumeHandover, b.ChallengeID, string(authcore.PurposeHandover),
		b.Token.Bytes(), micros(b.Now))
	if err != nil {
		return sess, a, err
	}
	if !ch.CodeDigest.Equal(b.Bound) {
		if asked := strings.Fields(ch.Subject); len(asked) > 1 && asked[1] == b.Origin {
			return sess, a, errStranger
		}
		return sess, a, authcore.ErrNotFound
	}
	// As in CreateSession: whoever raises the epoch waits, so that their revocation covers this session too.
	if a, err = sqldb.One(ctx, q, scanAccount, selectAccount+s.Dialect().ForShare, ch.AccountID); err != nil {
		return sess, a, err
	}
	parent, err := s.holdParent(ctx, q, ch, a, b.Now)
	if err != nil {
		return sess, a, err
	}
	sess = b.Session
	sess.AccountID, sess.AccountEpoch, sess.ParentID = a.ID, a.Epoch, parentOf(parent)
	sess.AMR, sess.AuthTime, sess.DeviceName = parent.AMR, parent.AuthTime, parent.DeviceName
	sess.DeviceID, sess.ShortLived = parent.DeviceID, parent.ShortLived
	sess.ExpiresAt = earlier(sess.ExpiresAt, parent.ExpiresAt)
	sess.RefreshExpiresAt = earlier(sess.RefreshExpiresAt, sess.ExpiresAt)
	if _, err := sqldb.Exec(ctx, q, insertSession, append(ownValues(sess), orNull(sess.DeviceID), sess.ShortLived)...); err != nil {
		return sess, a, err
	}
	opened := ofSession(b.Opened, sess)
	opened.DeviceID = sess.DeviceID
	return sess, a, record(ctx, q, authcore.Effects{Events: []authcore.Event{opened}})
}

// selectFamily locks a session and the parent that it hangs on, in the order of their ids as everywhere. Whoever ends one of
// them waits, and then sees the new child session: they look for child sessions in a statement of its own.
const selectFamily = "select " + sessionColumns + ` from sessions
	where id = $1 or id = (select parent_id from sessions where id = $1) order by id`

// holdParent returns the session that is handed over. authcore.ErrNotFound when it, or the parent that it hangs on, has ended;
// a parent without a row has lapsed, which ends no child session.
func (s *Store) holdParent(ctx context.Context, q sqldb.Querier, ch authcore.Challenge, a authcore.Account, now time.Time) (parent authcore.Session, err error) {
	id, _, _ := strings.Cut(ch.Subject, " ")
	parentID, err := uuid.Parse(id)
	if err != nil {
		return parent, errors.New("find session that is handed over: the challenge names none")
	}
	family, err := sqldb.All(ctx, q, scanSession, selectFamily+s.Dialect().ForShare, parentID)
	if err != nil {
		return parent, err
	}
	found := false
	for _, member := range family {
		if !member.RevokedAt.IsZero() {
			return parent, authcore.ErrNotFound
		}
		if member.ID == parentID {
			parent, found = member, true
		}
	}
	live := found && !a.Disabled() && parent.AccountID == a.ID && parent.AccountEpoch == a.Epoch &&
		parent.RefreshExpiresAt.After(now) && parent.ExpiresAt.After(now)
	if !live {
		return parent, authcore.ErrNotFound
	}
	return parent, nil
}

func parentOf(s authcore.Session) uuid.UUID {
	if s.ParentID != uuid.Nil {
		return s.ParentID
	}
	return s.ID
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// selectParent is the parent of a session, which may be itself.
const selectParent = "select coalesce(parent_id, id) from sessions where id = $1 and account_id = $2"

// SessionFamily implements fresh.Store.
func (s *Store) SessionFamily(ctx context.Context, account, session uuid.UUID) (parent uuid.UUID, err error) {
	err = s.Read(ctx, "find family of session", func(ctx context.Context, q sqldb.Querier) (err error) {
		parent, err = sqldb.One(ctx, q, scanID, selectParent, session, account)
		return err
	})
	return parent, err
}

// RevokeFamily implements session.Store.
func (s *Store) RevokeFamily(ctx context.Context, account, session uuid.UUID, now time.Time, fx authcore.Effects) (ended []authcore.Revocation, err error) {
	err = s.change(ctx, "revoke sessions of family", func(ctx context.Context, q *tx) error {
		parent, err := sqldb.One(ctx, q, scanID, selectParent, session, account)
		if errors.Is(err, authcore.ErrNotFound) {
			parent, err = session, nil // its row is gone; child sessions may be there
		}
		if err != nil {
			return err
		}
		ended, err = revokeThose(ctx, q, revokeSessions+" and id = $3 order by id"+s.Dialect().ForUpdate+")"+whatEnded,
			now, account, micros(now), parent)
		if err != nil {
			return err
		}
		children, err := s.endChildren(ctx, q, account, []uuid.UUID{parent}, now)
		if err != nil {
			return err
		}
		if ended = append(ended, children...); len(ended) == 0 {
			return nil
		}
		return record(ctx, q, fx)
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}

// endChildren ends the child sessions of parents that the caller has ended in this transaction. It does so twice: a hand-over that
// was under way from one of the child sessions holds that row, and has committed a further child session when the first statement is
// through.
func (s *Store) endChildren(ctx context.Context, q *tx, account uuid.UUID, parents []uuid.UUID, now time.Time) (ended []authcore.Revocation, err error) {
	if len(parents) == 0 {
		return nil, nil
	}
	text := revokeSessions + " and parent_id " + s.Dialect().AnyOf("$3") + " order by id" + s.Dialect().ForUpdate + ")" + whatEnded
	for range 2 {
		children, err := revokeThose(ctx, q, text, now, account, micros(now), s.Dialect().List(parents))
		if err != nil {
			return nil, err
		}
		ended = append(ended, children...)
		if len(children) == 0 {
			break
		}
	}
	return ended, nil
}

func sessionsOf(rs []authcore.Revocation) []uuid.UUID {
	ids := make([]uuid.UUID, len(rs))
	for i, r := range rs {
		ids[i] = r.SessionID
	}
	return ids
}
