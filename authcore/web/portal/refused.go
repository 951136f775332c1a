package portal

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// Refused is a navigation on a guarded host that did not get through, though not for want of a sign-in.
type Refused struct {
	Err    error
	Who    *authcore.Principal // who is signed in; nil where that is not known
	Prefix string              // of the portal on this host; "" where it has none
	Login  string              // where its guard sends browsers to sign in: a path, or a URL on another host
	Wanted string              // URL that was asked for; "" where it is too long to come back to, and for a form
	Form   bool                // the browser has sent a form, which went no further
}

// Refuse answers with a page that says why, under the status of the error. The context of the request must carry what
// [httpauth.WithRequestInfo] puts there, and the host must serve [Pages.Host] or, under the prefix, [Pages.Handler].
func (p *Pages) Refuse(w http.ResponseWriter, r *http.Request, refused Refused) {
	prefix := cmp.Or(refused.Prefix, httpauth.HostPrefix)
	p.answering(prefix, func(v *visit) error { return v.refused(refused) }).ServeHTTP(w, r)
}

func (v *visit) refused(why Refused) error {
	h := v.w.Header()
	h.Add("Vary", httpauth.NavigationVary)
	h.Set("Referrer-Policy", "same-origin") // the path is the service's: what it means to the portal is nothing
	problem := httpauth.ToProblem(h, v.r, v.cfg.Logger, why.Err)
	v.problem = &problem
	c := card{Title: v.t("error.title." + titleOf(problem)), Intro: []string{v.explain(&problem)}}
	switch problem.Code {
	case authcore.AuthenticationRequired, authcore.InvalidToken:
		c.Title, c.Intro = v.t("refused.form.title"), []string{v.t("refused.form"), v.t("refused.form.again")}
		c.Apart = &link{v.signInBeside(why.Login), v.t("refused.form.sign_in")}
	case authcore.Forbidden:
		v.refusePerson(&c, why)
	case authcore.Unavailable:
		c.Intro = []string{v.t("refused.unavailable")}
		if why.Form {
			c.Intro = append(c.Intro, v.t("refused.form.reload"))
		}
		if why.Wanted != "" {
			c.Links = []link{{why.Wanted, v.t("refused.again")}}
		}
	case authcore.InvalidRequest: // a hand-over to a host that the configuration does not name
		c.Intro = []string{v.t("refused.unnamed")}
	case authcore.Internal:
		c.Intro = append(c.Intro, v.quote(&problem)...)
	}
	return v.draw("card", &c)
}

// signInBeside is where somebody signs in while the page with what they sent stays open: it leads back to the page that their
// form stands on, or on a host without a sign-in page of its own to any of the host's, for its cookies come with a hand-over.
func (v *visit) signInBeside(login string) string {
	here, back := httpauth.OriginOf(v.r, v.in.HTTPS), ""
	from, err := url.Parse(v.r.Referer())
	if err == nil && from.Host != "" && httpauth.OriginOf(&http.Request{Host: from.Host}, from.Scheme == "https") == here {
		back = here + from.RequestURI()
	}
	switch {
	case !strings.HasPrefix(login, "/"):
		return httpauth.HandoverPath + "?rd=" + url.QueryEscape(cmp.Or(back, here+"/"))
	case back == "":
		return login
	}
	return withReturn(login, back)
}

// refusePerson says who is signed in, and how to be somebody else.
func (v *visit) refusePerson(c *card, why Refused) {
	c.Title, c.Intro = v.t("refused.forbidden.title"), []string{v.t("refused.forbidden", "Brand", v.cfg.Brand)}
	if why.Form {
		c.Intro = append(c.Intro, v.t("refused.form"))
	}
	if p := why.Who; p != nil {
		c.Intro = append(c.Intro, v.t("refused.who", "Who", cmp.Or(p.Name, p.Email, p.Username, p.Subject)))
	}
	back := ""
	if why.Wanted != "" {
		back = "?rd=" + url.QueryEscape(why.Wanted)
	}
	if why.Prefix != "" {
		c.Links = []link{{v.here("/logout") + back, v.t("refused.other")}, {v.here("/account"), v.t("refused.account")}}
		return
	}
	// Without `everywhere` the host that signs people in would hand over the same person again.
	c.Forms = []form{{
		ID: "other-form", Action: httpauth.SignOutPath + back, Hidden: []hidden{{"everywhere", "1"}}, Button: v.t("refused.other"),
	}}
	// CSP3 §6.4.1.1: browsers hold the redirect that follows a form against form-action.
	if to, err := url.Parse(why.Login); err == nil && to.Host != "" {
		v.w.Header().Set("Content-Security-Policy", policyTo(to.Scheme+"://"+to.Host))
	}
}
