package portal

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// sessionsPage is where people see and end their sessions.
type sessionsPage struct{ sessions *session.Sessions }

func (p *sessionsPage) routes() []page.Route {
	return []page.Route{{Path: "/account/sessions", For: page.SignedIn, Show: p.show, Submit: p.end}}
}

// sessionsView is what its template shows.
type sessionsView struct {
	page.View
	Sessions    []sessionItem
	Others, All *page.Form
}

// sessionItem is one session.
type sessionItem struct {
	Name, Where, Seen, SeenAt string
	Host                      string // that it was handed over to; "" for the session of a sign-in
	Current                   bool
	End                       page.Form
}

func (p *sessionsPage) show(q *page.Request) error {
	live, err := p.sessions.List(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	v := sessionsView{View: page.View{Title: q.T("account.sessions"), Back: backToAccount(q), Intro: []string{q.T("account.sessions.intro")}}}
	end := func(id, value, button string) page.Form {
		return page.Form{ID: "end-" + id, Action: q.Path("/account/sessions"), Hidden: []page.Hidden{{Name: "end", Value: value}}, Button: button, Quiet: true}
	}
	for _, s := range live {
		_, host, _ := strings.Cut(s.Origin, "://")
		v.Sessions = append(v.Sessions, sessionItem{
			Host: host,
			Name: deviceName(q, s), Where: s.Addr, Seen: ago(q, s.LastSeenAt), SeenAt: s.LastSeenAt.UTC().Format(time.RFC3339),
			Current: s.ID == q.User.SessionID, End: end(s.ID.String(), s.ID.String(), q.T("account.sessions.end")),
		})
	}
	if len(live) > 1 {
		others := end("others", "others", q.T("account.sessions.others"))
		v.Others = &others
	}
	all := end("all", "all", q.T("account.sessions.all"))
	v.All = &all
	return q.ShowAs("account_sessions.html", &v.View, &v)
}

func deviceName(q *page.Request, s authcore.Session) string {
	browser, system, _, _ := httpauth.ParseUserAgent(s.UserAgent)
	switch {
	case s.DeviceName != "":
		return s.DeviceName
	case browser != "" && system != "":
		return q.T("account.sessions.device", "Browser", browser, "System", system)
	case browser != "" || system != "":
		return browser + system
	}
	return q.T("account.sessions.unknown")
}

// ago says how long ago something was, in words.
func ago(q *page.Request, at time.Time) string {
	switch d := q.Now().Sub(at); {
	case d < 2*time.Minute:
		return q.T("ago.now")
	case d < time.Hour:
		return q.Count("ago.minutes", int(d/time.Minute))
	case d < 24*time.Hour:
		return q.Count("ago.hours", int(d/time.Hour))
	default:
		return q.Count("ago.days", int(d/(24*time.Hour)))
	}
}

// end ends one session, all others, or all. A session that is not theirs or not live is as good as ended.
func (p *sessionsPage) end(q *page.Request) error {
	what := q.Form.Get("end")
	ids, rest := []uuid.UUID(nil), what == "others" || what == "all"
	if what == "others" {
		ids = []uuid.UUID{q.User.SessionID}
	}
	if !rest {
		id, err := uuid.Parse(what)
		if err != nil {
			return authcore.Refuse(authcore.InvalidRequest, "The form does not say which session.")
		}
		ids = []uuid.UUID{id}
	}
	if _, err := p.sessions.Revoke(q.R.Context(), q.User.AccountID, ids, rest, q.Info.Client); err != nil {
		return err
	}
	if what == "all" || !rest && ids[0] == q.User.SessionID {
		q.Info.Cookies().WriteSignedOut(q.W.Header())
		return q.Redirect(q.Path("/signed-out"))
	}
	return q.Done("/account/sessions", "sessions")
}
