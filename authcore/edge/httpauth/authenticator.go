package httpauth

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

// Authenticator decides who makes a request, whether it is for the API, a page or a guarded service: contract §3.1 to §3.5 in
// one place. It is safe for concurrent use.
type Authenticator struct{ cfg Config }

// Config is what an Authenticator needs.
type Config struct {
	Verifier *accesstoken.Verifier
	Sessions *session.Sessions
	Issuers  func() []string // `iss` that access tokens may name
	Audience []string        // `aud` that access tokens must name; empty means one of the issuers
	Origins  *Origins        // nil trusts none
	// ClockWrong reports whether this node's time cannot be right, so that it cannot tell what has expired; nil means never.
	ClockWrong func() bool
	// Stale reports whether this node's snapshot of revocations is too old to believe that a session lives; nil means never.
	Stale func() bool
	Trace authcore.Trace // of the step renewal; nil is nobody
	// Dialects returns the keys of the dialects of the configuration; it may be nil, and return nil: there are none.
	Dialects func() *jwtkeys.ForeignSet
}

// NewAuthenticator checks cfg.
func NewAuthenticator(cfg Config) (*Authenticator, error) {
	if cfg.Verifier == nil || cfg.Sessions == nil || cfg.Issuers == nil {
		return nil, errors.New("httpauth: verifier, sessions and issuers are required")
	}
	never := func() bool { return false }
	if cfg.Origins == nil {
		cfg.Origins = &Origins{}
	}
	if cfg.Stale == nil {
		cfg.Stale = never
	}
	if cfg.ClockWrong == nil {
		cfg.ClockWrong = never
	}
	if cfg.Trace == nil {
		cfg.Trace = authcore.NoTrace
	}
	if cfg.Dialects == nil {
		cfg.Dialects = func() *jwtkeys.ForeignSet { return nil }
	}
	return &Authenticator{cfg}, nil
}

// NameSet is a sorted set of origins or hosts that grows while a configuration is read. The zero value is empty. All may be called
// concurrently, Add by one at a time.
type NameSet struct{ p atomic.Pointer[[]string] }

// All returns them. Nobody may change what it returns.
func (s *NameSet) All() []string {
	if all := s.p.Load(); all != nil {
		return *all
	}
	return nil
}

// Add puts more into the set.
func (s *NameSet) Add(more []string) {
	all := append(slices.Clone(s.All()), more...)
	slices.Sort(all)
	all = slices.Compact(all)
	s.p.Store(&all)
}

// Origins returns the origins that the authenticator trusts; never nil.
func (a *Authenticator) Origins() *Origins { return a.cfg.Origins }

// Result is who a request is made by.
type Result struct {
	*accesstoken.Verified
	Renewed bool // the database has just said so, and the browser has new cookies
	// ClearCookies is true beside a refusal for which the browser's cookies are dead. Who passes the refusal on calls
	// [Authenticator.ClearDeadCookies]; where the browser goes on to get new cookies they stay, since another tab may have them by now.
	ClearCookies bool
}

// AuthenticateRequest returns who makes the request that brings given. It decides from memory alone, unless a browser's access
// cookie will not do and its refresh cookie may: then it renews both, and asks info on whose behalf. Refusals: InvalidToken, which
// may come with ClearCookies; CrossOrigin; and Unavailable where renewal would need a store that is away, or the clock is wrong
// by which a bearer token seems to have expired.
func (a *Authenticator) AuthenticateRequest(w http.ResponseWriter, r *http.Request, given Credentials, info func(*http.Request) RequestInfo) (Result, error) {
	result, err := given.scheme.verify(a, r, given)
	if errors.Is(err, errRenew) {
		return a.renew(w, r, info(r))
	}
	return result, err
}

// Authenticate is FindCredentials and AuthenticateRequest for an API call or a page, for which [ErrStale] is a refusal too. A
// browser whose cookies are dead is told to forget them.
func (a *Authenticator) Authenticate(w http.ResponseWriter, r *http.Request, in RequestInfo) (*authcore.Principal, error) {
	given, err := FindCredentials(r, in.Cookies(), in.ServesHost)
	if err != nil {
		return nil, err
	}
	v, err := a.AuthenticateRequest(w, r, given, func(*http.Request) RequestInfo { return in })
	if v.ClearCookies {
		a.ClearDeadCookies(w.Header(), r, in.Cookies())
	}
	if err != nil {
		return nil, err
	}
	if !v.Renewed && a.cfg.Stale() {
		return nil, ErrStale // whoever is admitted by a snapshot of revocations that is too old
	}
	p := v.Principal()
	return &p, nil
}

// lookup is the verifier's outcome, with issuer and audience demanded, of cached tokens as well: configurations that share a
// verifier differ in what they accept (T11).
func (a *Authenticator) lookup(raw string, kind authcore.CredentialKind) (*accesstoken.Verified, accesstoken.Outcome) {
	v, outcome := a.cfg.Verifier.Verify(raw, kind)
	if v == nil {
		return nil, outcome
	}
	if !v.Accepts(a.accepted()) {
		return nil, accesstoken.Invalid
	}
	return v, outcome
}

