package jwtkeys

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// ErrExpired is the error of [ForeignKeys.Open] for a token of which all holds but that it has expired.
var ErrExpired = errors.New("expired token")

// Member is a claim of a token of another system.
type Member struct {
	Name  string
	Value any // of encoding/json
}

// ForeignUse is a kind of token of another system: one is refused in the other's place (RFC 8725 §3.11).
type ForeignUse string

// The kinds. Their first letters differ: the sealed claim begins with its kind's, so that one look opens it.
const (
	ForeignAccess  ForeignUse = "access"
	ForeignRefresh ForeignUse = "refresh"
)

// sealedClaim is the one claim of ours that such a token has besides those that its clients know. It is the last one.
const (
	sealedClaim  = "gh"
	sealedMember = `,"` + sealedClaim + `":"`
)

// ForeignKeys sign and check JWTs that have the claims of another system, in the name of one of its dialects.
//
// Services of that system may hold the key, so it alone proves nothing here. What the gateway goes by lies in one claim more, sealed under a
// key of its own for that dialect, kind of token and all other claims as they are written: whoever has the key can change nothing of them,
// and cannot put it into another token.
type ForeignKeys struct {
	name    string
	entries []*entry // the first signs
	kids    []string // of the entries, as principals have them
	seal    secret.MACKey
}

// NewForeignKeys returns the keys of a dialect, of which the first signs. seal is the key for what is sealed. The keys are of one algorithm.
func NewForeignKeys(dialect string, keys []Key, seal secret.MACKey) (*ForeignKeys, error) {
	if len(keys) == 0 {
		return nil, errors.New("a dialect needs a key")
	}
	f := &ForeignKeys{name: dialect, seal: seal}
	for _, k := range keys {
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("key of dialect %s: %w", dialect, err)
		}
		if k.Algorithm != keys[0].Algorithm {
			return nil, fmt.Errorf("keys of dialect %s: they must be of one algorithm", dialect)
		}
		e := &entry{Key: k, header: foreignHeader(k)}
		if k.Algorithm == HS256 {
			e.macs = newMACs(k.private.([]byte))
		}
		f.entries = append(f.entries, e)
		f.kids = append(f.kids, dialect+":"+k.KID) // no key of ours has a colon
	}
	return f, nil
}

// foreignHeader is that of PyJWT for HS256. Keys that have a public part are named, as in a JWKS.
func foreignHeader(k Key) string {
	header := `{"alg":"` + string(k.Algorithm) + `","typ":"JWT"`
	if k.Algorithm != HS256 {
		header += `,"kid":"` + k.KID + `"`
	}
	return base64.RawURLEncoding.EncodeToString([]byte(header + "}"))
}

// Shared returns an HS256 key of a text that others hold too, at least 32 bytes of it (RFC 7518 §3.2). Its kid tells nothing of the text to
// whoever does not hold seal.
func Shared(text secret.Value, seal secret.MACKey) (Key, error) {
	mac := seal.MAC([]byte("kid"), text.Reveal())
	return ParsePrivate(hex.EncodeToString(mac[:12]), Bearer, HS256, text.Reveal())
}

// Sign returns a token with the members, at least one, and what it says to the gateway. The members say exp and sid as c does. [ErrTooLong] for
// one above [MaxLength].
func (f *ForeignKeys) Sign(use ForeignUse, members []Member, c Claims) (string, error) {
	if c.NotBefore.IsZero() {
		c.NotBefore = c.IssuedAt
	}
	inner, err := c.encode()
	if err != nil {
		return "", fmt.Errorf("signing token of dialect: %w", err)
	}
	payload, err := encodeMembers(members)
	if err != nil {
		return "", fmt.Errorf("signing token of dialect: %w", err)
	}
	sealed := f.seal.SealFor(inner, f.bound(use, string(payload))...)
	payload = append(append(payload, sealedMember+string(use[:1])...), base64.RawURLEncoding.EncodeToString(sealed)+`"}`...)
	e := f.entries[0]
	text := append(make([]byte, 0, len(e.header)+len(payload)*4/3+3), e.header...)
	signed := string(base64.RawURLEncoding.AppendEncode(append(text, '.'), payload))
	sig, err := e.sign(signed)
	if err != nil {
		return "", fmt.Errorf("signing token of dialect: %w", err)
	}
	if token := signed + "." + sig; len(token) <= MaxLength {
		return token, nil
	}
	return "", fmt.Errorf("signing token of dialect: %w", ErrTooLong)
}

