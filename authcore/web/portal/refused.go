package portal

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/guard"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// Refused is a navigation on a guarded host that did not get through, though not for want of a sign-in.
type Refused = guard.Refusal

// Refuse answers with a page that says why, under the status of the error. The context of the request must carry what
// [httpauth.WithRequestInfo] puts there, and the host must serve [Pages.Host] or, under the prefix, [Pages.Handler].
func (p *Pages) Refuse(w http.ResponseWriter, r *http.Request, refused Refused) {
	prefix := cmp.Or(refused.Prefix, httpauth.HostPrefix)
	p.kit.Handler(prefix, func(q *page.Request) error { return showRefused(q, refused) }).ServeHTTP(w, r)
}

func showRefused(q *page.Request, why Refused) error {
	h := q.W.Header()
	h.Add("Vary", httpauth.NavigationVary)
	h.Set("Referrer-Policy", "same-origin") // the path is the service's: what it means to the portal is nothing
	problem := q.SetProblem(why.Err)
	v := q.ProblemView()
	switch problem.Code {
	case authcore.AuthenticationRequired, authcore.InvalidToken:
		v.Title, v.Intro = q.T("refused.form.title"), []string{q.T("refused.form"), q.T("refused.form.again")}
		v.Apart = &page.Link{To: signInBeside(q, why.Login), Text: q.T("refused.form.sign_in")}
	case authcore.MFARequired, authcore.ReauthenticationRequired:
		v.Title, v.Intro = q.T("refused.step_up.title"), []string{q.T("refused.step_up"), q.T("refused.form.again")}
		v.Apart = &page.Link{To: stepUpBeside(q, why), Text: q.T("refused.step_up.link")}
	case authcore.Forbidden:
		refuseUser(q, &v, why)
	case authcore.Unavailable:
		v.Intro = []string{q.T("refused.unavailable")}
		if why.Form {
			v.Intro = append(v.Intro, q.T("refused.form.reload"))
		}
		if why.Wanted != "" {
			v.Links = []page.Link{{To: why.Wanted, Text: q.T("refused.again")}}
		}
	case authcore.InvalidRequest: // a hand-over to a host that the configuration does not name
		v.Intro = []string{q.T("refused.unnamed")}
	case authcore.Internal:
		v.Intro = append(v.Intro, q.Quote()...)
	}
	return q.ShowProblem(v)
}

// signInBeside is where somebody signs in while the page with what they sent stays open: it leads back to the page that their
// form stands on, or on a host without a sign-in page of its own to any of the host's, for its cookies come with a hand-over.
func signInBeside(q *page.Request, login string) string {
	back := formPage(q)
	switch {
	case !strings.HasPrefix(login, "/"):
		return httpauth.HandoverPath + "?rd=" + url.QueryEscape(cmp.Or(back, q.Origin()+"/"))
	case back == "":
		return login
	}
	return withReturn(login, back)
}

// formPage is the page of this host that the form stands on; "" where the browser names none.
func formPage(q *page.Request) string {
	here := q.Origin()
	if from, err := url.Parse(q.R.Referer()); err == nil && from.Host != "" && page.OriginOf(from) == here {
		return here + from.RequestURI()
	}
	return ""
}

// stepUpBeside is where somebody gives what their sign-in lacks while the page with what they sent stays open, like signInBeside.
func stepUpBeside(q *page.Request, why Refused) string {
	var lacking *authcore.Error
	if !errors.As(why.Err, &lacking) {
		return why.Login
	}
	return guard.StepUpURL(withReturn(why.Login, cmp.Or(formPage(q), q.Origin()+"/")), lacking)
}

// signedInAs says who is signed in.
func signedInAs(q *page.Request, p *authcore.Principal) string {
	return q.T("signed_in.who", "Who", cmp.Or(p.Name, p.Email, p.Username, p.Subject))
}

// refuseUser says who is signed in, and how to be somebody else.
func refuseUser(q *page.Request, v *page.View, why Refused) {
	v.Title, v.Intro = q.T("refused.forbidden.title"), []string{q.T("refused.forbidden", "Brand", q.Brand)}
	if why.Form {
		v.Intro = append(v.Intro, q.T("refused.form"))
	}
	if p := why.Who; p != nil {
		v.Intro = append(v.Intro, signedInAs(q, p))
	}
	back := ""
	if why.Wanted != "" {
		back = "?rd=" + url.QueryEscape(why.Wanted)
	}
	if why.Prefix != "" {
		v.Links = []page.Link{{To: q.Path("/logout") + back, Text: q.T("refused.other")}, {To: q.Path("/account"), Text: q.T("refused.account")}}
		return
	}
	// Without `everywhere` the host that signs people in would hand over the same person again.
	v.Forms = []page.Form{{
		ID: "other-form", Action: httpauth.SignOutPath + back, Hidden: []page.Hidden{{Name: "everywhere", Value: "1"}}, Button: q.T("refused.other"),
	}}
	// CSP3 §6.4.1.1: browsers hold the redirect that follows a form against form-action.
	if to, err := url.Parse(why.Login); err == nil && to.Host != "" {
		q.W.Header().Set("Content-Security-Policy", page.PolicyTo(to.Scheme+"://"+to.Host))
	}
}
