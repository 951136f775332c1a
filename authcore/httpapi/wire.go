package httpapi

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/session"
)

// user is an account as its owner sees it (contract §4).
type user struct {
	ID            uuid.UUID `json:"id"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"email_verified"`
	Username      *string   `json:"username"`
	Phone         string    `json:"phone"`
	FirstName     string    `json:"first_name"`
	LastName      string    `json:"last_name"`
	AvatarURL     string    `json:"avatar_url"`
	Roles         []string  `json:"roles"`
	CreatedAt     time.Time `json:"created_at"`
}

func userOf(a authcore.Account) user {
	u := user{
		ID: a.ID, Email: a.Email, EmailVerified: a.EmailVerified(), Phone: a.Phone,
		FirstName: a.FirstName, LastName: a.LastName, AvatarURL: a.AvatarURL,
		Roles: append([]string{}, a.Roles...), CreatedAt: a.CreatedAt.UTC(),
	}
	if a.Username != "" {
		u.Username = &a.Username
	}
	return u
}

// tokenPair is the answer to every sign-in and refresh. In cookie mode the tokens are left out: a script that could
// read them here would make HttpOnly worthless.
type tokenPair struct {
	AccessToken      string    `json:"access_token,omitempty"`
	TokenType        string    `json:"token_type"`
	ExpiresIn        int64     `json:"expires_in"`
	RefreshToken     string    `json:"refresh_token,omitempty"`
	RefreshExpiresIn int64     `json:"refresh_expires_in"`
	SessionID        uuid.UUID `json:"session_id"`
	User             user      `json:"user"`
}

// writeTokens answers with a token pair, in the body or in cookies as the session's mode says.
func writeTokens(w http.ResponseWriter, r *http.Request, in Incoming, t session.Tokens) error {
	pair := tokenPair{
		TokenType: "Bearer", ExpiresIn: seconds(t.ExpiresIn), RefreshExpiresIn: seconds(t.RefreshExpiresIn),
		SessionID: t.Session.ID, User: userOf(t.Account),
	}
	if t.Mode == authcore.ModeCookie {
		if err := SetSessionCookies(w.Header(), in.HTTPS, t); err != nil {
			return err
		}
	} else {
		pair.AccessToken, pair.RefreshToken = t.Access, t.Refresh
	}
	writeJSON(w, r, http.StatusOK, "application/json", pair)
	return nil
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// modeOf says how tokens travel: `"cookies": true` asks for cookies.
func modeOf(cookies bool) authcore.Mode {
	if cookies {
		return authcore.ModeCookie
	}
	return authcore.ModeBearer
}
