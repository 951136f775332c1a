package httpauth

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

// Find is [FindCredentials] for a guard, which may accept less, or more. What is not accepted is left alone: it is another's.
func (a *Authenticator) Find(r *http.Request, jar *Jar, servesHost func(host string) bool, accept *Accept) (Credentials, error) {
	if !accept.Dialect && !accept.NoBearer && !accept.NoCookie {
		return FindCredentials(r, jar, servesHost)
	}
	if given, found, err := a.findHeader(r, jar, servesHost, accept); found || err != nil {
		return given, err
	}
	if token, found, _ := findCookie(r, jar); found && !accept.NoCookie {
		return Credentials{&schemes[1], token, jar, servesHost}, nil
	}
	return Credentials{}, authcore.Refuse(authcore.AuthenticationRequired, "Sign in first.")
}

// findHeader looks at the Authorization header. A token with the header of a dialect's is one, and of no other kind; what stands under a
// word of a dialect other than Bearer is always one.
func (a *Authenticator) findHeader(r *http.Request, jar *Jar, servesHost func(host string) bool, accept *Accept) (given Credentials, found bool, err error) {
	token, found, err := findBearer(r, jar)
	if accept.NoBearer && !accept.Dialect && len(r.Header["Authorization"]) < 2 {
		return Credentials{}, false, nil
	}
	if !found && err == nil && accept.Dialect {
		if token, found = underScheme(r, accept.Schemes()); found {
			return Credentials{&dialectScheme, token, jar, servesHost}, true, nil
		}
	}
	if !found || err != nil {
		return Credentials{}, false, err
	}
	if accept.Dialect {
		if _, named := a.cfg.Dialects().Named(token); named || accept.NoBearer {
			return Credentials{&dialectScheme, token, jar, servesHost}, true, nil
		}
	}
	return Credentials{&schemes[0], token, jar, servesHost}, !accept.NoBearer, nil
}

// underScheme returns the token that stands under one of some words.
func underScheme(r *http.Request, words []string) (token string, found bool) {
	if len(words) == 0 || len(r.Header["Authorization"]) != 1 {
		return "", false
	}
	word, token, _ := strings.Cut(strings.Trim(r.Header["Authorization"][0], " \t"), " ")
	for _, w := range words {
		if strings.EqualFold(w, word) {
			return strings.Trim(token, " \t"), true
		}
	}
	return "", false
}

func verifyDialect(a *Authenticator, _ *http.Request, given Credentials) (Result, error) {
	switch v, outcome := a.foreign(given.token); {
	case outcome == accesstoken.Admitted:
		return Result{Verified: v}, nil
	case outcome == accesstoken.Invalid && a.cfg.ClockWrong():
		return Result{}, errClockWrong
	}
	return Result{}, ErrInvalidToken
}

// foreign is lookup for a token of a dialect.
func (a *Authenticator) foreign(raw string) (*accesstoken.Verified, accesstoken.Outcome) {
	v, outcome := a.cfg.Verifier.VerifyForeign(raw, a.cfg.Dialects())
	if v == nil {
		return nil, outcome
	}
	if !v.Accepts(a.accepted()) {
		return nil, accesstoken.Invalid
	}
	return v, outcome
}

// AuthenticateBearer returns whom a bearer token of our own speaks for, in whatever header it came. Those of child sessions are good at their
// own host alone, and not here. Refusals: InvalidToken, and Unavailable as at [Authenticator.Authenticate].
func (a *Authenticator) AuthenticateBearer(raw string) (*authcore.Principal, error) {
	switch v, outcome := a.lookup(raw, authcore.BearerToken); {
	case outcome == accesstoken.Invalid && a.cfg.ClockWrong():
		return nil, errClockWrong
	case outcome != accesstoken.Admitted || v.Host() != "":
		return nil, ErrInvalidToken
	case a.cfg.Stale():
		return nil, ErrStale
	default:
		p := v.Principal()
		return &p, nil
	}
}

// AuthenticateDialect returns whom an access token of a dialect speaks for. It is for the calls of that dialect, which kids names the keys
// of: a token of another one is refused. Refusals: InvalidToken, and Unavailable as at [Authenticator.Authenticate].
func (a *Authenticator) AuthenticateDialect(raw string, kids func(kid string) bool) (*authcore.Principal, error) {
	switch v, outcome := a.foreign(raw); {
	case outcome == accesstoken.Invalid && a.cfg.ClockWrong():
		return nil, errClockWrong
	case outcome != accesstoken.Admitted:
		return nil, ErrInvalidToken
	case a.cfg.Stale():
		return nil, ErrStale
	default:
		p := v.Principal()
		if !kids(p.KeyID) {
			return nil, ErrInvalidToken
		}
		return &p, nil
	}
}
