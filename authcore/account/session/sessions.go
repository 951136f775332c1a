package session

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Prefix marks refresh tokens, so that scanners of leaked secrets can know them.
const Prefix = "ghr_"

// How long a just-used refresh token may be presented again by the same kind of client (contract §4): Leeway is the default,
// and the least for Renew, since the requests of one page come in over seconds; MaxLeeway is the most.
const (
	Leeway    = 10 * time.Second
	MaxLeeway = time.Minute
)

// issueSlack is how much later than a session is written its access token may be signed, at the most, and a second for
// rounding: a token must not outlive what is recorded of it, or its revocation could be forgotten before it expires.
const issueSlack = 15 * time.Second

// maxCookie is the size a browser must keep of a cookie, RFC 6265 §6.1, less what its name and attributes take.
const maxCookie = 4096 - 112

// Lifetimes say how long what is issued lives: an access token at least 1s and shorter than a session that is not used, and that no longer
// than any session.
type Lifetimes struct{ Access, Refresh, Session time.Duration }

// Config is what Sessions need.
type Config struct {
	Store    Store
	Keys     Keys
	Notices  *notice.Notices
	Admins   authcore.Admins // of the option: their tokens have the role
	Fields   userfield.Set   // that the operator has added: those of Claims are in tokens
	Audience []string        // `aud` of tokens; empty means the issuer of each
	// Lifetimes returns how long what is issued now lives. It is asked at each use, and must wait for nothing.
	Lifetimes     func() Lifetimes
	RefreshLeeway time.Duration // 1s to MaxLeeway; 0 means Leeway
	// ShortSession is the life of a session signed in with "remember": false, unless that of all is shorter; 0 means DefaultShort.
	ShortSession time.Duration
	// MaxSessions is how many live sessions an account may have, child sessions apart: one more ends the one that was used longest
	// ago (S12). 0 means DefaultMax.
	MaxSessions int
	// MayIssue returns nil while this node can issue tokens, and otherwise the refusal: then no session is opened or renewed, and
	// nothing is changed, so that whoever comes back later, or to another node, is served. It may be nil: always.
	MayIssue func() error
	// Trace is told of every refresh; it may be nil.
	Trace authcore.Trace
	Now   authcore.Clock
}

// Store is what Sessions keep.
type Store interface {
	// Record writes events and mails that belong to no other change.
	Record(ctx context.Context, fx authcore.Effects) error
	// OpenSession stores a session if its account is still enabled and at its epoch, with all that belongs to the sign-in, and
	// returns it with its device. ErrNotFound otherwise.
	OpenSession(ctx context.Context, o authcore.SessionOpening) (authcore.Session, error)
	// RotateRefresh replaces the live refresh token by one conditional update; exactly one concurrent caller wins.
	// ErrNotFound: no such session, or it has expired, is revoked, or its account is disabled or past its epoch.
	RotateRefresh(ctx context.Context, r authcore.Rotation) (authcore.RotationResult, error)
	// SessionByRefresh returns the session whose LIVE refresh token has the digest; it changes nothing. ErrNotFound as above.
	SessionByRefresh(ctx context.Context, id uuid.UUID, digest secret.Digest, now time.Time) (authcore.Session, authcore.Account, error)
	// ReplaceSession ends a live parent of an account that is enabled and at the epoch of r.Session, opens another session in its
	// place, and hangs its child sessions on that. Of concurrent callers exactly one wins. ErrNotFound.
	ReplaceSession(ctx context.Context, r authcore.Replacement) (authcore.Session, error)
	// SessionOwner returns the account that a session belongs to, live or not, and the session that has taken its place: itself, where
	// none has. ErrNotFound.
	SessionOwner(ctx context.Context, id uuid.UUID) (present, owner uuid.UUID, err error)
	// Sessions returns the live sessions of an account, last seen first.
	Sessions(ctx context.Context, account uuid.UUID, now time.Time) ([]authcore.Session, error)
	// RenameSession names a live session of the account and returns it. ErrNotFound.
	RenameSession(ctx context.Context, account, id uuid.UUID, name string, now time.Time, fx authcore.Effects) (authcore.Session, error)
	// RevokeSessions ends live sessions of the account and returns one revocation for each that was live: those in ids with
	// the child sessions of those that are parents; or with all, every one but those in ids and the parents that these hang on.
	// Where none was live, fx is not written.
	RevokeSessions(ctx context.Context, account uuid.UUID, ids []uuid.UUID, all bool, now time.Time, fx authcore.Effects) ([]authcore.Revocation, error)
	// RevokeFamily ends, as RevokeSessions does, the parent that the session hangs on or is, with every child session.
	RevokeFamily(ctx context.Context, account, session uuid.UUID, now time.Time, fx authcore.Effects) ([]authcore.Revocation, error)
}

