package guard

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// passage is the way of a request through a site with a guard, past handlers that are not ours, and the answer to it. What the
// request brings of ours is kept back from them and lent to handlers of ours (contract §3.8): a refresh token is as good as a
// sign-in for whoever reads it. Of the answer, what sets one of our cookies is dropped: whoever can set them says who a
// browser is to every service behind the gateway.
//
// The answer to an admitted request ends with its session, see [liveconn.Answer].
type passage struct {
	liveconn.Answer
	jar *httpauth.Jar

	cookies       []string // as they came; nil where they held nothing of ours
	left          []string // the cookies without, while they are lent
	authorization []string // as it came; nil where it is none of ours
	lent          bool     // authorization is

	ours    bool     // whoever answers now is
	own     []string // what we have set in Set-Cookie
	renewed bool     // the answer has new cookies, which no cache may keep

	admitted httpauth.Result // whom a guard has let in; its zero value is nobody
}

// passageVar is where the first of our handlers on a request's way leaves its passage for those that come later.
const passageVar = "gatehouse.passage"

// passageOf returns the passage that a request is on; nil for none.
func (e *Edge) passageOf(r *http.Request) *passage {
	p, _ := e.Server.Get(r, passageVar).(*passage)
	return p
}

// String is empty, so that no placeholder shows what is kept back.
func (*passage) String() string { return "" }

// HTTPS says whether the browser speaks https with us, see [httpauth.IsHTTPS].
func (e *Edge) HTTPS(r *http.Request) bool {
	issuer := ""
	if e.Issuer != nil {
		issuer = e.Issuers.All()[0] // the configured one, as text
	}
	return httpauth.IsHTTPS(r, false, issuer) || httpauth.IsHTTPS(r, e.Server.Trusted(r), issuer)
}

// Jar returns where our cookies are.
func (e *Edge) Jar(https bool) *httpauth.Jar {
	if https {
		return e.Jars[1]
	}
	return e.Jars[0]
}

func (e *Edge) newPassage(w http.ResponseWriter, https bool) *passage {
	return &passage{Answer: liveconn.Answer{ResponseWriter: w}, jar: e.Jar(https)}
}

// keepBack takes from a request what it brings of ours. bearer says that it is known to be one of ours.
func (e *Edge) keepBack(p *passage, r *http.Request, bearer bool) {
	if lines := r.Header["Cookie"]; len(lines) > 0 && p.jar.Strip(r.Header, e.owns) {
		p.cookies = lines
	}
	lines := r.Header["Authorization"]
	if len(lines) > 0 && (bearer || slices.ContainsFunc(lines, func(line string) bool { return httpauth.OwnsAny(line, e.owns) })) {
		p.authorization = lines
		delete(r.Header, "Authorization")
	}
}

// enter lends one of our handlers what the request brought, and lets it answer as it likes.
func (p *passage) enter(r *http.Request) {
	p.ours = true
	if p.cookies != nil {
		p.left = r.Header["Cookie"]
		r.Header["Cookie"] = p.cookies
	}
	if _, other := r.Header["Authorization"]; p.authorization != nil && !other {
		p.lent = true
		r.Header["Authorization"] = p.authorization
	}
}

// leave takes it back, before a handler that is not ours.
func (p *passage) leave(r *http.Request) {
	p.ours = false
	if p.cookies != nil {
		delete(r.Header, "Cookie")
		if len(p.left) > 0 {
			r.Header["Cookie"] = p.left
		}
	}
	if p.lent {
		p.lent = false
		delete(r.Header, "Authorization")
	}
}

// finish is called when the handlers beyond have returned: with an error, which somebody else answers, or perhaps without
// having written anything.
func (p *passage) finish(err error) error {
	if p.ours {
		return err
	}
	p.head(http.StatusOK)
	delete(p.Header(), http.TrailerPrefix+"Set-Cookie")
	return err
}

// head cleans the head of an answer before it is sent.
func (p *passage) head(status int) {
	if p.ours || p.Begun() {
		return
	}
	h := p.Header()
	if trailers := h["Trailer"]; len(trailers) > 0 {
		sanitize.StripAnnounced(h, trailers)
	}
	if status < http.StatusOK && status != http.StatusSwitchingProtocols { // interim; our cookies are for the answer that follows
		p.jar.Keep(h, nil)
		return
	}
	if len(p.own) > 0 || len(h["Set-Cookie"]) > 0 {
		p.jar.Keep(h, p.own)
	}
	if p.renewed {
		sanitize.MakePrivate(h)
	}
}

// discard takes from the head what a service has set there that is cut before it answers. What describes its answer would be read as of the
// refusal that is sent instead (RFC 9110 §8, §10.2.2, §15.4), and its cookies were set for a session that has ended. Other fields stay:
// who set them is not known.
func (p *passage) discard() {
	p.head(http.StatusUnauthorized)
	if p.Begun() {
		return
	}
	h := p.Header()
	for name := range h {
		if strings.HasPrefix(name, "Content-") || slices.Contains(ofAnswer, name) {
			delete(h, name)
		}
	}
	if len(p.own) > 0 {
		h["Set-Cookie"] = p.own
	} else {
		delete(h, "Set-Cookie")
	}
}

var ofAnswer = []string{"Accept-Ranges", "Age", "Etag", "Expires", "Last-Modified", "Location", "Refresh", "Trailer"}

// WriteHeader implements http.ResponseWriter.
func (p *passage) WriteHeader(status int) {
	p.head(status)
	p.Answer.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *passage) Write(b []byte) (int, error) {
	p.head(http.StatusOK)
	return p.Answer.Write(b)
}

// ReadFrom implements io.ReaderFrom.
func (p *passage) ReadFrom(r io.Reader) (int64, error) {
	p.head(http.StatusOK)
	return p.Answer.ReadFrom(r)
}

// FlushError implements what http.ResponseController looks for.
func (p *passage) FlushError() error {
	p.head(http.StatusOK)
	return p.Answer.FlushError()
}

// Flush implements http.Flusher.
func (p *passage) Flush() { _ = p.FlushError() }

// Interface guards
var (
	_ http.Hijacker = (*passage)(nil)
	_ http.Flusher  = (*passage)(nil)
	_ io.ReaderFrom = (*passage)(nil)
)
