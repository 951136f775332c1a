package dialect

import (
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Form is what the tokens of a dialect look like. Access tokens are JWTs.
type Form struct {
	Lifetimes Lifetimes // by default
	// Access are the claims of an access token, in their order; they include exp and sid.
	Access func(i Issued) []jwtkeys.Member
	// Refresh are those of a refresh token. Nil: it is a random UUID (RFC 9562 §5.4), or there is none where Lifetimes has Single.
	Refresh func(i Issued) []jwtkeys.Member
	// Stays: a refresh token stays good until its own end, whatever is issued after it, and is renewed by [Call.Renew]. Else [Call.Rotate]
	// replaces it, and the last one alone is good. Only tokens that have claims can stay.
	Stays bool
}

// opaque reports whether refresh tokens are UUIDs, which do not say whose they are.
func (f Form) opaque() bool { return f.Refresh == nil && f.Lifetimes.Single == 0 }

// Issued is what claims are made of.
type Issued struct {
	Account   authcore.Account
	UserID    any    // the claim user_id
	Session   string // the claim sid
	ID        string // the claim jti: 32 hexadecimal digits, as uuid4().hex
	IssuedAt  int64  // Unix seconds, as all times of tokens
	SignedIn  int64  // when its owner signed in
	ExpiresAt int64
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// format makes tokens of the site, see [session.Format].
type format struct{ s *Site }

func (s *Site) format() session.Format { return format{s} }

// Lifetimes implements session.Format.
func (f format) Lifetimes() (access, refresh time.Duration) {
	l := f.s.Settings.Lifetimes()
	if l.Single > 0 {
		return l.Single, l.Single
	}
	return l.Access, l.Refresh
}

// Seed implements session.Format.
func (f format) Seed() (seed string, digest secret.Digest) {
	id := uuid.New()
	if f.Lookup() {
		return id.String(), f.s.refreshDigest(id.String())
	}
	seed = hex.EncodeToString(id[:])
	return seed, f.s.refreshDigest(seed)
}

// Lookup implements session.Format.
func (f format) Lookup() bool { return f.s.Dialect.Form.opaque() }

// refreshDigest is what is stored of a refresh token: the MAC of its id under a key that no database has, so that a look-up tells nothing by
// its time, and a database nothing at all. The dialect is part of it: a token of another one finds nothing.
func (s *Site) refreshDigest(id string) secret.Digest {
	return s.Settings.DigestKey().MAC([]byte(s.Dialect.Name), []byte(id))
}

// Sign implements session.Format.
func (f format) Sign(i session.Issue) (access, refresh string, err error) {
	form, c := f.s.Dialect.Form, i.Claims
	of := Issued{Account: i.Account, UserID: f.s.UserIDOf(i.Account), Session: c.SessionID, ID: newID(), IssuedAt: c.IssuedAt.Unix(), SignedIn: i.Session.AuthTime.Unix(), ExpiresAt: c.ExpiresAt.Unix()}
	if access, err = f.s.Settings.Keys.Sign(jwtkeys.ForeignAccess, form.Access(of), c); err != nil {
		return "", "", err
	}
	switch {
	case i.Seed == "" || form.Lifetimes.Single > 0:
		return access, "", nil
	case form.Refresh == nil:
		return access, i.Seed, nil
	}
	// What a refresh token lets its holder do the session says when it comes: of the account it tells whose it is.
	inner := jwtkeys.Claims{Issuer: c.Issuer, Audience: c.Audience, Subject: c.Subject, SessionID: c.SessionID, ID: i.Seed,
		IssuedAt: c.IssuedAt, NotBefore: c.NotBefore, ExpiresAt: i.Session.RefreshExpiresAt.Truncate(time.Second), Epoch: c.Epoch, RolesVersion: c.RolesVersion}
	if !inner.ExpiresAt.After(c.IssuedAt.Truncate(time.Second)) {
		inner.ExpiresAt = c.IssuedAt.Truncate(time.Second).Add(time.Second)
	}
	of.ID, of.ExpiresAt = i.Seed, inner.ExpiresAt.Unix()
	refresh, err = f.s.Settings.Keys.Sign(jwtkeys.ForeignRefresh, form.Refresh(of), inner)
	return access, refresh, err
}

func newID() string {
	id := uuid.New()
	return hex.EncodeToString(id[:])
}

// Open checks a JWT of this dialect, whichever kind it is of: [jwtkeys.ErrInvalid], [jwtkeys.ErrExpired]. Whether its session lives is not
// looked at.
func (s *Site) Open(raw string) (jwtkeys.ForeignToken, error) {
	return s.Settings.Keys.Open(raw, s.Flows.Now())
}

// Presented reads a refresh token. One of another dialect's, and one that has expired, is [authcore.InvalidRefreshToken]; whether
// its session lives is found out by who uses it.
func (s *Site) Presented(raw string) (session.Presented, error) {
	if s.Dialect.Form.opaque() {
		id, err := uuid.Parse(raw)
		if err != nil || len(raw) != 36 {
			return session.Presented{}, session.InvalidRefresh()
		}
		return session.Presented{Token: id.String(), Digest: s.refreshDigest(id.String())}, nil
	}
	t, err := s.Open(raw)
	if err != nil || t.Use != jwtkeys.ForeignRefresh {
		return session.Presented{}, session.InvalidRefresh()
	}
	return s.PresentedJWT(raw, t)
}

// PresentedJWT is Presented for a refresh token that [Site.Open] has taken.
func (s *Site) PresentedJWT(raw string, t jwtkeys.ForeignToken) (session.Presented, error) {
	id, err := uuid.Parse(t.Claims.SessionID)
	if err != nil { // unreachable: Open has looked
		return session.Presented{}, errors.New("read the session of a refresh token")
	}
	return session.Presented{Session: id, Token: raw, Digest: s.refreshDigest(t.Claims.ID)}, nil
}

// Rotate replaces a refresh token: it is dead once its successor is used, or the leeway is over, see [session.Dialects.Rotate].
func (x *Call) Rotate(p session.Presented) (session.Tokens, error) {
	return x.Flows.Dialects.Rotate(x.Context(), p, x.format(), x.Info.Client)
}

// Renew issues an access token for a refresh token that stays good, and with another a refresh token beside it, see
// [session.Dialects.Renew].
func (x *Call) Renew(p session.Presented, another bool) (session.Tokens, error) {
	return x.Flows.Dialects.Renew(x.Context(), p.Session, another, x.format(), x.Info.Client)
}

// End signs out the session of a refresh token; ended says whether there was a live one.
func (x *Call) End(p session.Presented) (ended bool, err error) {
	return x.Flows.Dialects.End(x.Context(), p, x.Info.Client)
}
