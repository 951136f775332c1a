package portal

import (
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/device"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// accountPage is the overview of who is signed in: who they are, what waits for them, and a list of the pages of their account.
// Each of those pages is in a file account_<name>.go.
type accountPage struct {
	profile   *profile.Profiles
	sessions  *session.Sessions
	devices   *device.Devices
	factors   *factor.Factors
	invite    *invite.Flow
	password  *password.Flow
	providers *federated.Flow
}

func (p *accountPage) routes() []page.Route {
	return []page.Route{
		{Path: "", For: page.SignedIn, Show: p.showHome},
		{Path: "/", For: page.SignedIn, Show: p.showHome},
		{Path: "/account", For: page.SignedIn, Show: p.show},
	}
}

// showHome leads from the prefix itself to where somebody belongs.
func (p *accountPage) showHome(q *page.Request) error { return q.Redirect(q.Path("/account")) }

// overview is what the template of the overview shows.
type overview struct {
	page.View
	Name, Email string
	SignOut     page.Form
	Banners     []banner // of what waits for the owner
	Groups      []group
}

// banner says what waits, and leads there.
type banner struct {
	Text string
	Go   page.Link
}

// group is the sections under one heading.
type group struct {
	Title    string
	Sections []section
}

// section leads to a page of the account. State says in a few words how things are there; it may be "".
type section struct{ Path, Title, State string }

func (p *accountPage) show(q *page.Request) error {
	owner, err := p.profile.Get(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	groups, err := p.groups(q, owner)
	if err != nil {
		return err
	}
	o := overview{View: page.View{Title: q.T("account.title")}, Name: owner.Name(), Email: owner.Email, Groups: groups}
	o.Picture = pictureOf(q, owner)
	if o.Email == "" && o.Name == "" {
		o.Name = owner.Username
	}
	o.Banners = banners(q, owner)
	if owner.MFAEnabled() {
		few, err := twoFactorBanners(q, p.factors)
		if err != nil {
			return err
		}
		for _, text := range few {
			o.Banners = append(o.Banners, banner{text, page.Link{To: q.Path(twoFactorPath), Text: q.T("twofactor.title")}})
		}
	}
	o.SignOut = page.Form{ID: "logout-form", Action: q.Path("/logout"), Button: q.T("account.sign_out"), Quiet: true}
	if guarded(q) {
		o.Links = []page.Link{{To: "/", Text: q.T("account.service", "Host", q.R.Host)}}
	}
	news, err := newsOf(q, p.factors)
	if err != nil {
		return err
	}
	if err := tellPasskeys(q, &o.View, news); err != nil {
		return err
	}
	return q.ShowAs("account.html", &o.View, &o)
}

// groups is the one list of the pages of an account: a new page is one line here.
func (p *accountPage) groups(q *page.Request, owner authcore.Account) ([]group, error) {
	live, err := p.sessions.List(q.R.Context(), owner.ID)
	if err != nil {
		return nil, err
	}
	known, err := p.devices.List(q.R.Context(), q.User)
	if err != nil {
		return nil, err
	}
	counting, err := p.factors.Of(q.R.Context(), owner.ID)
	if err != nil {
		return nil, err
	}
	groups := []group{
		{q.T("account.you"), []section{
			{q.Path("/account/profile"), q.T("account.profile"), profileState(q, owner)},
			{q.Path("/account/avatar"), q.T("avatar.title"), avatarState(q, owner)},
			{q.Path("/account/email"), q.T("email.title"), emailState(q, owner)},
			{q.Path("/account/phone"), q.T("phone.title"), phoneState(q, owner)},
		}},
		{q.T("account.security"), []section{
			{q.Path("/account/password"), q.T("account.password"), passwordState(q, owner)},
			{q.Path(twoFactorPath), q.T("twofactor.title"), twoFactorState(q, owner)},
			{q.Path(factorsPath), q.T("factors.title"), factorsState(q, counting)},
			{q.Path(connectionsPath), q.T("connections.title"), ""},
			{q.Path("/account/sessions"), q.T("account.sessions"), q.Count("account.sessions.state", len(live))},
			{q.Path(devicesPath), q.T("devices.title"), q.Count("devices.state", len(known))},
			{q.Path(historyPath), q.T("history.title"), ""},
			{q.Path(notificationsPath), q.T("notifications.title"), notificationsState(q, owner)},
		}},
		{q.T("account.leave"), []section{
			{q.Path("/account/export"), q.T("export.title"), ""},
			{q.Path("/account/delete"), q.T("delete.title"), ""},
		}},
	}
	if page.MayRead(q) {
		groups = slices.Insert(groups, 2, group{q.T("account.administration"), []section{{q.Path(consolePath), q.T("console.title"), ""}}})
	}
	if p.password.Off() {
		groups[1].Sections = groups[1].Sections[1:]
	}
	if may, _ := p.invite.MayInvite(owner); may {
		groups[0].Sections = append(groups[0].Sections, section{q.Path(invitationsPath), q.T("invitations.title"), ""})
	}
	return groups, nil
}

// banners is what waits for the owner.
func banners(q *page.Request, owner authcore.Account) (all []banner) {
	if owner.PendingEmail != "" && owner.PendingEmailUntil.After(q.Now()) {
		all = append(all, codeWaits(q, owner.PendingEmail, "/account/email"))
	}
	if owner.PendingPhone != "" && owner.PendingPhoneUntil.After(q.Now()) {
		all = append(all, codeWaits(q, owner.PendingPhone, "/account/phone"))
	}
	return all
}

// codeWaits is the banner of an address or number that is not confirmed yet.
func codeWaits(q *page.Request, address, path string) banner {
	return banner{q.T("account.pending", "Address", address), page.Link{To: q.Path(path), Text: q.T("account.pending.enter")}}
}

// backToAccount leads from a page of the account to the overview.
func backToAccount(q *page.Request) *page.Link {
	return &page.Link{To: q.Path("/account"), Text: q.T("account.title")}
}

// guarded reports whether a service stands behind a guard on this host.
func guarded(q *page.Request) bool {
	scheme, host, _ := strings.Cut(q.Origin(), "://")
	return httpauth.HostAllowed(scheme, host, q.ReturnHosts(q.R.Host))
}
