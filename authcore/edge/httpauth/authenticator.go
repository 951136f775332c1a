package httpauth

import (
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

// Authenticator decides who makes a request, of the API and the pages as of guarded services: contract §3.1 to §3.5 in one place. It
// is safe for concurrent use.
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
	// Stale reports whether this node's view of revocations is too old to believe that a session lives; nil means never.
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

// Credentials is what a request brings to be let in by.
type Credentials struct {
	token      string // "" where only a refresh cookie is there
	mode       authcore.Mode
	jar        *Jar
	servesHost func(host string) bool
}

// FindCredentials looks for a credential and does not judge it. servesHost is what [RequestInfo.ServesHost] is. Refusals: AuthenticationRequired
// where there is none, and those of [Credential].
func FindCredentials(r *http.Request, jar *Jar, servesHost func(host string) bool) (Credentials, error) {
	token, mode, err := Credential(r, jar)
	if err != nil {
		return Credentials{}, err
	}
	if token == "" && ReadCookie(r, jar.refresh) == "" {
		return Credentials{}, authcore.Refuse(authcore.AuthenticationRequired, "Sign in first.")
	}
	return Credentials{token, mode, jar, servesHost}, nil
}

// Result is who a request is made by.
type Result struct {
	*accesstoken.Verified
	Renewed bool // the database has just said so, and the browser has new cookies
	// ClearCookies is true beside a refusal for which the browser's cookies are dead. Whoever passes the refusal on has the browser
	// forget them, by [Authenticator.ClearDeadCookies]; where it goes on to get new ones they stay, for another tab may have them by now.
	ClearCookies bool
}

// AuthenticateRequest returns who makes the request that brings given. It decides from memory alone, unless a browser's access cookie will
// not do and its refresh cookie may: then it renews both, and asks incoming for whom it does. Refusals: InvalidToken, which
// may come with ClearCookies; CrossOrigin; and Unavailable where renewal would need a store that is away, or the clock
// is wrong by which a bearer token seems to have expired.
func (a *Authenticator) AuthenticateRequest(w http.ResponseWriter, r *http.Request, given Credentials, incoming func(*http.Request) RequestInfo) (Result, error) {
	if given.mode == authcore.ModeBearer {
		switch v, outcome := a.lookup(given.token, given.mode); {
		case outcome == accesstoken.Admitted && given.sentTo(r, v.Host()):
			return Result{Verified: v}, nil
		case outcome == accesstoken.Invalid && a.cfg.ClockWrong():
			return Result{}, errClockWrong // told 401, programs throw away tokens that may be perfectly good
		}
		return Result{}, ErrInvalidToken
	}
	// From here on a cookie speaks, and a browser may send cookies on another page's behalf, which must not even cause a
	// renewal (B04, B11).
	if NeedsOrigin(r) {
		if err := a.cfg.Origins.Check(r, given.jar.https); err != nil {
			return Result{}, err
		}
	}
	if given.token != "" {
		switch v, outcome := a.lookup(given.token, given.mode); {
		case outcome == accesstoken.Admitted && given.sentTo(r, v.Host()):
			return Result{Verified: v}, nil
		case outcome == accesstoken.Revoked:
			// What is revoked is never renewed: no query needed to know.
			return Result{ClearCookies: true}, ErrInvalidToken
		}
	}
	return a.renew(w, r, incoming(r))
}

func (a *Authenticator) renew(w http.ResponseWriter, r *http.Request, in RequestInfo) (Result, error) {
	within, done := a.cfg.Trace(r.Context(), "renewal")
	tokens, err := Renew(w, r.WithContext(WithRequestInfo(within, in)), in, a.cfg.Sessions)
	done(err)
	switch {
	case err == nil:
		return Result{Verified: a.cfg.Verifier.Admit(tokens.Principal), Renewed: true}, nil
	case IsDeadRefresh(err):
		return Result{ClearCookies: true}, ErrInvalidToken
	case errors.Is(err, session.ErrOtherHost): // where it came from it is good
		return Result{}, ErrInvalidToken
	case authcore.CodeOf(err) == authcore.AuthenticationRequired:
		return Result{}, ErrInvalidToken // there was an access token, and it did not do
	}
	return Result{}, err
}

// Authenticate is FindCredentials and AuthenticateRequest for an API call or a page, for which [ErrStale] is a refusal too. A browser whose cookies are dead
// is told to forget them.
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
		return nil, ErrStale // whoever is admitted by a view of revocations that is too old
	}
	p := v.Principal()
	return &p, nil
}

