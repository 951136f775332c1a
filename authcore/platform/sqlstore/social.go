package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const startColumns = "id, state_digest, browser_digest, provider, account_id, session_id, sealed, created_at, expires_at"

func scanStart(r sqldb.Row) (st authcore.SocialStart, err error) {
	return st, r.Scan(&st.ID, &digest{&st.State}, &digest{&st.Browser}, &st.Provider, &optional{&st.AccountID}, &optional{&st.SessionID}, &st.Sealed,
		&stamp{&st.CreatedAt}, &stamp{&st.ExpiresAt})
}

var insertStart = "insert into social_starts (" + startColumns + ") values (" + parameters(startColumns) + ")"

// SaveSocialStart implements federated.Transit.
func (s *Store) SaveSocialStart(ctx context.Context, st authcore.SocialStart) error {
	return s.Single(ctx, "save start", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, insertStart, st.ID, st.State.Bytes(), st.Browser.Bytes(), st.Provider, orNull(st.AccountID), orNull(st.SessionID),
			st.Sealed, micros(st.CreatedAt), micros(st.ExpiresAt))
		return err
	})
}

// Of all who delete the row at once exactly one gets it back, under READ COMMITTED too (C01). Who comes from another browser or provider
// takes nothing from who began it.
const takeStart = `delete from social_starts where state_digest = $1 and browser_digest = $2 and provider = $3 and expires_at > $4
	returning ` + startColumns

// TakeSocialStart implements federated.Transit.
func (s *Store) TakeSocialStart(ctx context.Context, state, browser secret.Digest, provider string, now time.Time) (st authcore.SocialStart, err error) {
	err = s.Single(ctx, "take start", func(ctx context.Context, q sqldb.Querier) error {
		st, err = sqldb.One(ctx, q, scanStart, takeStart, state.Bytes(), browser.Bytes(), provider, micros(now))
		return err
	})
	return st, err
}

const tokenColumns = "id, token_digest, mode, sealed, created_at, expires_at"

func scanSocialToken(r sqldb.Row) (t authcore.SocialToken, err error) {
	return t, r.Scan(&t.ID, &digest{&t.Token}, &t.Mode, &t.Sealed, &stamp{&t.CreatedAt}, &stamp{&t.ExpiresAt})
}

var (
	insertSocialToken = "insert into social_tokens (" + tokenColumns + ") values (" + parameters(tokenColumns) + ")"
	selectSocialToken = "select " + tokenColumns + " from social_tokens where id = $1 and token_digest = $2 and expires_at > $3"
)

const (
	changeSocialToken = "update social_tokens set sealed = $3, expires_at = $4 where id = $1 and sealed = $2 and expires_at > $5"
	takeSocialToken   = "delete from social_tokens where id = $1 and expires_at > $2"
)

// SaveSocialToken implements federated.Transit.
func (s *Store) SaveSocialToken(ctx context.Context, t authcore.SocialToken) error {
	return s.Write(ctx, "save social token", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, insertSocialToken, t.ID, t.Token.Bytes(), string(t.Mode), t.Sealed, micros(t.CreatedAt), micros(t.ExpiresAt))
		if err != nil {
			return err
		}
		return noteProvider(ctx, q, t.ID, uuid.Nil, t.By, t.ExpiresAt) // of no account yet
	})
}

// SocialToken implements federated.Transit.
func (s *Store) SocialToken(ctx context.Context, id uuid.UUID, token secret.Digest, now time.Time) (t authcore.SocialToken, err error) {
	err = s.Read(ctx, "find social token", func(ctx context.Context, q sqldb.Querier) error {
		t, err = sqldb.One(ctx, q, scanSocialToken, selectSocialToken, id, token.Bytes(), micros(now))
		return err
	})
	return t, err
}

