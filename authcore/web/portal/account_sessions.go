package portal

import (
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// sessionsPage is where people see, name and end their sessions.
type sessionsPage struct{ sessions *session.Sessions }

const sessionsPath = "/account/sessions"

func (p *sessionsPage) routes() []page.Route {
	return []page.Route{{Path: sessionsPath, For: page.SignedIn, Show: p.show, Submit: p.submit}}
}

func (p *sessionsPage) show(q *page.Request) error {
	live, err := p.sessions.List(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	if id, ok := renamed(q); ok {
		for _, s := range live {
			if s.ID == id {
				return showRename(q, page.Link{To: q.Path(sessionsPath), Text: q.T("account.sessions")}, id, s.DeviceName, aboutClient(q, s.UserAgent, s.Addr))
			}
		}
	}
	v := entriesView{View: page.View{Title: q.T("account.sessions"), Back: backToAccount(q), Intro: []string{q.T("account.sessions.intro")}}}
	for _, s := range live {
		v.Entries = append(v.Entries, sessionEntry(q, s))
	}
	if len(live) > 1 {
		v.Below = append(v.Below, endForm(q, sessionsPath, "others", "others", q.T("account.sessions.others")))
	}
	v.Below = append(v.Below, endForm(q, sessionsPath, "all", "all", q.T("account.sessions.all")))
	return v.show(q)
}

func sessionEntry(q *page.Request, s authcore.Session) entry {
	e := entry{
		Where: s.Addr, Rename: renameLink(q, sessionsPath, s.ID),
		End: endForm(q, sessionsPath, s.ID.String(), s.ID.String(), q.T("account.sessions.end")),
	}
	if s.ID == q.User.SessionID {
		e.Badge = q.T("account.sessions.current")
	}
	name, kind := clientName(q, s.DeviceName, s.UserAgent)
	if e.Name = name; kind != "" {
		e.Lines = append(e.Lines, kind)
	}
	if _, host, child := strings.Cut(s.Origin, "://"); child {
		e.Lines = append(e.Lines, q.T("account.sessions.host", "Host", host))
	}
	e.Seen, e.SeenAt = seen(q, s.LastSeenAt)
	return e
}

// submit names a session, or ends one, all others, or all.
func (p *sessionsPage) submit(q *page.Request) error {
	if !q.Form.Has("name") {
		return p.end(q)
	}
	id, _ := uuid.Parse(q.Form.Get("id")) // the zero one is nobody's
	if _, err := p.sessions.Rename(q.R.Context(), q.User.AccountID, id, q.Form.Get("name"), q.Info.Client); err != nil {
		return err
	}
	return q.Done(sessionsPath, "renamed")
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
	return q.Done(sessionsPath, "sessions")
}