// Keys sign tokens.
type Keys interface {
	// Set returns the keys of access tokens, as they are now.
	Set() *jwtkeys.KeySet
	// MACKey returns the key for a purpose, the same on every node and after a restart.
	MACKey(purpose string) secret.MACKey
}

// Sessions opens, renews and ends sessions. It is safe for concurrent use.
type Sessions struct {
	cfg       Config
	refreshes singleflight.Group
	// dead remembers for a while which tokens were refused, so that a client that goes on sending one costs no query.
	dead *otter.Cache[secret.Digest, struct{}]
}

const (
	deadTokens = 10_000
	deadFor    = 30 * time.Second // a disabled account that is enabled again waits no longer
)

// New checks cfg.
func New(cfg Config) (*Sessions, error) {
	if cfg.Store == nil || cfg.Keys == nil || cfg.Notices == nil || cfg.Now == nil {
		return nil, errors.New("session: store, keys, notices and clock are required")
	}
	if cfg.Lifetimes == nil {
		return nil, errors.New("session: lifetimes are required")
	}
	if l := cfg.Lifetimes(); l.Access < time.Second || l.Refresh <= l.Access || l.Session < l.Refresh {
		return nil, errors.New("session: lifetimes must rise: access (at least 1s) < refresh <= session")
	}
	cfg.ShortSession = cmp.Or(cfg.ShortSession, DefaultShort)
	cfg.MaxSessions = cmp.Or(cfg.MaxSessions, DefaultMax)
	if cfg.ShortSession < time.Second || cfg.MaxSessions < 1 {
		return nil, errors.New("session: a short session lives at least 1s, and an account may have at least one")
	}
	cfg.RefreshLeeway = cmp.Or(cfg.RefreshLeeway, Leeway)
	if cfg.RefreshLeeway < time.Second || cfg.RefreshLeeway > MaxLeeway {
		return nil, errors.New("session: the leeway of refresh tokens is 1s to 60s")
	}
	if cfg.Trace == nil {
		cfg.Trace = authcore.NoTrace
	}
	if cfg.MayIssue == nil {
		cfg.MayIssue = func() error { return nil }
	}
	dead, err := otter.New(&otter.Options[secret.Digest, struct{}]{
		MaximumSize: deadTokens, ExpiryCalculator: otter.ExpiryCreating[secret.Digest, struct{}](deadFor),
	})
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return &Sessions{cfg: cfg, dead: dead}, nil
}

// Issued reports whether a refresh token was made here, dead or alive. It asks nobody.
func (s *Sessions) Issued(token string) bool {
	_, ok := s.mac().ParseToken(Prefix, token)
	return ok
}

// Tokens is what a sign-in or a refresh yields.
type Tokens struct {
	Access, Refresh             string
	ExpiresIn, RefreshExpiresIn time.Duration
	Mode                        authcore.Mode
	Session                     authcore.Session
	Account                     authcore.Account
	Principal                   authcore.Principal // as the access token says it
	// DeviceToken is what the client keeps, to be known again at its next sign-in; "" for nothing. DeviceBrought says that it is
	// what the client brought.
	DeviceToken   string
	DeviceBrought bool
}

// Grant signs an access token for a stored session.
func (s *Sessions) Grant(account authcore.Account, sess authcore.Session, refresh string, c authcore.Client) (Tokens, error) {
	return s.grant(account, sess, refresh, nil, c)
}

// grant is Grant in a form, nil for our own. refresh is the refresh token, or in another form what that is made of.
func (s *Sessions) grant(account authcore.Account, sess authcore.Session, refresh string, form Format, c authcore.Client) (Tokens, error) {
	if form != nil {
		return grantAs(s, account, sess, refresh, form, c)
	}
	now := s.now()
	use := jwtkeys.Bearer
	if sess.Mode == authcore.ModeCookie {
		use = jwtkeys.Cookie
	}
	claims := s.claims(account, sess, c.Issuer, now, s.cfg.Lifetimes())
	access, err := sign(s.cfg.Keys.Set(), use, claims, now)
	// Browsers drop larger cookies, which would send their owner in circles; a longer token would not be read. Nobody is to be kept out by
	// what they have written in their profile, so that is left out: the name first, then their fields.
	for _, shorten := range []func(){func() { claims.Name = "" }, func() { claims.Fields = "" }} {
		if errors.Is(err, jwtkeys.ErrTooLong) {
			shorten()
			access, err = sign(s.cfg.Keys.Set(), use, claims, now)
		}
	}
	if err != nil {
		return Tokens{}, unsigned(err)
	}
	return Tokens{
		Access: access, Refresh: refresh, Mode: sess.Mode, Session: sess, Account: account,
		ExpiresIn:        min(s.cfg.Lifetimes().Access, claims.ExpiresAt.Sub(now)),
		RefreshExpiresIn: wholeSeconds(sess.RefreshExpiresAt.Sub(now)),
		Principal:        principalOf(claims, sess),
	}, nil
}