// ChangeSocialToken implements federated.Transit.
func (s *Store) ChangeSocialToken(ctx context.Context, was, next authcore.SocialToken, challenge uuid.UUID, now time.Time) error {
	return s.change(ctx, "change social token", func(ctx context.Context, q *tx) error {
		if challenge != uuid.Nil {
			if _, err := consume(ctx, q, challenge, authcore.PurposeProvider, now); err != nil {
				return err
			}
		}
		if err := oneRow(ctx, q, changeSocialToken, was.ID, was.Sealed, next.Sealed, micros(next.ExpiresAt), micros(now)); err != nil {
			return err
		}
		_, err := sqldb.Exec(ctx, q, moveProviderSession, was.ID, was.ID, micros(next.ExpiresAt))
		return err
	})
}

func spendSocialToken(ctx context.Context, q sqldb.Querier, id uuid.UUID, now time.Time) error {
	if id == uuid.Nil {
		return nil
	}
	if err := oneRow(ctx, q, takeSocialToken, id, micros(now)); err != nil {
		return err
	}
	_, err := sqldb.Exec(ctx, q, forgetProviderSession, id)
	return err
}

const markUsed = "insert into used_tokens (digest, expires_at) values ($1, $2) on conflict (digest) do nothing"

// UseToken implements federated.Transit.
func (s *Store) UseToken(ctx context.Context, once secret.Digest, until time.Time) error {
	return s.Single(ctx, "mark token", func(ctx context.Context, q sqldb.Querier) error { return useToken(ctx, q, once, until) })
}

func useToken(ctx context.Context, q sqldb.Querier, once secret.Digest, until time.Time) error {
	n, err := sqldb.Exec(ctx, q, markUsed, once.Bytes(), micros(until))
	if err == nil && n == 0 {
		err = authcore.ErrUsed
	}
	return err
}

const (
	insertProviderSession = `insert into provider_sessions (session_id, account_id, provider, issuer, subject, sid, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7)`
	moveProviderSession = "update provider_sessions set session_id = $2, expires_at = $3 where session_id = $1"
	selectByProvider    = `select p.session_id, p.account_id, p.sid from provider_sessions p where p.issuer = $1 and p.account_id <> $4
		and ($2 = '' or p.sid = $2) and ($3 = '' or p.subject = $3) order by p.account_id, p.session_id`
	deleteWaiting = `delete from %s where id in (select p.session_id from provider_sessions p where p.issuer = $1
		and ($2 = '' or p.sid = $2) and ($3 = '' or p.subject = $3))`
	forgetProviderSession = "delete from provider_sessions where session_id = $1"
)

// What waits, and ends with a provider's word.
var deleteWaitingAll = []string{fmt.Sprintf(deleteWaiting, "pending_signins"), fmt.Sprintf(deleteWaiting, "social_tokens")}

// openedBy notes which provider a session was opened by. That of a sign-in that has waited for its second step is noted already.
func openedBy(ctx context.Context, q sqldb.Querier, o authcore.SessionOpening) error {
	if o.Provider == nil {
		return nil
	}
	sess := o.Session
	if o.Pending != uuid.Nil {
		n, err := sqldb.Exec(ctx, q, moveProviderSession, o.Pending, sess.ID, micros(sess.ExpiresAt))
		if err != nil || n > 0 {
			return err
		}
	}
	return noteProvider(ctx, q, sess.ID, sess.AccountID, *o.Provider, sess.ExpiresAt)
}

// noteProvider notes which provider a session, or a sign-in that waits, is of.
func noteProvider(ctx context.Context, q sqldb.Querier, id, account uuid.UUID, p authcore.ProviderSession, until time.Time) error {
	_, err := sqldb.Exec(ctx, q, insertProviderSession, id, account, p.Provider, p.Issuer, p.Subject, p.SID, micros(until))
	return err
}

// endWaiting ends the sign-ins that lack something, or wait for their second step, and were begun by a provider's word that holds no more. It comes before the
// sessions are looked for, and before their accounts are held: a sign-in that is completed meanwhile is waited for, and its session found.
func endWaiting(ctx context.Context, q sqldb.Querier, issuer, sid, subject string) error {
	for _, text := range deleteWaitingAll {
		if _, err := sqldb.Exec(ctx, q, text, issuer, sid, subject); err != nil {
			return err
		}
	}
	return nil
}