// accepted are the issuers and audiences that a token may name.
func (a *Authenticator) accepted() (issuers, audience []string) {
	issuers, audience = a.cfg.Issuers(), a.cfg.Audience
	if len(audience) == 0 {
		audience = issuers
	}
	return issuers, audience
}

// IsLive reports whether an access token that a client shows in a body speaks for a session now. Refusal: [ErrStale].
func (a *Authenticator) IsLive(raw string) (bool, error) {
	_, outcome := a.lookup(raw, authcore.BearerToken)
	if outcome == accesstoken.Admitted && a.cfg.Stale() {
		return false, ErrStale
	}
	return outcome == accesstoken.Admitted, nil
}

// ErrStale is told to a client whose session may have been ended without this node knowing.
var ErrStale = authcore.Refuse(authcore.Unavailable,
	"The gateway cannot check right now whether your session is still valid. Try again soon.")

var errClockWrong = authcore.RefuseFor(authcore.Unavailable,
	"The gateway cannot check right now whether your token has expired, because its clock is wrong. Try again soon.", 10*time.Second)

// ErrInvalidToken is told of every token that will not do, whatever the reason (T12).
var ErrInvalidToken = authcore.Refuse(authcore.InvalidToken, "The access token is invalid or no longer accepted. Refresh it or sign in again.")

// errRenew says that a browser's cookies do not do, and that its refresh cookie may get it new ones.
var errRenew = errors.New("renew by the refresh cookie")

// sentTo reports whether a request came to the one host that the token of a child session is good at; "" is any. A service that gets
// hold of the tokens of a child session, by whatever way, has those of its own host alone: they open no other and not the portal
// (S04). Who sends a request chooses its Host header, so it counts only where the site is there for that host.
func (c Credentials) sentTo(r *http.Request, only string) bool {
	if only == "" {
		return true
	}
	scheme, host, _ := strings.Cut(only, "://")
	return scheme == schemeOf(c.jar.https) && strings.EqualFold(host, (&url.URL{Host: r.Host}).Hostname()) && c.servesHost != nil && c.servesHost(host)
}

// scheme is a way in which a request says who makes it.
type scheme struct {
	kind authcore.CredentialKind
	// find looks for such a credential in a request and does not judge it. found may be true beside an error: there is one, and
	// it cannot be read.
	find func(r *http.Request, jar *Jar) (token string, found bool, err error)
	// verify returns whose it is, from memory alone, or errRenew where only the database can tell.
	verify func(a *Authenticator, r *http.Request, given Credentials) (Result, error)
}

// schemes are asked in this order, and the first that finds something speaks alone, even when it is bad: falling back would let
// a request run as somebody its sender did not name. Queries are never read: they end up in logs and referrers (RFC 9700 §4.3.2).
var schemes = [...]scheme{
	{kind: authcore.BearerToken, find: findBearer, verify: verifyBearer},
	{kind: authcore.SessionCookie, find: findCookie, verify: verifyCookie},
}

// dialectScheme stands in place of the first one for a token that has the header of a dialect's, where those are accepted.
var dialectScheme = scheme{kind: authcore.DialectToken, verify: verifyDialect}

// Accept says by what requests may be authenticated. The zero value is what pages, the API and most guards take: cookies and bearer tokens.
type Accept struct {
	NoCookie, NoBearer bool
	Dialect            bool // access tokens of the configuration's dialects
	// Schemes are words that dialects' tokens stand under besides Bearer.
	Schemes func() []string
}

// Credentials are what a request brings to be authenticated by. The zero value is none.
type Credentials struct {
	scheme     *scheme
	token      string
	jar        *Jar
	servesHost func(host string) bool
}

// FindCredentials looks for credentials and does not judge them. servesHost is what [RequestInfo.ServesHost] is. Refusals:
// AuthenticationRequired where there are none; InvalidRequest for two Authorization lines, of which we and the upstream could
// each believe another one; InvalidToken for a Bearer header without a token. The last comes with credentials of that kind.
func FindCredentials(r *http.Request, jar *Jar, servesHost func(host string) bool) (Credentials, error) {
	for i := range schemes {
		token, found, err := schemes[i].find(r, jar)
		switch {
		case found:
			return Credentials{&schemes[i], token, jar, servesHost}, err
		case err != nil:
			return Credentials{}, err
		}
	}
	return Credentials{}, authcore.Refuse(authcore.AuthenticationRequired, "Sign in first.")
}

// Kind returns what kind the credentials are of; "" for none.
func (c Credentials) Kind() authcore.CredentialKind {
	if c.scheme == nil {
		return ""
	}
	return c.scheme.kind
}

// Token returns the access token; "" where there is none, or only a refresh cookie.
func (c Credentials) Token() string { return c.token }

