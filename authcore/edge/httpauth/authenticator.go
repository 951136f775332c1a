package httpauth

import (
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
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
	return &Authenticator{cfg}, nil
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