// EndProviderSessions implements federated.Transit.
func (s *Store) EndProviderSessions(ctx context.Context, l authcore.ProviderLogout) (ended int, err error) {
	type row struct {
		session, account uuid.UUID
		sid              string
	}
	err = s.change(ctx, "end sessions of provider", func(ctx context.Context, q *tx) error {
		ended = 0
		if err := useToken(ctx, q, l.Once, l.OnceUntil); err != nil {
			return err
		}
		if err := endWaiting(ctx, q, l.Issuer, l.SID, l.Subject); err != nil {
			return err
		}
		found, err := sqldb.All(ctx, q, func(r sqldb.Row) (x row, err error) { return x, r.Scan(&x.session, &x.account, &x.sid) },
			selectByProvider, l.Issuer, l.SID, l.Subject, uuid.Nil)
		if err != nil {
			return err
		}
		byAccount := map[uuid.UUID][]uuid.UUID{}
		var accounts []uuid.UUID
		for _, x := range found {
			if byAccount[x.account] = append(byAccount[x.account], x.session); len(byAccount[x.account]) == 1 {
				accounts = append(accounts, x.account)
			}
		}
		var events []authcore.Event
		for _, account := range accounts {
			revoked, err := s.endListed(ctx, q, account, byAccount[account], l.Now)
			if err != nil {
				return err
			}
			for _, r := range revoked {
				e := l.Event
				e.ID, e.AccountID, e.SessionID = newID(), account, r.SessionID
				events = append(events, e)
			}
			ended += len(revoked)
		}
		return record(ctx, q, authcore.Effects{Events: events})
	})
	return ended, err
}

// endListed ends sessions of an account, with the child sessions of those that are parents.
func (s *Store) endListed(ctx context.Context, q *tx, account uuid.UUID, ids []uuid.UUID, now time.Time) ([]authcore.Revocation, error) {
	ended, err := revokeThose(ctx, q, revokeSessions+" and id "+s.Dialect().AnyOf("$3")+" order by id"+s.Dialect().ForUpdate+")"+whatEnded, now,
		account, micros(now), s.Dialect().List(ids))
	if err != nil {
		return nil, err
	}
	children, err := s.endChildren(ctx, q, account, ids, now)
	return append(ended, children...), err
}

// providerSession scans what providerText stored.
type providerSession struct{ into **authcore.ProviderSession }

// Scan implements sql.Scanner.
func (p *providerSession) Scan(src any) error {
	*p.into = nil
	text, ok := src.(string)
	if src == nil || ok && text == "" {
		return nil
	}
	if !ok {
		return fmt.Errorf("a session at a provider is stored as %T", src)
	}
	return json.Unmarshal([]byte(text), p.into)
}

// providerText is what a sign-in that waits was begun by at a provider, as it is stored.
func providerText(p *authcore.ProviderSession) any {
	if p == nil {
		return nil
	}
	text, _ := json.Marshal(p) // texts: cannot go wrong
	return string(text)
}

// SignUpConnected implements signup.Store.
func (s *Store) SignUpConnected(ctx context.Context, e authcore.SignUp) (a authcore.Account, sess authcore.Session, err error) {
	if e.Connection == nil || !e.Create {
		return a, sess, errors.New("sign up by a provider: there is no connection, or no account to make")
	}
	err = s.change(ctx, "sign up by provider", func(ctx context.Context, q *tx) (err error) {
		a, sess, err = s.signUp(ctx, q, e)
		return err
	})
	if err != nil {
		return authcore.Account{}, authcore.Session{}, err
	}
	return a, sess, nil
}

// connectNew connects the account that a sign-up has made, and gives it the roles of its provider.
func (s *Store) connectNew(ctx context.Context, q *tx, a authcore.Account, e authcore.SignUp) (authcore.Account, error) {
	if e.Connection == nil {
		return a, nil
	}
	c := *e.Connection
	c.AccountID = a.ID
	if err := addConnection(ctx, q, c); err != nil {
		return a, err
	}
	a, err := s.applyRoles(ctx, q, a, e.Now)
	a.Roles = slices.Clone(a.Roles)
	return a, err
}
