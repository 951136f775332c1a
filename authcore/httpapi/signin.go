package httpapi

import (
	"log/slog"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/session"
	"github.com/gatehouse-auth/gatehouse/authcore/signin"
)

// signInCalls are the ways into a session.
type signInCalls struct {
	signIn   *signin.Flow
	sessions *session.Sessions
	origins  *Origins
	log      *slog.Logger
}

func (c *signInCalls) mount(to routes) {
	to.add(http.MethodPost, "/login", authcore.LimitLogin, c.login)
}

func (c *signInCalls) login(w http.ResponseWriter, r *http.Request, in Incoming) error {
	var body struct {
		Login      string `json:"login"`
		Password   string `json:"password"`
		DeviceName string `json:"device_name"`
		Cookies    bool   `json:"cookies"`
	}
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	// A foreign page must not swap the account a browser is signed in with (B04).
	if body.Cookies {
		if err := c.origins.Check(r, in.HTTPS); err != nil {
			return err
		}
	}
	if err := required("login", body.Login, "password", body.Password); err != nil {
		return err
	}
	tokens, err := c.signIn.Password(r.Context(), signin.In{
		Login: body.Login, Password: body.Password,
		Request: session.Request{Mode: modeOf(body.Cookies), DeviceName: body.DeviceName, Client: in.Client},
	})
	if err != nil {
		return err
	}
	if body.Cookies {
		EndFormer(r, in, c.sessions, c.log)
	}
	return writeTokens(w, r, in, tokens)
}

// EndFormer ends the session whose cookies a sign-in replaces in the browser: nobody could end it from there any more,
// and if somebody planted it, it must not live on beside the new one (S01, ASVS 7.2.4). The sign-in stands even when that
// cannot be done now.
func EndFormer(r *http.Request, in Incoming, sessions *session.Sessions, log *slog.Logger) {
	former := ReadCookie(r, RefreshCookie(in.HTTPS))
	if former == "" {
		return
	}
	if err := sessions.EndByRefresh(r.Context(), former, in.Client); err != nil {
		log.WarnContext(r.Context(), "the session that a sign-in replaced could not be ended", "request_id", in.RequestID, "error", err)
	}
}
