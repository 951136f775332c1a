package httpauth

import (
	"log/slog"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

// SessionOf returns whose session an access token belongs to, so that it can be ended. An expired token will do: its session may
// live on. p is nil where there is no session to end, because it has ended or the token is none of ours; known is false for the
// latter.
func (a *Authenticator) SessionOf(raw string, kind authcore.CredentialKind) (p *authcore.Principal, known bool) {
	switch v, outcome := a.lookup(raw, kind); {
	case v != nil:
		found := v.Principal()
		return &found, true
	case outcome != accesstoken.Invalid:
		return nil, true
	}
	if p = a.cfg.Verifier.Issued(raw, kind); p == nil {
		return nil, false
	}
	if issuers, audience := a.accepted(); !accesstoken.Accepts(p, issuers, audience) {
		return nil, false
	}
	return p, true
}

// EndCookies ends every session that the cookies of a request hold a token of, everywhere if that is asked for, and clears
// both cookies, with those of sign-ins that wait. Tokens that are dead already are no error. The caller has checked where the request came from. When it
// fails the cookies stay.
func (a *Authenticator) EndCookies(w http.ResponseWriter, r *http.Request, in RequestInfo, everywhere bool) error {
	end, endByRefresh := a.cfg.Sessions.Ends(everywhere)
	if raw := ReadCookie(r, in.Cookies().access); raw != "" {
		if p, _ := a.SessionOf(raw, authcore.SessionCookie); p != nil {
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
	for _, waits := range []FlowCookie{MFACookie, SocialCookie.Of(SocialToken)} { // whoever uses the browser next does not go on with them
		if waits.Read(r, in.Cookies()) != "" {
			waits.Clear(w.Header(), in.Cookies())
		}
	}
	return nil
}

// WriteSignedOut tells a browser to forget both tokens and what it kept of private pages, so that whoever uses it next finds
// neither (B10). Cookies and storage are left out of Clear-Site-Data: they belong to the services behind the gateway too.
func (j *Jar) WriteSignedOut(h http.Header) {
	j.ClearSession(h)
	h.Set("Clear-Site-Data", `"cache"`)
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
