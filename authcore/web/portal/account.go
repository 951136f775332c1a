package portal

import (
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// accountPage is the page of who is signed in. Its forms of password and sessions are in files of their own.
type accountPage struct {
	profile  *profile.Profiles
	password *password.Flow
	sessions *session.Sessions
	signUp   *signup.Flow
}

func (p *accountPage) routes() []page.Route {
	return []page.Route{
		{Path: "", For: page.SignedIn, Show: p.showHome},
		{Path: "/", For: page.SignedIn, Show: p.showHome},
		{Path: "/account", For: page.SignedIn, Show: p.show, Submit: p.submit},
		{Path: "/account/password", For: page.SignedIn, Show: p.show, Submit: p.changePassword, Limit: authcore.LimitLogin},
		{Path: "/account/sessions", For: page.SignedIn, Show: p.show, Submit: p.endSessions},
	}
}

// showHome leads from the prefix itself to where somebody belongs.
func (p *accountPage) showHome(q *page.Request) error { return q.Redirect(q.Path("/account")) }

// accountView is what its template shows.
type accountView struct {
	page.View
	Name, Email string
	SignOut     page.Form
	Sessions    []device
	Others, All *page.Form
}

// device is one session.
type device struct {
	Name, Where, Seen, SeenAt string
	Host                      string // that it was handed over to; "" for the session of a sign-in
	Current                   bool
	End                       page.Form
}

// show shows profile, password and sessions. A page of its own below it is where a form of it was refused.
func (p *accountPage) show(q *page.Request) error {
	if q.Form == nil && !q.At("/account") {
		return q.Redirect(q.Path("/account"))
	}
	owner, err := p.profile.Get(q.R.Context(), q.User.AccountID)
	if authcore.IsAnonymous(err) {
		q.Info.Cookies().ClearSession(q.W.Header())
		return q.ToLogin()
	}
	if err != nil {
		return err
	}
	live, err := p.sessions.List(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	a := accountView{View: page.View{Title: q.T("account.title")}, Name: owner.Name(), Email: owner.Email}
	a.Forms = []page.Form{p.profileForm(q, owner), p.passwordForm(q)}
	a.SignOut = page.Form{ID: "logout-form", Action: q.Path("/logout"), Button: q.T("account.sign_out"), Quiet: true}
	listSessions(q, &a, live, q.User.SessionID)
	if guarded(q) {
		a.Links = []page.Link{{To: "/", Text: q.T("account.service", "Host", q.R.Host)}}
	}
	return q.ShowAs("account.html", &a.View, &a)
}

func (p *accountPage) profileForm(q *page.Request, owner authcore.Account) page.Form {
	if !q.At("/account") { // what was typed belongs to another form
		other := *q
		other.Form = nil
		q = &other
	}
	return page.Form{
		ID: "profile-form", Action: q.Path("/account"), Title: q.T("account.profile"), Button: q.T("account.profile.button"),
		Fields: []page.Field{
			page.TextField(q, "first_name", "given-name", owner.FirstName, 100),
			page.TextField(q, "last_name", "family-name", owner.LastName, 100),
			page.UsernameField(q, owner.Username),
			phoneField(q, owner.Phone),
		},
	}
}

func phoneField(q *page.Request, known string) page.Field {
	f := page.TextField(q, "phone", "tel", known, 32)
	f.Type, f.InputMode, f.Hint = "tel", "tel", q.T("field.phone.hint")
	return f
}

func (p *accountPage) submit(q *page.Request) error {
	given := func(name string) *string {
		if !q.Form.Has(name) {
			return nil
		}
		text := q.Form.Get(name)
		return &text
	}
	_, err := p.profile.Change(q.R.Context(), q.User.AccountID, profile.Patch{
		FirstName: given("first_name"), LastName: given("last_name"), Username: given("username"), Phone: given("phone"),
	}, q.Info.Client)
	if err != nil {
		return err
	}
	return q.Done("/account", "profile")
}

// guarded reports whether a service stands behind a guard on this host.
func guarded(q *page.Request) bool {
	scheme, host, _ := strings.Cut(q.Origin(), "://")
	return httpauth.HostAllowed(scheme, host, q.ReturnHosts(q.R.Host))
}