// findBearer leaves schemes other than Bearer alone: they are not ours and leave the cookies in force.
func findBearer(r *http.Request, _ *Jar) (token string, found bool, err error) {
	switch lines := r.Header["Authorization"]; len(lines) {
	case 0:
		return "", false, nil
	case 1:
		if token, found = bearer(strings.Trim(lines[0], " \t")); found && token == "" {
			err = authcore.Refuse(authcore.InvalidToken, "The Authorization header contains no token.")
		}
		return token, found, err
	default:
		return "", false, authcore.Refuse(authcore.InvalidRequest, "Send only one Authorization header.")
	}
}

func verifyBearer(a *Authenticator, r *http.Request, given Credentials) (Result, error) {
	switch v, outcome := a.lookup(given.token, authcore.BearerToken); {
	case outcome == accesstoken.Admitted && given.sentTo(r, v.Host()):
		return Result{Verified: v}, nil
	case outcome == accesstoken.Invalid && a.cfg.ClockWrong():
		return Result{}, errClockWrong // told 401, programs throw away tokens that may be perfectly good
	}
	return Result{}, ErrInvalidToken
}

// findCookie finds the access cookie, and a refresh cookie by which a new one may be had.
func findCookie(r *http.Request, jar *Jar) (token string, found bool, err error) {
	token = ReadCookie(r, jar.access)
	return token, token != "" || ReadCookie(r, jar.refresh) != "", nil
}

// verifyCookie first checks the origin: a browser may send cookies on another page's behalf, which must not even cause a
// renewal (B04, B11).
func verifyCookie(a *Authenticator, r *http.Request, given Credentials) (Result, error) {
	if NeedsOrigin(r) {
		if err := a.cfg.Origins.Check(r, given.jar.https); err != nil {
			return Result{}, err
		}
	}
	if given.token != "" {
		switch v, outcome := a.lookup(given.token, authcore.SessionCookie); {
		case outcome == accesstoken.Admitted && given.sentTo(r, v.Host()):
			return Result{Verified: v}, nil
		case outcome == accesstoken.Revoked:
			// What is revoked is never renewed: no query needed to know. What a step-up has replaced may be.
			return Result{ClearCookies: true}, ErrInvalidToken
		}
	}
	return Result{}, errRenew
}

// bearer returns what follows the scheme, if that is Bearer. A tab is no separator by RFC 9110 §11.4, but some upstreams
// take it for one.
func bearer(line string) (token string, ok bool) {
	const scheme = "bearer"
	if len(line) < len(scheme) || !strings.EqualFold(line[:len(scheme)], scheme) {
		return "", false
	}
	rest := line[len(scheme):]
	token = strings.TrimLeft(rest, " \t")
	return token, len(token) < len(rest) || rest == ""
}

// RequestInfo is what the server in front has found out about a request. Nothing in it is taken from a header that just
// any client can set.
type RequestInfo struct {
	Client    authcore.Client
	HTTPS     bool   // what IsHTTPS says
	RequestID string // for the log; "" when there is none
	// ServesHost reports whether the site that the request came to is there for a host name, and not for just any. nil is for none:
	// then no token of a child session is good there, since anybody can write any name into a Host header.
	ServesHost func(host string) bool
	// Jar is where the gateway's cookies are; nil is that of the default prefix.
	Jar *Jar
	// IsProxy reports whether an address is of a proxy that the configuration trusts, behind which are many; nil: none is.
	IsProxy func(netip.Addr) bool
}

// Cookies returns where the cookies of the request's gateway are.
func (in RequestInfo) Cookies() *Jar {
	if in.Jar != nil {
		return in.Jar
	}
	return NewJar(DefaultCookiePrefix, in.HTTPS)
}

type requestInfoKey struct{}

// WithRequestInfo returns a context that carries in. Every request that reaches a Handler of this package must have one.
func WithRequestInfo(ctx context.Context, in RequestInfo) context.Context {
	return context.WithValue(ctx, requestInfoKey{}, in)
}

var errNoRequestInfo = errors.New("find out who sent the request: the context carries no RequestInfo")

// RequestInfoFrom returns what [WithRequestInfo] put into ctx; an error where there is nothing.
func RequestInfoFrom(ctx context.Context) (RequestInfo, error) {
	in, ok := ctx.Value(requestInfoKey{}).(RequestInfo)
	if !ok {
		return RequestInfo{}, errNoRequestInfo
	}
	return in, nil
}

// IsHTTPS is the one answer to "does the browser speak https with us" (contract §4): TLS ends here, or a trusted proxy
// says it ended there, or the configured issuer is an https origin. trustedProxy says whether the peer is one of the
// configured proxies: X-Forwarded-Proto from anybody else is a client's claim and is ignored (P09).
func IsHTTPS(r *http.Request, trustedProxy bool, issuer string) bool {
	if r.TLS != nil || strings.HasPrefix(issuer, "https://") {
		return true
	}
	proto := r.Header["X-Forwarded-Proto"]
	return trustedProxy && len(proto) == 1 && strings.EqualFold(proto[0], "https")
}
