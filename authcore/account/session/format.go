package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Format makes tokens in the form of another system, for its clients. A session is one whatever its tokens look like: what opens, renews
// and ends it is the same. A Format is called concurrently.
type Format interface {
	// Lifetimes returns how long what is issued now lives: an access token, and a session that is not renewed. They may be the same.
	Lifetimes() (access, refresh time.Duration)
	// Seed returns new random text that a refresh token is made of, and what is stored of that. At a form without refresh tokens nothing
	// leads to the digest.
	Seed() (seed string, digest secret.Digest)
	// Lookup reports whether refresh tokens do not say whose they are, so that the store has to.
	Lookup() bool
	// Sign makes the tokens of a stored session; refresh is "" where there is none.
	Sign(i Issue) (access, refresh string, err error)
}

// Issue is what tokens are made of.
type Issue struct {
	Account authcore.Account
	Session authcore.Session // RefreshExpiresAt is the end of a refresh token
	Seed    string           // "": a refresh token is out already, and no other is made
	Claims  jwtkeys.Claims   // what the gateway has to know of an access token
}

// lifetimes are those of a form; nil is our own.
func lifetimes(s *Sessions, form Format) Lifetimes {
	l := s.cfg.Lifetimes()
	if form != nil {
		l.Access, l.Refresh = form.Lifetimes()
	}
	return l
}

// newRefresh makes a refresh token of a session, or what it is made of, and what is stored of it.
func newRefresh(s *Sessions, id uuid.UUID, form Format) (string, secret.Digest) {
	if form != nil {
		return form.Seed()
	}
	token := s.mac().IssueToken(Prefix, id)
	return token, secret.SumString(token)
}

// grantAs is grant in another form.
func grantAs(s *Sessions, account authcore.Account, sess authcore.Session, seed string, form Format, c authcore.Client) (Tokens, error) {
	now, lives := s.now(), lifetimes(s, form)
	claims := s.claims(account, sess, c.Issuer, now, lives)
	if exact := now.Truncate(time.Second).Add(lives.Access.Truncate(time.Second)); exact.After(claims.IssuedAt) && exact.Before(claims.ExpiresAt) {
		claims.ExpiresAt = exact // iat and the lifetime, as clients of other systems count
	}
	access, refresh, err := form.Sign(Issue{Account: account, Session: sess, Seed: seed, Claims: claims})
	if errors.Is(err, jwtkeys.ErrTooLong) { // as in Grant
		claims.Name, claims.Fields = "", ""
		access, refresh, err = form.Sign(Issue{Account: account, Session: sess, Seed: seed, Claims: claims})
	}
	if err != nil {
		return Tokens{}, unsigned(err)
	}
	return Tokens{
		Access: access, Refresh: refresh, Mode: sess.Mode, Session: sess, Account: account,
		ExpiresIn:        min(lives.Access, claims.ExpiresAt.Sub(now)),
		RefreshExpiresIn: wholeSeconds(sess.RefreshExpiresAt.Sub(now)),
		Principal:        principalOf(claims, sess),
	}, nil
}

// DialectStore is what sessions of dialects need besides.
type DialectStore interface {
	// SessionOfToken returns the session of a refresh token that does not say whose it is, live or dead, unless it has expired. ErrNotFound.
	SessionOfToken(ctx context.Context, token secret.Digest, now time.Time) (uuid.UUID, error)
	// DialectSession returns of a live session of a dialect and its account what RenewSession does, and what that writes. It changes nothing.
	// ErrNotFound.
	DialectSession(ctx context.Context, id uuid.UUID, now time.Time) (authcore.Session, authcore.Account, error)
	// RenewSession notes that another access token of a live session of a dialect is issued, and returns what it is made of. ErrNotFound.
	RenewSession(ctx context.Context, r authcore.Renewal) (authcore.Session, authcore.Account, error)
}

// Dialects renew and end the sessions of dialects. They are safe for concurrent use.
type Dialects struct {
	sessions *Sessions
	store    DialectStore
	recent   *recent
}

// NewDialects returns those of sessions. over are the revocations that this node knows.
func NewDialects(sessions *Sessions, store DialectStore, over authcore.Revocations) *Dialects {
	return &Dialects{sessions, store, newRecent(over)}
}

// Presented is a refresh token whose form its dialect has checked.
type Presented struct {
	Session uuid.UUID // that it says it is of; zero where it does not say
	Token   string
	Digest  secret.Digest // what is stored of it
}

// find returns the token with its session. [authcore.InvalidRefreshToken].
func (d *Dialects) find(ctx context.Context, p Presented, as Format) (presented, error) {
	found := presented{id: p.Session, token: p.Token, digest: p.Digest, as: as}
	if p.Session != uuid.Nil {
		return found, nil
	}
	if _, dead := d.sessions.dead.GetIfPresent(p.Digest); dead {
		return found, InvalidRefresh()
	}
	var err error
	found.id, err = d.store.SessionOfToken(ctx, p.Digest, d.sessions.now())
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		d.sessions.dead.Set(p.Digest, struct{}{})
		return found, InvalidRefresh()
	case err != nil:
		return found, fmt.Errorf("find session of refresh token: %w", err)
	}
	return found, nil
}

