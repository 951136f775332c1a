package httpauth

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

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
			// What is revoked is never renewed: no query needed to know.
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
