package portal

import (
	"net/url"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// historyPage is where people see who has signed in to their account, and who has tried to.
type historyPage struct{ history *history.Flow }

const (
	historyPath = "/account/history"
	// loginsShown is how many sign-ins stand on a page: as many as one looks through.
	loginsShown = 20
)

func (p *historyPage) routes() []page.Route {
	return []page.Route{{Path: historyPath, For: page.SignedIn, Show: p.show}}
}

// historyView is what its template shows.
type historyView struct {
	page.View
	Filter       []filterLink
	Logins       []login
	Newer, Older *page.Link
	Strange      []page.Point // what to do about a sign-in that one does not know
	Go           []page.Link  // where that is done
}

// filterLink leads to the entries of one result.
type filterLink struct {
	page.Link
	Current bool
}

// login is one sign-in, or one try.
type login struct {
	Name, Badge         string
	Failed              bool
	Lines               []string
	Where, Seen, SeenAt string
}

func (p *historyPage) show(q *page.Request) error {
	query := q.R.URL.Query()
	result := history.Result(query.Get("result"))
	list, err := p.history.Logins(q.R.Context(), q.User.AccountID, history.Logins{Result: result,
		Page: history.Page{Limit: loginsShown, Cursor: query.Get("older"), Newer: query.Get("newer")}})
	if err != nil {
		return err
	}
	v := historyView{View: page.View{Title: q.T("history.title"), Back: backToAccount(q)}}
	for _, e := range list.Events {
		v.Logins = append(v.Logins, loginOf(q, e))
	}
	if len(v.Logins) == 0 {
		v.Intro = []string{q.T("history.none")}
	}
	for _, f := range []struct {
		result history.Result
		text   string
	}{{history.AnyResult, q.T("history.all")}, {history.Succeeded, q.T("history.succeeded")}, {history.Failed, q.T("history.failed")}} {
		v.Filter = append(v.Filter, filterLink{page.Link{To: historyAt(q, f.result, "", ""), Text: f.text}, f.result == result})
	}
	if list.Newer != "" {
		v.Newer = &page.Link{To: historyAt(q, result, "newer", list.Newer), Text: q.T("history.newer")}
	}
	if list.Older != "" {
		v.Older = &page.Link{To: historyAt(q, result, "older", list.Older), Text: q.T("history.older")}
	}
	v.Strange = []page.Point{
		{Title: q.T("history.strange.success"), Text: q.T("history.strange.success.text")},
		{Title: q.T("history.strange.failure"), Text: q.T("history.strange.failure.text")},
	}
	v.Go = []page.Link{{To: q.Path(sessionsPath), Text: q.T("account.sessions")}, {To: q.Path("/account/password"), Text: q.T("account.password.button")}}
	return q.ShowAs("account_history.html", &v.View, &v)
}

// historyAt is the address of a page of the history; a cursor comes with the name of the direction that it leads in.
func historyAt(q *page.Request, r history.Result, direction, cursor string) string {
	query := url.Values{}
	if r != history.AnyResult {
		query.Set("result", string(r))
	}
	if cursor != "" {
		query.Set(direction, cursor)
	}
	if len(query) == 0 {
		return q.Path(historyPath)
	}
	return q.Path(historyPath) + "?" + query.Encode()
}

func loginOf(q *page.Request, e authcore.Event) login {
	l := login{Where: e.Addr, Failed: e.Result != audit.Success}
	l.Name, _ = clientName(q, "", e.UserAgent)
	switch {
	case l.Failed:
		l.Badge = q.T("history.badge.failed")
		if reason := "error." + e.Result; q.Has(reason) {
			l.Lines = append(l.Lines, q.T(reason))
		}
	case e.SessionID == q.User.SessionID:
		l.Badge = q.T("history.badge.current")
	}
	if method := "history.method." + e.Method; e.Method != "" && q.Has(method) {
		l.Lines = append(l.Lines, q.T(method))
	}
	if e.Host != "" {
		l.Lines = append(l.Lines, q.T("history.host", "Host", e.Host))
	}
	l.Seen, l.SeenAt = minute(e.At), e.At.UTC().Format(time.RFC3339)
	return l
}
