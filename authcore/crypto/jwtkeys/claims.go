package jwtkeys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Claims is what a token says. Times have the precision of a second on the wire. The
// comments give the wire name.
type Claims struct {
	Issuer    string    // iss
	Audience  []string  // aud: at least one
	Subject   string    // sub: the account's id, a canonical UUID
	SessionID string    // sid: the session's id, a canonical UUID
	ID        string    // jti
	IssuedAt  time.Time // iat
	NotBefore time.Time // nbf
	ExpiresAt time.Time // exp
	AuthTime  time.Time // auth_time: when the user last proved who they are; zero is left out

	AMR   []string // amr: how (RFC 8176)
	ACR   string   // acr: what that is worth (OpenID Connect Core §2); empty is left out
	Roles []string // roles

	// Epoch is the account's epoch: raising it revokes all tokens of the account. Not negative.
	Epoch int64 // epoch
	// RolesVersion is raised when roles change, which forces a renewal. Not negative.
	RolesVersion int64 // rv

	// Email is a verified address or empty: upstreams look at email and forget
	// email_verified. Signing an address with EmailVerified unset is an error.
	Email         string // email
	EmailVerified bool   // email_verified
	// EmailReused says that another account had the address before: upstreams do not get it as the name of the user.
	EmailReused bool   // email_reused
	Username    string // username
	Name        string // name

	// Fields is a JSON object of the account's own fields, whose values are texts, numbers and booleans; else empty.
	Fields string // fields

	// Origin is the origin that the token is good at alone, where it is of a child session; else empty.
	Origin string // host
}

type wireClaims struct {
	Issuer        string   `json:"iss"`
	Audience      any      `json:"aud"`
	Subject       string   `json:"sub"`
	SessionID     string   `json:"sid"`
	ID            string   `json:"jti"`
	IssuedAt      int64    `json:"iat"`
	NotBefore     int64    `json:"nbf"`
	ExpiresAt     int64    `json:"exp"`
	AuthTime      int64    `json:"auth_time,omitempty"`
	AMR           []string `json:"amr"`
	ACR           string   `json:"acr,omitempty"`
	Roles         []string `json:"roles"`
	Epoch         int64    `json:"epoch"`
	RolesVersion  int64    `json:"rv"`
	Email         string   `json:"email,omitempty"`
	EmailVerified bool     `json:"email_verified,omitempty"`
	EmailReused   bool     `json:"email_reused,omitempty"`
	Username      string   `json:"username,omitempty"`
	Name          string   `json:"name,omitempty"`
	Origin        string   `json:"host,omitempty"`

	Fields json.RawMessage `json:"fields,omitempty"`
}

// encode returns the JSON of c, without HTML escaping. It refuses claims that decode
// would refuse: a token that nobody accepts must not be issued.
func (c Claims) encode() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	w := wireClaims{
		Issuer: c.Issuer, Audience: c.Audience, Subject: c.Subject, SessionID: c.SessionID, ID: c.ID,
		IssuedAt: c.IssuedAt.Unix(), NotBefore: c.NotBefore.Unix(), ExpiresAt: c.ExpiresAt.Unix(),
		AMR: orEmpty(c.AMR), ACR: c.ACR, Roles: orEmpty(c.Roles), Epoch: c.Epoch, RolesVersion: c.RolesVersion,
		Email: c.Email, EmailVerified: c.EmailVerified, EmailReused: c.EmailReused, Username: c.Username, Name: c.Name, Origin: c.Origin,
	}
	if c.Fields != "" {
		w.Fields = json.RawMessage(c.Fields)
	}
	if len(c.Audience) == 1 {
		w.Audience = c.Audience[0] // RFC 7519 §4.1.3; some verifiers know only this form
	}
	if !c.AuthTime.IsZero() {
		w.AuthTime = c.AuthTime.Unix()
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(w); err != nil {
		return nil, fmt.Errorf("encoding claims: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// check holds for every token that is signed or accepted. Its errors carry no values.
func (c Claims) check() error {
	switch {
	case c.Issuer == "" || c.ID == "":
		return errors.New("claims iss and jti must not be empty")
	case len(c.Audience) == 0:
		return errors.New("claim aud must not be empty")
	case !canonicalUUID(c.Subject) || !canonicalUUID(c.SessionID):
		return errors.New("claims sub and sid must be canonical UUIDs")
	case c.Epoch < 0 || c.RolesVersion < 0:
		return errors.New("claims epoch and rv must not be negative")
	case c.Fields != "" && !members(c.Fields, scalar):
		return errors.New("claim fields must be an object of texts, numbers and booleans")
	case c.Email != "" && !c.EmailVerified:
		return errors.New("claim email must be verified")
	case !sane(c.IssuedAt) || !sane(c.NotBefore) || !sane(c.ExpiresAt) || !(c.AuthTime.IsZero() || sane(c.AuthTime)):
		return errors.New("claims iat, nbf, exp and auth_time must lie between 1970 and 9999")
	case c.ExpiresAt.Unix() <= c.IssuedAt.Unix() || c.ExpiresAt.Unix() <= c.NotBefore.Unix():
		return errors.New("claim exp must come after iat and nbf")
	}
	for _, aud := range c.Audience {
		if aud == "" {
			return errors.New("claim aud must not hold an empty text")
		}
	}
	for _, s := range []string{c.Issuer, c.ID, c.ACR, c.Email, c.Username, c.Name, c.Origin} {
		if !utf8.ValidString(s) {
			return errors.New("claims must be valid UTF-8")
		}
	}
	return nil
}

// scalar takes a member of the claim fields.
func scalar(_, value string) bool {
	switch value[0] {
	case '{', '[', 'n':
		return false
	}
	return json.Valid([]byte(value))
}

const maxUnix = 253402300799 // the last second of the year 9999

func sane(t time.Time) bool { return t.Unix() > 0 && t.Unix() <= maxUnix }

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// canonicalUUID accepts only the form of RFC 9562 §4 in lower case, so that one id has
// one spelling wherever ids are compared as text.
func canonicalUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
