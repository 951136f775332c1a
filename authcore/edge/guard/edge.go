package guard

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// Next is the handlers that follow. An error of theirs is for the server to answer.
type Next interface {
	ServeHTTP(w http.ResponseWriter, r *http.Request) error
}

// NextFunc makes a function a Next.
type NextFunc func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP calls f.
func (f NextFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) error { return f(w, r) }

// Server is what the HTTP server knows of a request, and keeps for it from one handler to the next.
type Server interface {
	// Trusted reports whether the peer is a proxy that the configuration trusts.
	Trusted(r *http.Request) bool
	// Asked returns the URL as the client sent it, before any rewrite.
	Asked(r *http.Request) *url.URL
	// Client returns the client's address, never from a header that anybody can send (L15), and the request's id for the log.
	Client(r *http.Request) (addr netip.Addr, requestID string)
	// Get returns what Set has kept; nil for nothing.
	Get(r *http.Request, name string) any
	Set(r *http.Request, name string, value any)
	// BadRequest makes err one that the server answers by 400.
	BadRequest(err error) error
}

// Started is what there is once the gateway's database is open.
type Started struct {
	Auth        *httpauth.Authenticator
	Pages       Pages
	Staleness   *revocation.Staleness
	Connections *liveconn.Registry
}

// Pages are the pages that a guarded host shows. It may be called concurrently.
type Pages interface {
	// HostHas reports whether a path is one of those that Host answers.
	HostHas(path string) bool
	// Host serves them; login is where the guard sends browsers to sign in.
	Host(login string) http.Handler
	// Refuse answers a browser whose request did not get through.
	Refuse(w http.ResponseWriter, r *http.Request, why Refusal)
}

// Edge is what all handlers of one configuration have in common. The exported fields are set before the first request.
type Edge struct {
	Server  Server
	Jars    [2]*httpauth.Jar // over http and over https
	Issuer  *url.URL         // the configured one; nil for none
	Issuers *httpauth.NameSet
	Origins *httpauth.Origins
	Counts  Counts
	Logger  *slog.Logger
	Now     func() time.Time

	guards        atomic.Int32                      // how many there are
	strip         atomic.Pointer[sanitize.Stripper] // what every guard removes: all families, and the `header` names of all guards
	headers, keep []string                          // the names of the options of all guards

	started atomic.Pointer[Started]
	ready   chan struct{} // closed with it
}

// startWait is how long a request waits for a node that is still starting.
const startWait = 5 * time.Second

// NewEdge returns an Edge whose gateway has not started.
func NewEdge() *Edge { return &Edge{ready: make(chan struct{})} }

// Start says that the gateway has started. It is called once.
func (e *Edge) Start(s *Started) {
	e.started.Store(s)
	close(e.ready)
}

// Await returns what there is once the gateway has started. It waits a moment for that; then the gateway is Unavailable.
func (e *Edge) Await(ctx context.Context) (*Started, error) {
	if s := e.started.Load(); s != nil {
		return s, nil
	}
	timer := time.NewTimer(startWait)
	defer timer.Stop()
	select {
	case <-e.ready:
		return e.started.Load(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, fmt.Errorf("wait for the node to start: %w", authcore.ErrUnavailable)
	}
}

// AddGuard makes known a guard and the headers of its options `header` and `keep`. Every guard removes those of all: of several
// guards on a request's way only the first one removes anything. It is for one at a time.
func (e *Edge) AddGuard(headers, keep []string) {
	e.guards.Add(1)
	e.headers, e.keep = append(e.headers, headers...), append(e.keep, keep...)
	e.strip.Store(sanitize.NewStripper(e.headers, e.keep, e.setAside))
}

// Guards returns how many there are.
func (e *Edge) Guards() int { return int(e.guards.Load()) }

// owns reports whether a token is ours, see [httpauth.Authenticator.OwnsToken]. Before the node has started no key is known.
func (e *Edge) owns(token string) bool {
	if s := e.started.Load(); s != nil {
		return s.Auth.OwnsToken(token)
	}
	return strings.HasPrefix(token, session.Prefix) || strings.HasPrefix(token, session.DevicePrefix) || (*jwtkeys.KeySet)(nil).Names(token, e.Issuers.All())
}

// RequestInfo gathers what is known of a request, from the server's own findings and the configuration only. servesHost is of the site.
func (e *Edge) RequestInfo(r *http.Request, servesHost func(host string) bool) httpauth.RequestInfo {
	https := e.HTTPS(r)
	addr, id := e.Server.Client(r)
	in := httpauth.RequestInfo{HTTPS: https, ServesHost: servesHost, Jar: e.Jar(https), RequestID: id, Client: authcore.Client{
		Addr: addr, UserAgent: audit.UserAgent(authcore.Client{UserAgent: r.UserAgent()}), Issuer: e.issuerFor(r, https),
		Lang: httpauth.Language(r), Host: httpauth.SentTo(r),
	}}
	if servesHost(hostname(r)) {
		in.Client.Origin = httpauth.HostOf(r, https)
	}
	return in
}

// hostname is the name in the Host header, in lower case and without a port.
func hostname(r *http.Request) string { return strings.ToLower((&url.URL{Host: r.Host}).Hostname()) }

// issuerFor returns the issuer of tokens and links of a request: the configured one; else that of the origins named in
// the configuration which the request came to. The Host header only chooses among them (R01).
func (e *Edge) issuerFor(r *http.Request, https bool) string {
	origins := e.Issuers.All()
	if len(origins) == 1 {
		return origins[0]
	}
	host, port := r.Host, ""
	if h, p, err := net.SplitHostPort(r.Host); err == nil {
		host, port = h, p
	}
	host = strings.Trim(strings.ToLower(strings.TrimSuffix(host, ".")), "[]")
	best, points := "", -1
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil {
			continue
		}
		p := 0
		if u.Hostname() == host {
			p += 4
		}
		if u.Port() == port {
			p += 2
		}
		if (u.Scheme == "https") == https {
			p++
		}
		if p > points {
			best, points = o, p
		}
	}
	return best
}

// AsBrowsersSee returns the request with the host that the browser knows in place of the one that arrived, whose port may be that
// of this process alone: what ends TLS in front may pass on where it connects to, or no port.
func (e *Edge) AsBrowsersSee(r *http.Request, https bool) *http.Request {
	trusted := e.Server.Trusted(r)
	if !trusted && (r.TLS != nil || !https) {
		return r // nobody stands between
	}
	front := ""
	if e.Issuer != nil && e.Issuer.Scheme == "https" {
		front = e.Issuer.Host
	}
	host := httpauth.BrowserHost(r, https, trusted, front)
	if host == r.Host {
		return r
	}
	known := *r
	known.Host = host
	return &known
}

// CloseAfterResponse is [sanitize.CloseAfterResponse], and answers a request with a broken body by 400.
func (e *Edge) CloseAfterResponse(w http.ResponseWriter, r *http.Request, next Next) Next {
	body := sanitize.CloseAfterResponse(w, r)
	if body == nil {
		return next
	}
	return NextFunc(func(w http.ResponseWriter, r *http.Request) error {
		err := next.ServeHTTP(w, r)
		if broken := body.Broken(); err != nil && broken != nil {
			return e.Server.BadRequest(broken)
		}
		return err
	})
}
