package accesstoken

import (
	"math"
	"slices"
	"strings"
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
		token: rest, subject: p.Subject, sessionID: p.Session, email: p.Email, username: p.Username, name: p.Name,
		encodedEmail: encodedUnlessPlain(p.Email), encodedUsername: encodedUnlessPlain(p.Username), encodedName: encodedUnlessPlain(p.Name),
	}
	v := &Verified{
		shared: shared, own: uint16(min(own, math.MaxUint16)), expires: p.ExpiresAt.Unix(),
		holder: authcore.Holder{SessionID: p.SessionID, AccountID: p.AccountID, Epoch: p.Epoch, RolesVersion: p.RolesVersion},
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

// Principal returns who the token speaks for.
func (v *Verified) Principal() authcore.Principal {
	p := authcore.Principal{
		AccountID: v.holder.AccountID, SessionID: v.holder.SessionID, Subject: v.part(subject), Session: v.part(sessionID), Epoch: v.holder.Epoch, RolesVersion: v.holder.RolesVersion,
		Email: v.part(email), Username: v.part(username), Name: v.part(name), Roles: v.shared.roles, Issuer: v.shared.issuer,
		Audience: v.shared.audience, AMR: v.shared.amr, ExpiresAt: time.Unix(v.expires, 0).UTC(), KeyID: v.shared.kid, Credential: v.shared.kind, Origin: v.shared.host,
	}
	if v.proven != 0 {
		p.AuthTime = time.Unix(v.proven, 0).UTC()
	}
	return p
}

// Identity returns the principal as identity headers carry it.
func (v *Verified) Identity() Identity {
	return Identity{
		Sub: v.part(subject), Email: v.encoded(encodedEmail, email), Username: v.encoded(encodedUsername, username),
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
