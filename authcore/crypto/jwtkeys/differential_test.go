package jwtkeys

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// FuzzVerifyAgainstGolangJWT signs any header and payload with a good key, so that only what they say decides. Whatever
// Verify accepts golang-jwt accepts too, with the same claims. What golang-jwt accepts and Verify refuses breaks one of the
// rules in stricter, which are read with another decoder than ours.
func FuzzVerifyAgainstGolangJWT(f *testing.F) {
	k := newKey(f, Bearer, HS256)
	s := newSet(f, k)
	good, head := payload(f, nil), header(k)
	kid := func(text string) string { return strings.ReplaceAll(text, k.KID, "KID") } // so that seeds outlive the key
	head = kid(head)
	seeds := [][2]string{
		{head, good}, {head, strings.Replace(good, "{", `{"x":{"a":[1,"]}",null]},`, 1)}, {head, strings.Replace(good, "{", `{"iss":"a",`, 1)},
		{head, strings.Replace(good, "{", `{"\u0069ss":"a",`, 1)}, {head, strings.Replace(good, "{", ` { `, 1) + "\n"}, {head, good + "{}"},
		{head, payload(f, func(m map[string]any) { m["exp"] = 1.9e9 })}, {head, payload(f, func(m map[string]any) { m["exp"] = now.Unix() - 5 })},
		{head, payload(f, func(m map[string]any) { m["aud"] = []string{"a", "b"} })}, {head, payload(f, func(m map[string]any) { m["name"] = "\ufffd" })},
		{head, payload(f, func(m map[string]any) { m["iat"] = now.Unix() + 59 })}, {head, payload(f, func(m map[string]any) { delete(m, "nbf") })},
		{head, payload(f, func(m map[string]any) { m["nbf"], m["exp"] = now.Unix()+61, now.Unix()+600 })},
		{head, payload(f, func(m map[string]any) { m["iat"], m["exp"] = now.Unix()+61, now.Unix()+600 })},
		{strings.Replace(head, "{", `{"jku":"https://evil.example",`, 1), good}, {strings.Replace(head, "at+jwt", "JWT", 1), good},
		{`{"typ":"at+jwt","kid":"KID","alg":"HS256"}`, good}, {`{"alg":"none","typ":"at+jwt","kid":"KID"}`, good}, {head, `{"name":"\ud800"}`}, {head, "{}"}, {"", ""},
	}
	accepted := 0
	for _, seed := range seeds {
		f.Add(seed[0], seed[1])
		if _, _, err := s.Verify(Bearer, forge(f, k, strings.ReplaceAll(seed[0], "KID", k.KID), seed[1]), now, isIssuer); err == nil {
			accepted++
		}
	}
	if len(seeds) == 0 || accepted < 4 {
		f.Fatalf("%d seeds, %d of them accepted: nothing would be compared", len(seeds), accepted)
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuer), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(Leeway), jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithJSONNumber(), jwt.WithStrictDecoding())
	f.Fuzz(func(t *testing.T, head, claims string) {
		head = strings.ReplaceAll(head, "KID", k.KID)
		raw := forge(t, k, head, claims)
		ours, _, err := s.Verify(Bearer, raw, now, isIssuer)
		theirs := jwt.MapClaims{}
		_, errTheirs := parser.ParseWithClaims(raw, theirs, func(*jwt.Token) (any, error) { return k.public, nil })
		switch {
		case err == nil && errTheirs != nil:
			t.Fatalf("accepted, and golang-jwt says %v: %s %s", errTheirs, head, claims)
		case err == nil:
			same(t, ours, theirs)
		case errTheirs == nil && !stricter(k, head, claims):
			t.Fatalf("refused by none of the stricter rules: %s %s", head, claims)
		}
	})
}