// lookup is the verifier's outcome, with issuer and audience demanded, of cached tokens as well: configurations that share a
// verifier differ in what they accept (T11).
func (a *Authenticator) lookup(raw string, mode authcore.Mode) (*accesstoken.Verified, accesstoken.Outcome) {
	v, outcome := a.cfg.Verifier.Lookup(raw, mode)
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

// verify is lookup for whoever wants the principal.
func (a *Authenticator) verify(raw string, mode authcore.Mode) (*authcore.Principal, accesstoken.Outcome) {
	v, outcome := a.lookup(raw, mode)
	if v == nil {
		return nil, outcome
	}
	p := v.Principal()
	return &p, outcome
}

// IsLive reports whether an access token that a client shows in a body speaks for a session now. Refusal: [ErrStale].
func (a *Authenticator) IsLive(raw string) (bool, error) {
	_, outcome := a.lookup(raw, authcore.ModeBearer)
	if outcome == accesstoken.Admitted && a.cfg.Stale() {
		return false, ErrStale
	}
	return outcome == accesstoken.Admitted, nil
}

// SessionOf returns whose session a request gives up by an access token: one that has expired is as good for that as any, for
// its session may live on. Nil where there is none to end, because it has ended or the token is none of ours; known is
// false for the latter.
func (a *Authenticator) SessionOf(raw string, mode authcore.Mode) (p *authcore.Principal, known bool) {
	p, outcome := a.verify(raw, mode)
	if p != nil || outcome != accesstoken.Invalid {
		return p, true
	}
	if p = a.cfg.Verifier.Issued(raw, mode); p == nil {
		return nil, false
	}
	if issuers, audience := a.accepted(); !accesstoken.Accepts(p, issuers, audience) {
		return nil, false
	}
	return p, true
}

// EndCookies ends every session that the cookies of a request hold a token of, everywhere if that is asked for, and clears
// both cookies. Tokens that are dead already are no error. The caller has checked where the request came from. When it
// fails the cookies stay.
func (a *Authenticator) EndCookies(w http.ResponseWriter, r *http.Request, in RequestInfo, everywhere bool) error {
	end, endByRefresh := a.cfg.Sessions.Ends(everywhere)
	if raw := ReadCookie(r, in.Cookies().access); raw != "" {
		if p, _ := a.SessionOf(raw, authcore.ModeCookie); p != nil {
			if err := end(r.Context(), p, in.Client); err != nil {
				return err
			}
		}
	}
	if token := ReadCookie(r, in.Cookies().refresh); token != "" {
		if err := endByRefresh(r.Context(), token, in.Client); err != nil {
			return err
		}
	}
	in.Cookies().WriteSignedOut(w.Header())
	return nil
}

// ErrStale is told to a client whose session may have been ended without this node knowing.
var ErrStale = authcore.Refuse(authcore.Unavailable,
	"The gateway cannot check right now whether your session is still valid. Try again soon.")

var errClockWrong = authcore.RefuseFor(authcore.Unavailable,
	"The gateway cannot check right now whether your token has expired, because its clock is wrong. Try again soon.", 10*time.Second)

// ErrInvalidToken is told of every token that will not do, whatever the reason (T12).
var ErrInvalidToken = authcore.Refuse(authcore.InvalidToken, "The access token is invalid or no longer accepted. Refresh it or sign in again.")