// typicalPayload is about what the claims of a token take, in bytes.
const typicalPayload = 1 << 10

// encodeMembers writes members, without the brace that ends them.
func encodeMembers(members []Member) (b []byte, err error) {
	b = append(make([]byte, 0, typicalPayload), '{')
	for i, m := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, m.Name), ':') // names are the program's own
		switch v := m.Value.(type) {
		case int64:
			b = strconv.AppendInt(b, v, 10)
		case string:
			b, err = jsontext.AppendQuote(b, strings.ToValidUTF8(v, "\ufffd"))
		default:
			var text []byte
			text, err = json.Marshal(v)
			b = append(b, text...)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// bound is what the sealed claim of a token is good for alone: members is all that stands in front of it.
func (f *ForeignKeys) bound(use ForeignUse, members string) [][]byte {
	return [][]byte{[]byte(f.name), []byte(use), []byte(members)}
}

// ForeignToken is a token that has been checked.
type ForeignToken struct {
	Use     ForeignUse
	Claims  Claims                     // what the gateway goes by
	Members map[string]json.RawMessage // what clients see, without the sealed claim
	KID     string                     // of its key; no other key's, of whichever dialect
}

// Text returns a member that is a text; "" for any other.
func (t ForeignToken) Text(name string) string {
	text, _ := readText(string(t.Members[name]))
	return text
}

// Open checks a token, whichever kind it is of. The error is [ErrInvalid] alone, or [ErrExpired] for one that has held. A token whose signature
// is right although nothing else is, because whoever made it holds the key too, comes back beside ErrInvalid with its members.
func (f *ForeignKeys) Open(raw string, now time.Time) (ForeignToken, error) {
	header, segment, sig, ok := split(raw)
	if !ok {
		return ForeignToken{}, ErrInvalid
	}
	for i, e := range f.entries {
		if !e.foreign(header) || !e.signed(raw[:len(header)+1+len(segment)], sig) {
			continue
		}
		payload, ok := decodeSegment(segment)
		if !ok {
			return ForeignToken{}, ErrInvalid
		}
		t, err := f.open(string(payload), now)
		t.KID = f.kids[i]
		return t, err
	}
	return ForeignToken{}, ErrInvalid
}

// split cuts a token into its three parts.
func split(raw string) (header, payload, sig string, ok bool) {
	if len(raw) > MaxLength {
		return "", "", "", false
	}
	header, rest, ok := strings.Cut(raw, ".")
	if !ok {
		return "", "", "", false
	}
	payload, sig, ok = strings.Cut(rest, ".")
	return header, payload, sig, ok && !strings.Contains(sig, ".")
}

// foreign reports whether a header is one of the key: its algorithm and nothing that picks how the token is checked (RFC 8725 §3.1).
func (e *entry) foreign(header string) bool {
	if header == e.header {
		return true
	}
	text, ok := decodeSegment(header)
	if !ok {
		return false
	}
	alg, typ, kid := "", "JWT", e.KID
	return members(string(text), func(name, value string) (ok bool) {
		switch name {
		case "alg":
			alg, ok = readText(value)
		case "typ":
			typ, ok = readText(value)
		case "kid":
			kid, ok = readText(value)
		}
		return ok
	}) && alg == string(e.Algorithm) && typ == "JWT" && kid == e.KID
}

func (f *ForeignKeys) open(payload string, now time.Time) (t ForeignToken, err error) {
	t.Members = map[string]json.RawMessage{}
	if !members(payload, func(name, value string) bool {
		t.Members[name] = json.RawMessage(value)
		return json.Valid([]byte(value))
	}) {
		return ForeignToken{}, ErrInvalid
	}
	before, sealed, ours := strings.Cut(strings.TrimSuffix(payload, `"}`), sealedMember)
	delete(t.Members, sealedClaim)
	use := ForeignAccess
	if strings.HasPrefix(sealed, string(ForeignRefresh[:1])) {
		use = ForeignRefresh
	}
	sealed, prefixed := strings.CutPrefix(sealed, string(use[:1]))
	text, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if !ours || !prefixed || err != nil {
		return t, ErrInvalid
	}
	inner, ours := f.seal.OpenWith(text, f.bound(use, before)...)
	if !ours {
		return t, ErrInvalid
	}
	c, ok := decode(string(inner))
	if !ok || !c.begun(now) {
		return t, ErrInvalid
	}
	t.Use, t.Claims = use, c
	if !now.Before(c.ExpiresAt) {
		return t, ErrExpired
	}
	return t, nil
}

// ForeignSet is the keys of all dialects of a configuration. It is not changed once it is used.
type ForeignSet struct {
	all      []*ForeignKeys
	byHeader map[string]bool
	kids     []string
}

// NewForeignSet returns the set of some keys.
func NewForeignSet(all ...*ForeignKeys) *ForeignSet {
	s := &ForeignSet{all: all, byHeader: map[string]bool{}}
	for _, f := range all {
		for _, e := range f.entries {
			s.byHeader[e.header] = true
		}
		s.kids = append(s.kids, f.kids...)
	}
	return s
}

// JWKS returns the public keys (RFC 7517 §5); those of HS256 have no public part.
func (s *ForeignSet) JWKS(now time.Time) []byte {
	var keys []Key
	for _, f := range s.all {
		for _, e := range f.entries {
			if e.Algorithm != HS256 && !slices.ContainsFunc(keys, func(k Key) bool { return k.KID == e.KID }) {
				keys = append(keys, e.Key)
			}
		}
	}
	set, err := NewKeySet(keys)
	if err != nil { // unreachable: each was checked, and is there once
		return []byte(`{"keys":[]}`)
	}
	return set.JWKS(now)
}

// Named returns what follows the header of a token, if the header is one that some key of the set writes.
func (s *ForeignSet) Named(raw string) (rest string, ok bool) {
	dot := strings.IndexByte(raw, '.')
	if s == nil || dot < 0 || !s.byHeader[raw[:dot]] {
		return "", false
	}
	return raw[dot+1:], true
}

// Has reports whether a key is in the set.
func (s *ForeignSet) Has(kid string) bool { return slices.Contains(s.kids, kid) }

// Open is [ForeignKeys.Open] with the keys of whichever dialect made the token.
func (s *ForeignSet) Open(raw string, now time.Time) (ForeignToken, error) {
	for _, f := range s.all {
		if t, err := f.Open(raw, now); err == nil || errors.Is(err, ErrExpired) {
			return t, err
		}
	}
	return ForeignToken{}, ErrInvalid
}

// Owns reports whether a token looks like one of a dialect, good or not: it has the claim that only the gateway writes. It is for keeping
// tokens from services; nobody is let in by it.
func (s *ForeignSet) Owns(raw string) bool {
	if s == nil || len(s.all) == 0 {
		return false
	}
	_, segment, _, ok := split(raw)
	if !ok {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(segment, "="))
	if err != nil {
		return false
	}
	ours := false
	members(string(payload), func(name, _ string) bool {
		ours = ours || name == sealedClaim
		return true
	})
	return ours
}

// Has reports whether a key is one of the dialect's.
func (f *ForeignKeys) Has(kid string) bool { return slices.Contains(f.kids, kid) }
