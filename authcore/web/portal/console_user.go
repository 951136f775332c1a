package portal

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// userPage shows one account, and changes it.
type userPage struct {
	usersPage
	passwords *password.Flow
	signUp    *signup.Flow
	sessions  *session.Sessions
	factors   *userFactorPage
	closure   *closure.Flow
	events    *eventlog.Flow
}

const userPath = consoleUsersPath + "/{id}"

func newUserPage(cfg *Config) *userPage {
	gate := consoleGate{cfg.Admin.Gate}
	return &userPage{usersPage{gate, cfg.Admin, cfg.Profile.Fields()}, cfg.Password, cfg.SignUp, cfg.Sessions,
		&userFactorPage{gate, cfg.Admin, cfg.Factors}, cfg.Closure, cfg.EventLog}
}

func (p *userPage) routes() []page.Route {
	return append([]page.Route{
		{Path: userPath, For: page.Readers, Show: p.show, Submit: p.submit},
		{Path: userPath + "/sessions/{sid}", For: page.Readers, Show: p.showSession, Submit: p.endSession},
	}, append(p.factors.routes(), (&userEditPage{p.usersPage}).routes()...)...)
}

// userAt is the page of the account in the address.
func userAt(q *page.Request) string { return consoleUsersPath + "/" + page.Param(q, "id") }

// read reads the account in the address.
func (g consoleGate) read(q *page.Request, from *admin.Directory) (a authcore.ManagedAccount, err error) {
	err = g.reads(q, authcore.EventAdminUsersGet, func(ctx context.Context) (err error) {
		a, err = from.Get(ctx, page.Param(q, "id"))
		return err
	})
	return a, err
}

func (p *userPage) show(q *page.Request) error {
	a, err := p.read(q, p.at.Directory)
	if err != nil {
		return err
	}
	v := consoleView{View: page.View{Title: userLabel(a), Back: &page.Link{To: q.Path(consoleUsersPath), Text: q.T("console.users")}}}
	v.Points, v.Forms = p.points(q, a), p.forms(q, a)
	if a.ID == q.User.AccountID {
		v.Intro = []string{q.T("console.user.own")}
	}
	sessions, err := p.sessionTable(q, a.ID)
	if err != nil {
		return err
	}
	factors, err := p.factors.table(q, a.ID)
	if err != nil {
		return err
	}
	events, err := p.eventTable(q, a.ID)
	if err != nil {
		return err
	}
	v.Tables = []consoleTable{sessions, factors, events}
	if page.MayChange(q) {
		v.Links = append(v.Links, page.Link{To: q.Path(userAt(q) + "/edit"), Text: q.T("console.user.edit")})
	}
	v.Links = append(v.Links, page.Link{To: q.Path(consoleEventsPath) + "?account=" + a.ID.String(), Text: q.T("console.user.events.all")})
	return showConsole(q, &v)
}

// eventsShown is how many events of an account its page has.
const eventsShown = 10

func (p *userPage) eventTable(q *page.Request, account uuid.UUID) (consoleTable, error) {
	const about = 2 // the column that says whose account it is
	t := consoleTable{ID: "events", Title: q.T("console.user.events"), Empty: q.T("console.user.events.none"), Head: slices.Delete(eventHead(q), about, about+1)}
	err := p.reads(q, authcore.EventAdminEventsList, func(ctx context.Context) error {
		authcore.AdminCallOf(ctx).About(account)
		list, err := p.events.List(ctx, q.User.AccountID, eventlog.Filter{Account: account, Kinds: changing()}, eventsShown, "")
		for _, e := range list.Entries {
			row := eventRow(q, e)
			row.Cells = slices.Delete(row.Cells, about, about+1)
			t.Rows = append(t.Rows, row)
		}
		return err
	})
	return t, err
}

// changing are the kinds of events but those by which administrators have looked at something.
func changing() []authcore.EventKind {
	return slices.DeleteFunc(authcore.EventKinds(), func(k authcore.EventKind) bool {
		return k.IsAdministration() && (strings.HasSuffix(string(k), ".list") || strings.HasSuffix(string(k), ".get"))
	})
}

