package portal

import (
	"strconv"

	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// dashboardPage tells how the gateway fares.
type dashboardPage struct{ stats *stats.Flow }

func (p *dashboardPage) routes() []page.Route {
	return []page.Route{
		{Path: consolePath, For: page.Readers, Show: p.show},
		{Path: consolePath + "/", For: page.Readers, Show: toConsole},
		{Path: "/admin", For: page.Readers, Show: toConsole},
	}
}

// toConsole leads to the console from the addresses where people look for it.
func toConsole(q *page.Request) error { return q.Redirect(q.Path(consolePath)) }

func (p *dashboardPage) show(q *page.Request) error {
	queue, err := p.stats.Queue(q.R.Context())
	if err != nil {
		return err
	}
	v := consoleView{View: page.View{Title: q.T("console.dashboard")}}
	v.Figures = []page.Point{
		{Title: q.T("console.queue.mails"), Text: strconv.Itoa(queue.Mails)},
		{Title: q.T("console.queue.sms"), Text: strconv.Itoa(queue.SMS)},
	}
	if !queue.Since.IsZero() {
		v.Figures = append(v.Figures, page.Point{Title: q.T("console.queue.oldest"), Text: ago(q, queue.Since)})
	}
	return showConsole(q, &v)
}
