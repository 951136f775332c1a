package accesstoken

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
)

// Verified is a token whose signature has been checked. Nothing that it returns may be changed.
//
// It is packed, for there is one in memory for every session that is in use: what belongs to the session alone lies in one
// block of text behind the token itself, and what sessions have in common is held once.
type Verified struct {
	shared  *sharedClaims
	text    string // the token without its header, then the parts
	ends    [parts]uint16
	own     uint16 // bytes of the shared claims, if it is the first one cached with it
	reused  bool   // Principal.EmailReused
	holder  authcore.Holder
	expires int64 // Unix seconds
	proven  int64 // auth_time, Unix seconds; 0: not known
}

// The parts of a Verified's text. The last three are empty where the plain form needs no encoding.
const (
	token = iota
	subject
	sessionID
	email
	username
	name
	fields
	encodedEmail
	encodedUsername
	encodedName
	parts
)

// Every end fits 16 bits: texts are shorter than the token they come from, and thrice as long when encoded.
const _ = uint16(5 * jwtkeys.MaxLength)

// pack keeps a copy of everything: claims are cut out of a payload and tokens out of a header, which would stay in memory
// whole. rest is the token without its header, or empty for one that is not cached.
func pack(p *authcore.Principal, rest string, g *claimTable) *Verified {
	shared, own := g.of(p), 0
	if rest != "" {
		own = shared.charge()
	}
	texts := [parts]string{
		token: rest, subject: p.Subject, sessionID: p.Session, email: p.Email, username: p.Username, name: p.Name, fields: p.Fields,
		encodedEmail: encodedUnlessPlain(p.Email), encodedUsername: encodedUnlessPlain(p.Username), encodedName: encodedUnlessPlain(p.Name),
	}
	v := &Verified{
		shared: shared, own: uint16(min(own, math.MaxUint16)), reused: p.EmailReused, expires: p.ExpiresAt.Unix(),
		holder: p.Holder(),
	}
	if !p.AuthTime.IsZero() {
		v.proven = p.AuthTime.Unix()
	}
	v.text = strings.Join(texts[:], "")
	end := 0
	for i, text := range texts {
		end += len(text)
		v.ends[i] = uint16(end)
	}
	return v
}

func encodedUnlessPlain(text string) string {
	if e := Encode(text); e != text {
		return e
	}
	return ""
}

// weight is what the entry takes of memory, in bytes; claims that others share are the first one's (see claimTable).
func (v *Verified) weight() uint32 { return uint32(len(v.text)) + uint32(v.own) + entryBytes }

func (v *Verified) part(i int) string {
	start := uint16(0)
	if i > 0 {
		start = v.ends[i-1]
	}
	return v.text[start:v.ends[i]]
}

// encoded returns part i, or the plain one where it is the same.
func (v *Verified) encoded(i, plain int) string {
	if v.ends[i] == v.ends[i-1] {
		return v.part(plain)
	}
	return v.part(i)
}

// Credential is where such a token belongs.
func (v *Verified) Credential() authcore.CredentialKind { return v.shared.kind }

// Host is the origin that the token is good at alone; "" where it is no child session's.
func (v *Verified) Host() string { return v.shared.host }

// Holder returns whose the token is.
func (v *Verified) Holder() *authcore.Holder { return &v.holder }

// Multi reports whether two kinds of proof were given, see [authcore.ACR].
func (v *Verified) Multi() bool { return v.shared.multi }

// Age returns how long before a time the user proved who they are, in whole seconds; the longest there is where the token does not say.
func (v *Verified) Age(at time.Time) time.Duration {
	if v.proven == 0 {
		return math.MaxInt64
	}
	return time.Duration(at.Unix()-v.proven) * time.Second
}

// Principal returns who the token speaks for.
func (v *Verified) Principal() authcore.Principal {
	p := authcore.Principal{
		AccountID: v.holder.AccountID, SessionID: v.holder.SessionID, Subject: v.part(subject), Session: v.part(sessionID), Epoch: v.holder.Epoch, RolesVersion: v.holder.RolesVersion,
		Email: v.part(email), EmailReused: v.reused, Username: v.part(username), Name: v.part(name), Fields: v.part(fields), Roles: v.shared.roles, Issuer: v.shared.issuer,
		Audience: v.shared.audience, AMR: v.shared.amr, ExpiresAt: time.Unix(v.expires, 0).UTC(), KeyID: v.shared.kid, Credential: v.shared.kind, Origin: v.shared.host,
	}
	if v.proven != 0 {
		p.AuthTime = time.Unix(v.proven, 0).UTC()
	}
	return p
}

// Field returns the value of one of the operator's own fields as text in one line; "" where the token has none.
func (v *Verified) Field(called string) string {
	text := v.part(fields)
	if text == "" {
		return ""
	}
	var values map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &values) != nil {
		return ""
	}
	raw := values[called]
	var value string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &value) == nil {
		return Text(value)
	}
	return string(raw) // a number or boolean
}

// Identity returns the principal as identity headers carry it.
func (v *Verified) Identity() Identity {
	return Identity{
		Sub: v.part(subject), Email: v.encoded(encodedEmail, email), Reused: v.reused, Username: v.encoded(encodedUsername, username),
		Name: v.encoded(encodedName, name), Groups: v.shared.groups, Session: v.part(sessionID),
	}
}

// Text returns the principal as identity headers carry it where they are not percent-encoded.
func (v *Verified) Text() Identity {
	id := v.Identity()
	id.Email, id.Username, id.Name = Text(v.part(email)), Text(v.part(username)), Text(v.part(name))
	if strings.Contains(id.Groups, "%") {
		id.Groups = Text(List(v.shared.roles))
	}
	return id
}

