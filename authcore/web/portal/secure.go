package portal

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// securePage is where the link "This was not me" leads: it says what will happen, and after its one button what was undone.
type securePage struct {
	flow   *secure.Flow
	signUp *signup.Flow
}

func (p *securePage) routes() []page.Route {
	return []page.Route{{Path: "/secure", Show: p.show, Submit: p.submit, Limit: authcore.LimitSecure, Link: page.SecureLink}}
}

// show changes nothing and does not look at the link: what opens links before their owner does must not use them up.
func (p *securePage) show(q *page.Request) error {
	if q.R.URL.Query().Has("undone") && q.Form == nil {
		return p.showDone(q)
	}
	if q.Is(authcore.InvalidCode) {
		q.DropLink() // it will not become right
	}
	v := page.View{Title: q.T("secure.title")}
	if q.Link(page.SecureLink) == "" || q.Is(authcore.InvalidCode) {
		v.Intro = []string{q.T("secure.intro.none"), q.T("secure.oldest")}
		v.Links = []page.Link{{To: q.Path("/password/forgot"), Text: q.T("login.forgot")}, {To: q.Path("/login"), Text: q.T("reset.login")}}
		return q.Show(v)
	}
	v.Intro = []string{q.T("secure.intro"), q.T("secure.oldest")}
	for _, what := range []string{"sessions", "changes", "password"} {
		v.Points = append(v.Points, page.Point{Title: q.T("secure.will." + what), Text: q.T("secure.will." + what + ".text")})
	}
	v.Forms = []page.Form{{ID: "secure-form", Button: q.T("secure.button")}}
	return q.Show(v)
}

// submit uses the link. It signs nobody in; the new password is set with the token that comes of it.
func (p *securePage) submit(q *page.Request) error {
	done, err := p.flow.Secure(q.R.Context(), q.Link(page.SecureLink), q.Info.Client)
	if err != nil {
		return err
	}
	q.DropLink()
	if done.ResetToken != "" {
		q.KeepLink(page.ResetLink, done.ResetToken)
	}
	q.Info.Cookies().ClearSession(q.W.Header())
	return q.Redirect(q.Path("/secure") + "?undone=" + url.QueryEscape(joined(done.Undone)))
}

// showDone says what was undone. The words come with the address, so they only choose among texts.
func (p *securePage) showDone(q *page.Request) error {
	v := page.View{Title: q.T("secure.done.title"), Intro: []string{q.T("secure.done.intro")}}
	undone := strings.Fields(q.R.URL.Query().Get("undone"))
	for _, kind := range secure.Kinds() {
		if slices.Contains(undone, string(kind)) {
			v.Points = append(v.Points, page.Point{Title: q.T("secure.undone." + string(kind)), Text: q.T("secure.undone." + string(kind) + ".text")})
		}
	}
	if q.Link(page.ResetLink) == "" {
		v.Links = []page.Link{{To: q.Path("/login"), Text: q.T("reset.login")}}
		if !noPasswords(p.signUp) {
			v.Intro = append(v.Intro, q.T("secure.done.forgot"))
			v.Links = append([]page.Link{{To: q.Path("/password/forgot"), Text: q.T("login.forgot")}}, v.Links...)
		}
		return q.Show(v)
	}
	fresh := page.NewPasswordField(q, "new_password", p.signUp.MinPassword())
	v.Intro = append(v.Intro, q.T("secure.done.reset"))
	v.Forms = []page.Form{{ID: "reset-form", Action: q.Path("/password/reset"), Fields: []page.Field{fresh}, Button: q.T("reset.button")}}
	return q.Show(v)
}

func joined(kinds []secure.Kind) string {
	words := make([]string, len(kinds))
	for i, kind := range kinds {
		words[i] = string(kind)
	}
	return strings.Join(words, " ")
}