func (p *userPage) sessionTable(q *page.Request, account uuid.UUID) (consoleTable, error) {
	t := consoleTable{ID: "sessions", Title: q.T("console.user.sessions"), Empty: q.T("console.user.sessions.none"), Head: []string{
		q.T("console.user.device"), q.T("console.event.from"), q.T("console.user.since"), q.T("console.node.seen"),
	}}
	live, err := p.live(q, account)
	for _, s := range live {
		name, kind := clientName(q, s.DeviceName, s.UserAgent)
		device := consoleCell{Text: name}
		if kind != "" {
			device.Lines = append(device.Lines, kind)
		}
		if _, host, child := strings.Cut(s.Origin, "://"); child {
			device.Lines = append(device.Lines, q.T("account.sessions.host", "Host", host))
		}
		if s.ID == q.User.SessionID {
			device.Badge = q.T("account.sessions.current")
		}
		t.Rows = append(t.Rows, consoleRow{
			Cells:   []consoleCell{device, {Text: s.Addr}, {At: s.CreatedAt}, {At: s.LastSeenAt}},
			Actions: []page.Link{{To: q.Path(userAt(q) + "/sessions/" + s.ID.String()), Text: q.T("console.user.session.end")}},
		})
	}
	return t, err
}

func (p *userPage) live(q *page.Request, account uuid.UUID) (live []authcore.Session, err error) {
	err = p.reads(q, authcore.EventAdminSessionsList, func(ctx context.Context) (err error) {
		authcore.AdminCallOf(ctx).About(account)
		live, err = p.sessions.List(ctx, account)
		return err
	})
	return live, err
}

// showSession says what ending a session will do.
func (p *userPage) showSession(q *page.Request) error {
	a, err := p.read(q, p.at.Directory)
	if err == nil && !page.MayChange(q) {
		err = admin.ForAdministrators()
	}
	if err != nil {
		return err
	}
	live, err := p.live(q, a.ID)
	if err != nil {
		return err
	}
	for _, s := range live {
		if s.ID.String() == page.Param(q, "sid") {
			f := dangerForm("end-session", q.T("console.user.session.title"), q.T("console.user.session.text"), q.T("console.user.session.end"))
			return showConsole(q, &consoleView{View: page.View{Title: userLabel(a), Back: &page.Link{To: q.Path(userAt(q)), Text: userLabel(a)},
				Intro: []string{aboutClient(q, s.UserAgent, s.Addr)}, Forms: []page.Form{f}}})
		}
	}
	return authcore.Refuse(authcore.NotFound, "The account has no such session.")
}

func (p *userPage) endSession(q *page.Request) error {
	sid, err := uuid.Parse(page.Param(q, "sid"))
	if err != nil {
		return authcore.Refuse(authcore.NotFound, "The account has no such session.")
	}
	if err := p.end(q, []uuid.UUID{sid}, false); err != nil {
		return err
	}
	return q.Done(userAt(q), "user_session_ended")
}

func (p *userPage) end(q *page.Request, ids []uuid.UUID, all bool) error {
	return p.change(q, authcore.EventAdminSessionsRevoke, func(ctx context.Context, a authcore.ManagedAccount) error {
		_, err := session.RevokeForAdmin(ctx, p.sessions, a.ID, ids, all)
		return err
	})
}

// change performs a change of the account in the address.
func (p *userPage) change(q *page.Request, kind authcore.EventKind, do func(context.Context, authcore.ManagedAccount) error) error {
	return p.changes(q, kind, func(ctx context.Context) error {
		a, err := p.at.Directory.Get(ctx, page.Param(q, "id"))
		if err != nil {
			return err
		}
		return do(ctx, a)
	})
}

// quiet is who causes what the owner is told of: an administrator, whose address and browser are no business of the owner's.
func quiet(q *page.Request) authcore.Client {
	c := q.Info.Client
	return authcore.Client{Issuer: c.Issuer, Portal: c.Portal, Lang: c.Lang}
}
