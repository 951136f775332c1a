package sanitize

import (
	"io"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

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

// CheckTarget refuses what no upstream should be asked: TRACE and plain CONNECT (P16), a path with a NUL, and a
// target without a path (P11).
func CheckTarget(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodTrace || (r.Method == http.MethodConnect && !extendedConnect(r)) {
		w.Header().Set("Allow", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
		return authcore.Refuse(authcore.MethodNotAllowed, "This method is not passed on.")
	}
	if r.URL.Opaque != "" { // `GET http:admin`: the proxy would ask for what no matcher has seen
		return authcore.Refuse(authcore.InvalidRequest, "The request's target is no path.")
	}
	if strings.IndexByte(r.URL.Path, 0) >= 0 {
		return authcore.Refuse(authcore.InvalidRequest, "The path holds a NUL.")
	}
	return nil
}

// extendedConnect reports whether a CONNECT opens a WebSocket: HTTP/2 names the protocol in a pseudo-header (RFC 8441), and
// HTTP/3 (RFC 9220) in what its server gives as the request's protocol. Written in any other way, the proxy would pass it on
// as the CONNECT it is.
func extendedConnect(r *http.Request) bool {
	if r.ProtoMajor == 3 {
		return r.Proto == "websocket"
	}
	protocol := r.Header[":protocol"]
	return len(protocol) == 1 && protocol[0] == "websocket"
}

// SetIdentity writes the identity headers of an admitted request. Every value has a slice of its own, for later handlers
// edit them in place; all slices share one allocation. What is empty is not sent: the request's own was stripped before.
// user says what a user's header holds.
func SetIdentity(h http.Header, headers []IdentityHeader, id *accesstoken.Identity, user accesstoken.UserField) {
	values := make([]string, len(headers))
	for i, want := range headers {
		if values[i] = id.Part(want.Part, user); values[i] != "" {
			h[want.Name] = values[i : i+1 : i+1]
		}
	}
}

// Names is a set of names of headers, whole or by their beginning, that are equal for somebody behind us: in any case, and
// with any mark for "-". CGI and WSGI servers make one variable of all of these, PHP and others turn some of them back (P02).
// Asking it makes nothing, and most names are passed over at once.
type Names struct {
	whole map[string]bool // folded
	begin []string        // folded
	first [256]uint64     // by the first byte, the lengths of names as bits
	third [256]uint64     // and by the third, since most names begin with "x-"
}

// marks are what a name may have besides letters and digits (RFC 9110 §5.6.2).
const marks = "-_.!~#$%&'*+^|`"

// NewNames returns the set of names; one that ends in an asterisk stands for all that begin so.
func NewNames(names ...string) *Names {
	n := &Names{whole: map[string]bool{}}
	for _, name := range names {
		n.add(name)
	}
	return n
}

func (n *Names) add(name string) {
	begin, open := strings.CutSuffix(name, "*")
	folded := Fold(begin)
	lengths := lengthBit(folded)
	if open {
		n.begin = append(n.begin, folded)
		lengths = ^(lengths - 1) // and all that are longer
	} else {
		n.whole[folded] = true
	}
	mark := func(table *[256]uint64, i int) {
		if i >= len(folded) { // a short one
			return
		}
		spelt := strings.ToUpper(folded[i:i+1]) + folded[i:i+1]
		if folded[i] == '-' {
			spelt = marks
		}
		for _, c := range []byte(spelt) {
			table[c] |= lengths
		}
	}
	mark(&n.first, 0)
	mark(&n.third, 2)
}

// Has reports whether a name is one of the set.
func (n *Names) Has(name string) bool {
	if name == "" {
		return false
	}
	candidates := n.first[name[0]] & lengthBit(name)
	if len(name) > 2 {
		candidates &= n.third[name[2]]
	}
	if candidates == 0 {
		return false
	}
	var buf [128]byte // no name that is known whole is longer
	folded := foldInto(buf[:min(len(name), len(buf))], name)
	if len(name) <= len(buf) && n.whole[string(folded)] {
		return true
	}
	for _, begin := range n.begin {
		if len(folded) >= len(begin) && string(folded[:len(begin)]) == begin {
			return true
		}
	}
	return false
}

// lengthBit stands for the length of a name; all of 63 and more have one.
func lengthBit(name string) uint64 { return 1 << min(len(name), 63) }

// Fold makes names equal that upstreams cannot tell apart (CVE-2024-56327).
func Fold(name string) string { return string(foldInto(make([]byte, len(name)), name)) }

// foldInto fills buf with as much of the folded name as it takes.
func foldInto(buf []byte, name string) []byte {
	for i := range buf {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case strings.IndexByte(marks, c) >= 0:
			c = '-'
		}
		buf[i] = c
	}
	return buf
}

// h2cSettings goes with an upgrade to HTTP/2 without TLS (RFC 7540 §3.2.1), and has no other use.
const h2cSettings = "HTTP2-Settings"

// stripUpgrade drops the wish to switch to anything but a WebSocket. The proxy passes Upgrade on, and a service that takes
// `h2c` has from then on a tunnel to the client through which whole requests come: with identity headers of the client's
// own, and for paths that matchers and rules keep closed, for none of them passes a guard (P18, h2c smuggling). What a
// WebSocket carries is no requests. A server may ignore Upgrade (RFC 9110 §7.8), so the request goes on without it.
func stripUpgrade(h http.Header) {
	if asked, ok := h["Upgrade"]; ok && !OnlyWebSocket(asked) {
		delete(h, "Upgrade")
	}
}

// OnlyWebSocket reports whether a WebSocket is the one protocol asked for. In a list the service would choose.
func OnlyWebSocket(upgrade []string) bool {
	const protocol = "websocket"
	// The length leaves out letters beyond ASCII that fold to these.
	return len(upgrade) == 1 && len(upgrade[0]) == len(protocol) && strings.EqualFold(upgrade[0], protocol)
}
