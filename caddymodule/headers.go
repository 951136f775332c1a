package caddymodule

import (
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

// families are the identity headers by family (contract §3.6): the header and the part of the identity it carries.
var families = map[string][]identityHeader{
	"remote": {
		{"Remote-User", nil}, {"Remote-Sub", subOf}, {"Remote-Email", emailOf}, {"Remote-Name", nameOf}, {"Remote-Groups", groupsOf},
	},
	"x_auth": {
		{"X-Auth-User-Id", subOf}, {"X-Auth-Username", usernameOf}, {"X-Auth-Email", emailOf}, {"X-Auth-Name", nameOf},
		{"X-Auth-Roles", groupsOf}, {"X-Auth-Session-Id", sessionOf},
	},
	"x_auth_request": forwarded("X-Auth-Request-"),
	"x_forwarded":    forwarded("X-Forwarded-"),
	"webauth": {
		{"X-Webauth-User", nil}, {"X-Webauth-Email", emailOf}, {"X-Webauth-Name", nameOf}, {"X-Webauth-Groups", groupsOf},
	},
	"none": {},
}

// assertionHeader is ours as well, whoever sends it.
const assertionHeader = "Gatehouse-Assertion"

// identityHeader is a header and what it carries; a nil value is the user as `remote_user` says.
type identityHeader struct {
	name  string
	value func(accesstoken.Identity) string
}

func forwarded(prefix string) []identityHeader {
	return []identityHeader{
		{prefix + "User", nil}, {prefix + "Email", emailOf}, {prefix + "Preferred-Username", usernameOf}, {prefix + "Groups", groupsOf},
	}
}

func subOf(id accesstoken.Identity) string      { return id.Sub }
func emailOf(id accesstoken.Identity) string    { return id.Email }
func nameOf(id accesstoken.Identity) string     { return id.Name }
func groupsOf(id accesstoken.Identity) string   { return id.Groups }
func usernameOf(id accesstoken.Identity) string { return id.Username }
func sessionOf(id accesstoken.Identity) string  { return id.Session }

// chosenHeaders returns the headers of the configured families, each once.
func chosenHeaders(names []string, user accesstoken.UserField) ([]identityHeader, error) {
	if len(names) == 0 {
		names = []string{"remote"}
	}
	var out []identityHeader
	for _, name := range names {
		family, ok := families[name]
		if !ok {
			return nil, fmt.Errorf("headers: unknown family %q", name)
		}
		for _, h := range family {
			if h.value == nil {
				h.value = func(id accesstoken.Identity) string { return id.User(user) }
			}
			out = append(out, h)
		}
	}
	return out, nil
}

// setIdentity writes the identity headers of an admitted request. Every value has a slice of its own, for later handlers
// edit them in place; all slices share one allocation. What is empty is not sent: the request's own was stripped before.
func setIdentity(h http.Header, headers []identityHeader, id accesstoken.Identity) {
	values := make([]string, len(headers))
	for i, want := range headers {
		if values[i] = want.value(id); values[i] != "" {
			h[want.name] = values[i : i+1 : i+1]
		}
	}
}

// stripper removes from requests what only the guard may say (contract §3.7), and what asks for a way round it.
type stripper struct {
	names map[string]bool // lower case, with "-"
	first [256]uint64     // by first byte, the lengths of names as bits, to pass over most headers at once
	max   int
}

// newStripper knows the headers of all families, configured or not, and those of the `header` option.
func newStripper(extra []string) *stripper {
	s := &stripper{names: map[string]bool{}}
	add := func(name string) {
		name = strings.ToLower(name)
		s.names[name] = true
		s.first[name[0]] |= lengthBit(name)
		s.first[name[0]-'a'+'A'] |= lengthBit(name)
		s.max = max(s.max, len(name))
	}
	for _, family := range families {
		for _, h := range family {
			add(h.name)
		}
	}
	add(assertionHeader)
	add(h2cSettings)
	for _, name := range extra {
		add(strings.NewReplacer("_", "-", ".", "-").Replace(name))
	}
	return s
}

// owns reports whether a name is one of ours in any case, with "_" or "." for "-": CGI and WSGI servers read all of these
// as one variable, and some servers turn them back (P02).
func (s *stripper) owns(name string) bool {
	if name == "" || len(name) > s.max || s.first[name[0]]&lengthBit(name) == 0 {
		return false
	}
	var buf [128]byte
	if len(name) > len(buf) {
		return s.names[fold(make([]byte, len(name)), name)]
	}
	return s.names[string(foldInto(buf[:len(name)], name))]
}

// lengthBit stands for the length of a name; all of 63 and more have one.
func lengthBit(name string) uint64 { return 1 << min(len(name), 63) }

func fold(buf []byte, name string) string { return string(foldInto(buf, name)) }

func foldInto(buf []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '_' || c == '.':
			c = '-'
		}
		buf[i] = c
	}
	return buf
}

// strip cleans a request before anything else sees it: headers, announced trailers and, for bodies whose trailers come
// later, the trailers at the body's end; and what a Connection header would make the proxy take away again.
func (s *stripper) strip(r *http.Request) {
	for name := range r.Header {
		if s.owns(name) {
			delete(r.Header, name)
		}
	}
	stripUpgrade(r.Header)
	if lines, ok := r.Header["Connection"]; ok {
		s.stripConnection(r.Header, lines)
	}
	s.stripTrailers(r.Trailer)
	if r.ContentLength < 0 && r.Body != nil && r.Body != http.NoBody {
		r.Body = &trailerStripper{ReadCloser: r.Body, request: r, names: s}
	}
}

func (s *stripper) stripTrailers(t http.Header) {
	for name := range t {
		if s.owns(name) {
			delete(t, name)
		}
	}
}

// stripConnection drops from Connection what the proxy may not remove: the identity headers set later on, and the headers
// by which the upstream tells where a request came from (P05, P06); and "upgrade" where nothing is left to switch to. Other
// tokens stay: they are the client's to use.
func (s *stripper) stripConnection(h http.Header, lines []string) {
	kept := make([]string, 0, len(lines))
	_, upgrades := h["Upgrade"]
	for _, line := range lines {
		var tokens []string
		for token := range strings.SplitSeq(line, ",") {
			token = textproto.TrimString(token)
			if token != "" && !s.owns(token) && !protected(token) && (upgrades || !strings.EqualFold(token, "upgrade")) {
				tokens = append(tokens, token)
			}
		}
		if len(tokens) > 0 {
			kept = append(kept, strings.Join(tokens, ", "))
		}
	}
	if len(kept) == 0 {
		delete(h, "Connection")
		return
	}
	h["Connection"] = kept
}

func protected(token string) bool {
	token = strings.ToLower(token)
	switch token {
	case "cookie", "authorization", "host", "forwarded", "via", "x-real-ip":
		return true
	}
	return strings.HasPrefix(token, "x-forwarded-")
}

// trailerStripper cleans trailers that arrive with the end of a chunked body, announced or not.
type trailerStripper struct {
	io.ReadCloser
	request *http.Request
	names   *stripper
}

func (t *trailerStripper) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err != nil {
		t.names.stripTrailers(t.request.Trailer)
	}
	return n, err
}
