package page

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// State is what a browser keeps for the pages between two requests.
type State struct {
	r   *http.Request
	h   http.Header // of the answer
	jar *httpauth.Jar
}

// What a link is for. The cookie that keeps its token says so: a token of one kind is never shown for another.
const (
	VerifyLink     = "verify"
	ResetLink      = "reset"
	EmailLink      = "email"
	SecureLink     = "secure"
	SetupLink      = "setup"
	RestoreLink    = "restore"
	InvitationLink = "invitation"
	SignInLink     = "sign_in"
	InvitedLink    = "invited" // that its maker may give on
	// These are no links: what a form has made, for the page behind it to show once.
	FactorLink    = "factor" // the id of a second factor that this browser adds
	RecoveryCodes = "codes"
)

// EmailLinkPath is of the page where an [EmailLink] leads. Who is not signed in there signs in first and comes back.
const EmailLinkPath = "/me/email/confirm"

// maxLinkToken is the longest token of a link that is kept.
const maxLinkToken = 128

// takeLink moves the token of a link out of the address into a cookie and shows the same page without it, so that it
// stands in no history, referrer or screenshot (ASVS 14.2.1). The token is not looked at: what opens links before their
// owner does (mail scanners) changes nothing by it (R07).
func (to Route) takeLink(q *Request) bool {
	query := q.R.URL.Query()
	if !query.Has("token") {
		return false
	}
	q.W.Header().Set("Referrer-Policy", "no-referrer")
	token := query.Get("token")
	if len(token) > maxLinkToken || strings.Trim(token, LinkAlphabet) != "" || httpauth.LinkCookie.Set(q.h, q.jar, to.Link+"."+token) != nil {
		httpauth.LinkCookie.Clear(q.h, q.jar)
	}
	if to.Link == SignInLink && query.Has("rd") {
		q.KeepPending(Pending{ReturnTo: query.Get("rd")})
	}
	_ = q.Redirect(q.Path(to.Path))
	return true
}

// LinkAlphabet is what tokens in addresses are made of: base64url.
const LinkAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Link returns the token that the browser keeps of a link of this kind; "" for none.
func (s State) Link(kind string) string {
	token, ok := strings.CutPrefix(httpauth.LinkCookie.Read(s.r, s.jar), kind+".")
	if !ok {
		return ""
	}
	return token
}

// KeepLink keeps the token of a link of this kind, as if it had been opened.
func (s State) KeepLink(kind, token string) {
	if httpauth.LinkCookie.Set(s.h, s.jar, kind+"."+token) != nil { // unreachable: our tokens fit
		httpauth.LinkCookie.Clear(s.h, s.jar)
	}
}

// DropLink forgets the link.
func (s State) DropLink() {
	if httpauth.LinkCookie.Read(s.r, s.jar) != "" {
		httpauth.LinkCookie.Clear(s.h, s.jar)
	}
}

// DropLoop forgets where the browser was sent.
func (s State) DropLoop() {
	if httpauth.LoopCookie.Read(s.r, s.jar) != "" {
		httpauth.LoopCookie.Clear(s.h, s.jar)
	}
}

// Registration returns the secret of who registered with this browser; "" for none.
func (s State) Registration() string { return httpauth.RegistrationCookie.Read(s.r, s.jar) }

// Pending is what is kept while somebody looks into their mail. It is theirs, so it needs no seal; the way back is
// checked when it is used.
type Pending struct {
	ReturnTo, Login string
	Lost            httpauth.DropReason // why somebody who has just arrived was not led back
}

// Pending returns what is kept.
func (s State) Pending() Pending {
	kept, err := url.ParseQuery(httpauth.PendingCookie.Read(s.r, s.jar))
	if err != nil {
		return Pending{}
	}
	return Pending{ReturnTo: kept.Get("rd"), Login: kept.Get("login"), Lost: httpauth.DropReason(kept.Get("lost"))}
}

// DropPending forgets it.
func (s State) DropPending() {
	if httpauth.PendingCookie.Read(s.r, s.jar) != "" {
		httpauth.PendingCookie.Clear(s.h, s.jar)
	}
}

// KeepPending keeps p; the way back is dropped where both are too long for a cookie.
func (q *Request) KeepPending(p Pending) {
	all := url.Values{}
	if p.Login != "" && len(p.Login) <= 320 {
		all.Set("login", p.Login)
	}
	if p.Lost != "" {
		all.Set("lost", string(p.Lost))
	}
	short := all.Encode()
	if to, why := q.CheckReturn(p.ReturnTo); why == "" {
		all.Set("rd", to)
	}
	if len(all) == 0 {
		return
	}
	if httpauth.PendingCookie.Set(q.h, q.jar, all.Encode()) != nil && short != "" {
		_ = httpauth.PendingCookie.Set(q.h, q.jar, short)
	}
}
