package httpauth

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// renew signs a browser in again by its refresh cookie, in the middle of another request (contract §3.4). On success both cookies
// are set anew on w and the answer is marked as private. On an error the cookies stay, also where the token is dead. Requests
// that arrive together with one token all succeed.
//
// The caller has checked the origin where [NeedsOrigin] asks for it, and found no access token that is still good.
func (a *Authenticator) renew(w http.ResponseWriter, r *http.Request, in RequestInfo) (Result, error) {
	token := ReadCookie(r, in.Cookies().refresh)
	if token == "" {
		return Result{}, ErrInvalidToken // there was an access token, and it did not do
	}
	ctx, done := a.cfg.Trace(r.Context(), "renewal")
	tokens, err := a.cfg.Sessions.Renew(WithRequestInfo(ctx, in), token, in.Client)
	if err == nil {
		err = in.Cookies().SetSession(w.Header(), tokens)
	}
	done(err)
	switch {
	case err == nil:
		w.Header().Set("Cache-Control", "private, no-store")
		return Result{Verified: a.cfg.Verifier.Admit(tokens.Principal), Renewed: true}, nil
	case IsDeadRefresh(err):
		return Result{ClearCookies: true}, ErrInvalidToken
	case errors.Is(err, session.ErrOtherOrigin):
		return Result{}, ErrInvalidToken
	}
	return Result{}, err
}

// IsDeadRefresh reports whether err says that a refresh token is good nowhere: one that belongs to another host is good there.
func IsDeadRefresh(err error) bool {
	code := authcore.CodeOf(err)
	return !errors.Is(err, session.ErrOtherOrigin) && (code == authcore.InvalidRefreshToken || code == authcore.RefreshTokenReused)
}
