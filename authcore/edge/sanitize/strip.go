package sanitize

import (
	"io"
	"net/http"
	"net/textproto"
	"strings"
)

// foreign are the identity headers of other gateways (contract §3.7): services believe them as they believe ours, and those
// gateways are not there to take them away.
var foreign = []string{
	"X-Remote-User", "X-Remote-Email", "X-Remote-Name", "X-Remote-Groups",
	"X-Authenticated-User", "X-Authenticated-Userid", "X-Authenticated-Groups", "X-Auth-User",
	"X-Authentik-Username", "X-Authentik-Groups", "X-Authentik-Email", "X-Authentik-Name", "X-Authentik-Uid", "X-Authentik-Jwt",
	"X-Authentik-Entitlements",
	"X-Forwarded-Access-Token", "X-Pomerium-Claim-*", "X-Pomerium-Jwt-Assertion",
	"Cf-Access-Authenticated-User-Email", "Cf-Access-Jwt-Assertion",
	"X-Goog-Authenticated-User-*", "X-Goog-Iap-Jwt-Assertion", "X-Amzn-Oidc-*", "X-MS-Client-Principal*",
	"X-Token-User-*", "X-Token-Subject", "Tailscale-User-*",
}

// heldByTrailers are names that a trailer must not have (RFC 9110 §6.5.1): those that frame or route a message, say who sends
// it and from where, what its content is, and under which conditions it is meant. A service that merges trailers into headers
// would act on what nobody before it has looked at.
var heldByTrailers = NewNames(
	"Transfer-Encoding", "Content-Length", "Content-Type", "Content-Encoding", "Content-Range", "Content-Location",
	"Content-Language", "Content-Disposition", "Trailer", "TE", "Host", "Connection", "Keep-Alive", "Upgrade", "Expect",
	"Proxy*", "Authorization", "Authentication-*", "WWW-Authenticate", "Cookie*", "Set-Cookie*", "Cache-Control", "Pragma",
	"Max-Forwards", "Range", "If-*", "Accept*", "Origin", "Referer", "User-Agent", "From", "Date", "Age", "Vary", "Expires",
	"Location", "Retry-After", "Warning", "Forwarded*", "Via", "Sec-*", "Access-Control-*", "Destination", "Depth", "Overwrite",
	"Lock-Token", "Timeout", "Prefer", "Priority", "Early-Data", "DPoP", "X-Forwarded-*", "X-Real-Ip", "X-Original-*",
	"X-Rewrite-*", "X-HTTP-Method*", "X-Method-Override", "X-Requested-With", "X-Csrf*", "X-Xsrf*", "X-Api-Key", "X-Request-Id",
	"Script-Name", "Path-Info", "X-Script-Name", "Traceparent", "Tracestate",
)

// Stripper removes from requests what only the guard may say (contract §3.7), and what asks for a way round it.
type Stripper struct {
	names *Names
	kept  map[string]bool // of these, those that some guard keeps, as Go writes them
	aside SetAside
}

// SetAside remembers a header that some guard keeps, and reports whether it stays on the request.
type SetAside func(r *http.Request, name string, lines []string) (stays bool)

// NewStripper knows the headers of all families, configured or not, those of other gateways, and those of the options
// `header` and `keep`; aside is asked for the headers of the latter.
func NewStripper(extra, keep []string, aside SetAside) *Stripper {
	s := &Stripper{names: NewNames(foreign...), kept: map[string]bool{}, aside: aside}
	for _, name := range append(append(ownNames(), h2cSettings), extra...) {
		s.names.add(name)
	}
	for _, name := range keep {
		s.kept[http.CanonicalHeaderKey(name)] = true
	}
	return s
}

// IsOwn reports whether a name is one of Gatehouse's own headers, in any spelling.
func IsOwn(name string) bool { return NewNames(ownNames()...).Has(name) }

// IsForeign reports whether a name is an identity header of another gateway.
func IsForeign(name string) bool { return NewNames(foreign...).Has(name) }

// ownNames are the headers of all families, and the assertion.
func ownNames() []string {
	names := []string{assertionHeader}
	for _, family := range families {
		for _, h := range family {
			names = append(names, h.Name)
		}
	}
	return names
}

// Owns reports whether a name is one that only the guard may set.
func (s *Stripper) Owns(name string) bool { return s.names.Has(name) }

// Strip cleans a request before anything else sees it: headers, announced trailers and, for bodies whose trailers come
// later, the trailers at the body's end; and what a Connection header would make the proxy take away again.
func (s *Stripper) Strip(r *http.Request) {
	for name, lines := range r.Header {
		if s.Owns(name) && !(s.kept[name] && s.aside(r, name, lines)) {
			delete(r.Header, name)
		}
	}
	stripUpgrade(r.Header)
	if lines, ok := r.Header["Connection"]; ok {
		s.stripConnection(r.Header, lines)
	}
	s.stripTrailers(r.Trailer)
	if (r.ContentLength < 0 || r.ProtoMajor > 2) && r.Body != nil && r.Body != http.NoBody {
		r.Body = &trailerStripper{ReadCloser: r.Body, request: r, names: s}
	}
}

func (s *Stripper) stripTrailers(t http.Header) {
	for name := range t {
		if s.Owns(name) || heldByTrailers.Has(name) {
			delete(t, name)
		}
	}
}

// stripConnection drops from Connection what the proxy may not remove: the identity headers set later on, and the headers
// by which the upstream tells where a request came from (P05, P06); and "upgrade" where nothing is left to switch to. Other
// tokens stay: they are the client's to use.
func (s *Stripper) stripConnection(h http.Header, lines []string) {
	kept := make([]string, 0, len(lines))
	_, upgrades := h["Upgrade"]
	for _, line := range lines {
		var tokens []string
		for token := range strings.SplitSeq(line, ",") {
			token = textproto.TrimString(token)
			if token != "" && !s.Owns(token) && !protected(token) && (upgrades || !strings.EqualFold(token, "upgrade")) {
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
	names   *Stripper
}

func (t *trailerStripper) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err != nil {
		t.names.stripTrailers(t.request.Trailer)
	}
	return n, err
}
