package httpauth

import (
	"errors"
	"log/slog"
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
func Renew(w http.ResponseWriter, r *http.Request, in RequestInfo, sessions *session.Sessions) (session.Tokens, error) {
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

func IsDeadRefresh(err error) bool {
	code := authcore.CodeOf(err)
	return !errors.Is(err, session.ErrOtherHost) && (code == authcore.InvalidRefreshToken || code == authcore.RefreshTokenReused)
}

// RevokeReplaced ends the session whose cookies a sign-in replaces in the browser: nobody could end it from there any more,
// and if somebody planted it, it must not live on beside the new one (S01, ASVS 7.2.4). The sign-in stands even when that
// cannot be done now.
func RevokeReplaced(r *http.Request, in RequestInfo, sessions *session.Sessions, log *slog.Logger) {
	former := ReadCookie(r, in.Cookies().refresh)
	if former == "" {
		return
	}
	if err := sessions.EndByRefresh(r.Context(), former, in.Client); err != nil {
		log.WarnContext(r.Context(), "could not end the session that a sign-in replaced", "request_id", in.RequestID, "error", err)
	}
}