// Rotate is [Sessions.Refresh] for a refresh token of another form: it is replaced, and dies as every other.
func (d *Dialects) Rotate(ctx context.Context, p Presented, as Format, c authcore.Client) (Tokens, error) {
	ctx, done := d.sessions.cfg.Trace(ctx, "refresh")
	tokens, err := d.rotate(ctx, p, as, c)
	done(err)
	return tokens, err
}

func (d *Dialects) rotate(ctx context.Context, p Presented, as Format, c authcore.Client) (Tokens, error) {
	found, err := d.find(ctx, p, as)
	if err != nil {
		return Tokens{}, err
	}
	return d.sessions.refresh(ctx, found, authcore.ModeDialect, d.sessions.cfg.RefreshLeeway, c)
}

// Renew issues an access token for a refresh token that stays good until its end. With another it also issues a refresh token beside
// it, whose end is as far away as at a sign-in. The caller has checked that the token is one of its session. Refusal:
// [authcore.InvalidRefreshToken] where that is not live.
func (d *Dialects) Renew(ctx context.Context, session uuid.UUID, another bool, as Format, c authcore.Client) (Tokens, error) {
	ctx, done := d.sessions.cfg.Trace(ctx, "refresh")
	tokens, err := d.renew(ctx, session, another, as, c)
	done(err)
	return tokens, err
}

func (d *Dialects) renew(ctx context.Context, session uuid.UUID, another bool, as Format, c authcore.Client) (Tokens, error) {
	s := d.sessions
	now := s.now()
	if err := s.cfg.MayIssue(); err != nil {
		return Tokens{}, err
	}
	lives := lifetimes(s, as)
	r := authcore.Renewal{SessionID: session, Addr: audit.Addr(c), UserAgent: audit.UserAgent(c), Now: now, AccessUntil: now.Add(lives.Access + issueSlack)}
	seed := ""
	if another {
		seed, r.Next = as.Seed() // the last one is what Rotate takes, should the dialect rotate from a reload on
		r.RefreshExpiresAt = now.Add(lives.Refresh)
	}
	sess, account, err := d.renewed(ctx, r, another)
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return Tokens{}, InvalidRefresh()
	case err != nil:
		return Tokens{}, fmt.Errorf("renew session: %w", err)
	}
	if another {
		sess.RefreshExpiresAt = earlier(r.RefreshExpiresAt, sess.ExpiresAt)
	}
	return grantAs(s, account, sess, seed, as, c)
}

// renewApart is how long a session is read without being written to: a client that refreshes all the time, as one that has many tokens of one
// session does, costs a write for this time at most.
const renewApart = time.Minute

// renewed returns the session and account that tokens are made of. Nothing is written where the database knows already of all that is issued
// now; what it is told of is issued for renewApart longer than asked for.
func (d *Dialects) renewed(ctx context.Context, r authcore.Renewal, another bool) (authcore.Session, authcore.Account, error) {
	sess, account, known := d.recent.get(r.SessionID, r.Now)
	if !known {
		var err error
		if sess, account, err = d.store.DialectSession(ctx, r.SessionID, r.Now); err != nil {
			return sess, account, err
		}
	}
	if !another && !r.AccessUntil.After(sess.AccessUntil) && r.Now.Sub(sess.LastSeenAt) < renewApart && sess.Addr == r.Addr && sess.UserAgent == r.UserAgent {
		if !known {
			d.recent.keep(r.Now, sess, account)
		}
		sess.AccessUntil = r.AccessUntil
		return sess, account, nil
	}
	until := r.AccessUntil
	r.AccessUntil = until.Add(renewApart)
	sess, account, err := d.store.RenewSession(ctx, r)
	sess.AccessUntil = until
	return sess, account, err
}

// Look returns a live session with its account. ErrNotFound for one that has ended, or whose account is disabled.
func (d *Dialects) Look(ctx context.Context, session uuid.UUID) (authcore.Session, authcore.Account, error) {
	sess, account, err := d.store.DialectSession(ctx, session, d.sessions.now())
	if err != nil {
		return sess, account, fmt.Errorf("look at session: %w", err)
	}
	return sess, account, nil
}

// Inspect returns the session and account of a live refresh token and changes nothing. [authcore.ErrNotFound] for every other token.
func (d *Dialects) Inspect(ctx context.Context, p Presented) (authcore.Session, authcore.Account, error) {
	found, err := d.find(ctx, p, nil)
	if authcore.CodeOf(err) == authcore.InvalidRefreshToken {
		err = authcore.ErrNotFound
	}
	if err != nil {
		return authcore.Session{}, authcore.Account{}, err
	}
	return d.sessions.cfg.Store.SessionByRefresh(ctx, found.id, found.digest, d.sessions.now())
}

// End signs out the session of a refresh token; one that has been replaced counts too. That of a token of no live session is no error
// (RFC 7009 §2.2), and ended says that there was none.
func (d *Dialects) End(ctx context.Context, p Presented, c authcore.Client) (ended bool, err error) {
	found, err := d.find(ctx, p, nil)
	if authcore.CodeOf(err) == authcore.InvalidRefreshToken {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	id, account, err := d.sessions.cfg.Store.SessionOwner(ctx, found.id)
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("find session to end: %w", err)
	}
	n, err := d.sessions.end(ctx, authcore.EventSignedOut, account, []uuid.UUID{id}, false, c)
	return n > 0, err
}
