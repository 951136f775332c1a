package httpapi

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// Renew signs a browser in again by its refresh cookie, in the middle of another request (contract §3.4). On success
// both cookies are set anew on w and the answer is marked as private. Without a refresh cookie it is
// AuthenticationRequired. On an error the cookies stay, also where the token is dead (InvalidRefreshToken,
// RefreshTokenReused). Requests that arrive together with one token all succeed.
//
// The caller has checked the origin where [NeedsOrigin] asks for it, and found no access token that is still good.
func Renew(w http.ResponseWriter, r *http.Request, in Incoming, sessions *session.Sessions) (session.Tokens, error) {
	token := ReadCookie(r, in.Cookies().refresh)
	if token == "" {
		return session.Tokens{}, authcore.Refuse(authcore.AuthenticationRequired, "Sign in first.")
	}
	tokens, err := sessions.Renew(r.Context(), token, in.Client)
	if err != nil {
		return session.Tokens{}, err
	}
	if err := in.Cookies().SetSession(w.Header(), tokens); err != nil {
		return session.Tokens{}, err
	}
	w.Header().Set("Cache-Control", "private, no-store")
	return tokens, nil
}

func isDeadRefresh(err error) bool {
	code := authcore.CodeOf(err)
	return !errors.Is(err, session.ErrOtherHost) && (code == authcore.InvalidRefreshToken || code == authcore.RefreshTokenReused)
}