// Accepts is the function of that name for this token.
func (v *Verified) Accepts(issuers, audiences []string) bool {
	return accepts(v.shared.issuer, v.shared.audience, issuers, audiences)
}

// Accepts reports whether a principal's token names one of the issuers and one of the audiences, by exact comparison (T11).
func Accepts(p *authcore.Principal, issuers, audiences []string) bool {
	return accepts(p.Issuer, p.Audience, issuers, audiences)
}

func accepts(issuer string, audience, issuers, audiences []string) bool {
	return slices.Contains(issuers, issuer) && slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(audiences, a) })
}

// Identity is a principal as identity headers carry it: every value encoded, empty where there is nothing to say. It is
// made once per token.
type Identity struct {
	Sub      string // the account's id
	Email    string // only a verified address
	Reused   bool   // another account had the address before
	Username string
	Name     string
	Groups   string // roles, comma-separated
	Session  string // the session's id
}

// UserField says what a user header holds (option `remote_user`).
type UserField string

// The fields.
const (
	EmailAsUser    UserField = "email"
	UsernameAsUser UserField = "username"
	SubAsUser      UserField = "sub"
)

// Part names a value of an Identity.
type Part uint8

// The parts. UserPart is [Identity.User].
const (
	UserPart Part = iota
	SubPart
	EmailPart
	UsernamePart
	NamePart
	GroupsPart
	SessionPart
)

// Part returns a value; that of the user is the field.
func (id *Identity) Part(of Part, user UserField) string {
	switch of {
	case UserPart:
		return id.User(user)
	case SubPart:
		return id.Sub
	case EmailPart:
		return id.Email
	case UsernamePart:
		return id.Username
	case NamePart:
		return id.Name
	case GroupsPart:
		return id.Groups
	case SessionPart:
		return id.Session
	}
	return ""
}

// User returns the chosen field; where it is empty the account's id, so that nobody arrives at an upstream without a name. An address
// that another account had before is not the name of this one: whoever gets a former owner's mailbox would get what they have in every
// service.
func (id *Identity) User(f UserField) string {
	user := ""
	switch f {
	case UsernameAsUser:
		user = id.Username
	case EmailAsUser:
		if !id.Reused {
			user = id.Email
		}
	}
	if user == "" {
		return id.Sub
	}
	return user
}

// Verify returns who a token speaks for. kind says where it was found: each kind is refused in the other's place (T10).
// The result is nil unless outcome is Admitted or RolesChanged. Issuer and audience are for the caller to check, on every
// request, since they differ by guard.
func (v *Verifier) Verify(raw string, kind authcore.CredentialKind) (*Verified, Outcome) {
	now := v.cfg.Now()
	t := v.verified(raw, kind, now)
	if t == nil || now.Unix() >= t.expires { // the cache may keep it for a little longer: its clock is behind
		return nil, Invalid
	}
	return v.judge(t)
}

// judge asks whether the session of a token that is good lives.
func (v *Verifier) judge(t *Verified) (*Verified, Outcome) {
	switch v.cfg.Revocations.Check(t.holder.SessionID, t.holder.AccountID, t.holder.Epoch, t.holder.RolesVersion) {
	case authcore.Revoked:
		return nil, Revoked
	case authcore.Replaced:
		return nil, Replaced
	case authcore.RolesChanged:
		return t, RolesChanged
	}
	return t, Admitted
}

// verified returns a token that is good but perhaps expired or revoked, or nil. The key is looked for each time: it may be
// gone since the token was cached, by the passing of time as well, with no new set to tell of it (T25).
func (v *Verifier) verified(raw string, kind authcore.CredentialKind, now time.Time) *Verified {
	kid, rest, ok := v.cfg.Keys.Set().Named(useOf(kind), raw, now)
	if !ok {
		// No key has written this header; perhaps another release has. Too rare to be cached.
		if v.bad.know(raw) {
			return nil
		}
		p, err := v.parse(raw, kind, now)
		if err != nil {
			return nil
		}
		return v.Admit(*p)
	}
	v.clock.see(now)
	t, ok := v.cache.GetIfPresent(rest)
	if !ok {
		t = v.uncached(raw, rest, func() (*authcore.Principal, error) { return v.parse(raw, kind, now) })
	}
	if t == nil || t.shared.kid != kid { // the signature is over the header too
		return nil
	}
	return t
}

func useOf(k authcore.CredentialKind) jwtkeys.Use {
	if k == authcore.SessionCookie {
		return jwtkeys.Cookie
	}
	return jwtkeys.Bearer
}

// clock is the cache's: the time of the last request, more or less, so that a request asks for the time once. What it
// decides is when memory is freed; whether a token has expired is decided by the request's own time.
type clock struct {
	at atomic.Int64 // Unix nanoseconds
}

// coarse is how far the clock may be behind while requests come. It is written that seldom, for a write takes the cache
// line away from all other processors.
const coarse = int64(100 * time.Millisecond)

func (c *clock) see(now time.Time) {
	at := now.UnixNano()
	if passed := at - c.at.Load(); passed > coarse || passed < 0 {
		c.at.Store(at)
	}
}

// NowNano implements otter.Clock.
func (c *clock) NowNano() int64 { return c.at.Load() }

// Tick implements otter.Clock.
func (c *clock) Tick(every time.Duration) <-chan time.Time { return time.Tick(every) }