// wholeSeconds rounds up: a session ends with a whole second, so a moment before the life that the configuration gives it.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// sign returns an access token. [jwtkeys.ErrTooLong] also where it does not fit into a cookie.
func sign(keys *jwtkeys.KeySet, use jwtkeys.Use, claims jwtkeys.Claims, now time.Time) (string, error) {
	access, err := keys.Sign(use, claims, now)
	if err == nil && use == jwtkeys.Cookie && len(access) > maxCookie && claims.Name+claims.Fields != "" {
		err = jwtkeys.ErrTooLong
	}
	return access, err
}

// unsigned is why an access token was not signed. Keys that another node has just removed are a part that cannot answer, no fault: their
// ring tells of them.
func unsigned(err error) error {
	if errors.Is(err, jwtkeys.ErrNoSigningKey) {
		err = fmt.Errorf("%w: %w", authcore.ErrUnavailable, err)
	}
	return fmt.Errorf("sign access token: %w", err)
}

func (s *Sessions) claims(a authcore.Account, sess authcore.Session, issuer string, now time.Time, lives Lifetimes) jwtkeys.Claims {
	audience := s.cfg.Audience
	if len(audience) == 0 {
		audience = []string{issuer}
	}
	return jwtkeys.Claims{
		Issuer: issuer, Audience: audience, Subject: a.ID.String(), SessionID: sess.ID.String(),
		ID:       base64.RawURLEncoding.EncodeToString(secret.Random(16)),
		IssuedAt: now, NotBefore: now, ExpiresAt: accessExpiry(now, sess, lives.Access),
		AuthTime: sess.AuthTime, AMR: sess.AMR, ACR: authcore.ACR(sess.AMR), Roles: s.cfg.Admins.Roles(a), Epoch: a.Epoch, RolesVersion: a.RolesVersion,
		Email: a.VerifiedEmail(), EmailVerified: a.EmailVerified(), EmailReused: a.EmailVerified() && a.EmailReused,
		Username: a.Username, Name: audit.Cut(a.Name(), 256),
		Fields: s.cfg.Fields.Claims(a.Fields), Origin: sess.Origin,
	}
}

// accessExpiry returns the end of an access token issued now, in whole seconds as tokens have them: at least one second
// away, never past the session's absolute end otherwise. Nor is it past what is recorded of the session, where that is known: the lifetime
// may have become longer since, and a revocation, which is kept until then, would be forgotten before the token expires (S07).
func accessExpiry(now time.Time, sess authcore.Session, lifetime time.Duration) time.Time {
	exp := now.Add(lifetime + time.Second - time.Microsecond).Truncate(time.Second)
	first := now.Truncate(time.Second).Add(time.Second)
	if !sess.AccessUntil.IsZero() {
		exp = earlier(exp, sess.AccessUntil.Truncate(time.Second))
	}
	if exp = earlier(exp, sess.ExpiresAt.Truncate(time.Second)); exp.Before(first) {
		return first
	}
	return exp
}

func principalOf(c jwtkeys.Claims, sess authcore.Session) authcore.Principal {
	return authcore.Principal{
		AccountID: sess.AccountID, SessionID: sess.ID, Subject: c.Subject, Session: c.SessionID,
		Epoch: c.Epoch, RolesVersion: c.RolesVersion, Email: c.Email, EmailReused: c.EmailReused, Username: c.Username, Name: c.Name, Roles: c.Roles,
		Issuer: c.Issuer, Audience: c.Audience, AMR: c.AMR, AuthTime: c.AuthTime, ExpiresAt: c.ExpiresAt, Credential: sess.Mode.Credential(), Origin: c.Origin,
		Fields: c.Fields,
	}
}

// Every time of the domain is in whole microseconds UTC, as the store keeps it.
func (s *Sessions) now() time.Time { return s.cfg.Now.Now() }

func (s *Sessions) mac() secret.MACKey { return s.cfg.Keys.MACKey("refresh token") }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