// same compares every claim.
func same(t *testing.T, c Claims, m jwt.MapClaims) {
	t.Helper()
	for name, text := range map[string]string{
		"iss": c.Issuer, "sub": c.Subject, "sid": c.SessionID, "jti": c.ID, "email": c.Email, "username": c.Username, "name": c.Name,
	} {
		if v, _ := m[name].(string); v != text {
			t.Fatalf("%s is %q, and %q to golang-jwt", name, text, v)
		}
	}
	for name, n := range map[string]int64{
		"iat": c.IssuedAt.Unix(), "nbf": c.NotBefore.Unix(), "exp": c.ExpiresAt.Unix(), "epoch": c.Epoch, "rv": c.RolesVersion,
	} {
		if v, there := m[name].(json.Number); there && v.String() != json.Number(jsonOf(n)).String() || !there && n != 0 {
			t.Fatalf("%s is %d, and %v to golang-jwt", name, n, m[name])
		}
	}
	if v, there := m["auth_time"].(json.Number); there != !c.AuthTime.IsZero() || there && v.String() != jsonOf(c.AuthTime.Unix()) {
		t.Fatalf("auth_time is %v, and %v to golang-jwt", c.AuthTime, m["auth_time"])
	}
	if v, _ := m["email_verified"].(bool); v != c.EmailVerified {
		t.Fatalf("email_verified is %v, and %v to golang-jwt", c.EmailVerified, v)
	}
	var fields map[string]any
	if c.Fields != "" {
		dec := json.NewDecoder(strings.NewReader(c.Fields))
		dec.UseNumber()
		if err := dec.Decode(&fields); err != nil {
			t.Fatal(err)
		}
	}
	if v, _ := m["fields"].(map[string]any); len(v)+len(fields) > 0 && !reflect.DeepEqual(v, fields) {
		t.Fatalf("fields is %v, and %v to golang-jwt", fields, v)
	}
	aud, err := m.GetAudience()
	if err != nil || !slices.Equal([]string(aud), c.Audience) {
		t.Fatalf("aud is %q, and %q to golang-jwt", c.Audience, aud)
	}
	for name, list := range map[string][]string{"amr": c.AMR, "roles": c.Roles} {
		v, _ := m[name].([]any)
		if len(v) != len(list) {
			t.Fatalf("%s is %q, and %q to golang-jwt", name, list, v)
		}
		for i := range v {
			if v[i] != list[i] {
				t.Fatalf("%s is %q, and %q to golang-jwt", name, list, v)
			}
		}
	}
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// stricter reports whether a token breaks a rule that RFC 7519 and golang-jwt do not have:
//   - at most 8 KiB, in UTF-8, with at most 64 members, none of them twice, none with an escape in its name;
//   - a header of exactly alg, typ and kid, that are the key's;
//   - every claim of ours there, of its one type: canonical UUIDs, times and numbers in whole digits, no null;
//   - an e-mail address only where it is verified; exp after iat and nbf, and no leeway for it.
func stricter(k Key, head, claims string) bool {
	if len(b64(head))+len(b64(claims)) > MaxLength-100 || !utf8.ValidString(head) || !utf8.ValidString(claims) {
		return true
	}
	h, plain := membersOf(head)
	if !plain || len(h) != 3 || jsonText(h["alg"]) != string(k.Algorithm) || jsonText(h["typ"]) != k.Use.typ() || jsonText(h["kid"]) != k.KID {
		return true
	}
	m, plain := membersOf(claims)
	if !plain {
		return true
	}
	for _, name := range []string{"iss", "jti", "sub", "sid"} {
		if jsonText(m[name]) == "" {
			return true
		}
	}
	if !canonicalUUID(jsonText(m["sub"])) || !canonicalUUID(jsonText(m["sid"])) {
		return true
	}
	for _, name := range []string{"email", "username", "name", "acr"} {
		if v, there := m[name]; there && v[0] != '"' {
			return true
		}
	}
	if v, there := m["email_verified"]; there && string(v) != "true" && string(v) != "false" || jsonText(m["email"]) != "" && string(v) != "true" {
		return true
	}
	return listsBreak(m) || numbersBreak(m) || fieldsBreak(m["fields"])
}

// fieldsBreak: fields is an object by the rules of the claims, of texts, numbers and booleans.
func fieldsBreak(raw json.RawMessage) bool {
	if raw == nil {
		return false
	}
	fields, plain := membersOf(string(raw))
	for _, v := range fields {
		plain = plain && v[0] != '{' && v[0] != '[' && v[0] != 'n'
	}
	return !plain
}

func listsBreak(m map[string]json.RawMessage) bool {
	for _, name := range []string{"aud", "amr", "roles"} {
		v, there := m[name]
		if !there {
			if name == "aud" {
				return true
			}
			continue
		}
		if name == "aud" && jsonText(v) != "" {
			continue
		}
		var list []*string
		if v[0] != '[' || json.Unmarshal(v, &list) != nil || slices.Contains(list, nil) {
			return true
		}
		if name == "aud" && (len(list) == 0 || slices.ContainsFunc(list, func(s *string) bool { return *s == "" })) {
			return true
		}
	}
	return false
}

func numbersBreak(m map[string]json.RawMessage) bool {
	n := map[string]int64{}
	for _, name := range []string{"iat", "nbf", "exp", "auth_time", "epoch", "rv"} {
		v, there := m[name]
		var i int64
		if there && (len(v) > 15 || json.Unmarshal(v, &i) != nil || i < 0 || jsonOf(i) != string(v)) {
			return true
		}
		n[name] = i
		if timed := name != "epoch" && name != "rv"; timed && (i > maxUnix || i == 0 && (there || name != "auth_time")) {
			return true
		}
	}
	return n["exp"] <= n["iat"] || n["exp"] <= n["nbf"] || n["exp"] <= now.Unix()
}

// membersOf reads an object; plain is whether it has at most 64 members, none twice, and no name with an escape.
func membersOf(text string) (m map[string]json.RawMessage, plain bool) {
	d := json.NewDecoder(strings.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	m = map[string]json.RawMessage{}
	for d.More() {
		start := d.InputOffset()
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		if bytes.IndexByte([]byte(text[start:d.InputOffset()]), '\\') >= 0 {
			return nil, false
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, false
		}
		if _, twice := m[name.(string)]; twice {
			return nil, false
		}
		m[name.(string)] = v
	}
	if _, err := d.Token(); err != nil || len(m) > maxMembers {
		return nil, false
	}
	_, err := d.Token()
	return m, err == io.EOF
}

// jsonText returns a JSON string's text, "" for all else.
func jsonText(v json.RawMessage) string {
	var s string
	if len(v) == 0 || v[0] != '"' || json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}
