package portal

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// dashboardPage tells how the gateway fares.
type dashboardPage struct {
	consoleGate
	stats *stats.Flow
}

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
	v := consoleView{View: page.View{Title: q.T("console.dashboard")}}
	err := p.reads(q, authcore.EventAdminStatsGet, func(ctx context.Context) error { return p.read(ctx, q, &v) })
	if err != nil {
		return err
	}
	return showConsole(q, &v)
}

func (p *dashboardPage) read(ctx context.Context, q *page.Request, v *consoleView) error {
	queue, err := p.stats.Queue(ctx)
	if err != nil {
		return err
	}
	nodes, err := p.stats.Nodes(ctx)
	if err != nil {
		return err
	}
	v.Figures = queueFigures(q, queue)
	v.Tables = []consoleTable{nodesTable(q, nodes)}
	return p.charts(q, v)
}

// spans are how much time the charts can show.
func spans(q *page.Request) []chartSpan {
	const day = 24 * time.Hour
	return []chartSpan{
		{"", q.T("console.span.day"), day, time.Hour, "15:04 UTC"},
		{"week", q.T("console.span.week"), 7 * day, 6 * time.Hour, "2006-01-02"},
		{"month", q.T("console.span.month"), 30 * day, day, "2006-01-02"},
	}
}

// charts draws what the hours have counted.
func (p *dashboardPage) charts(q *page.Request, v *consoleView) error {
	all := spans(q)
	span := all[0]
	for _, s := range all {
		if s.word == q.R.URL.Query().Get("span") {
			span = s
		}
	}
	for _, s := range all {
		to := q.Path(consolePath)
		if s.word != "" {
			to += "?span=" + s.word
		}
		v.Choose = append(v.Choose, filterLink{page.Link{To: to, Text: s.text}, s.word == span.word})
	}
	times := span.times(q.Now())
	figures, err := p.stats.Series(q.R.Context(), times[0], time.Time{})
	if err != nil {
		return err
	}
	if len(figures) == 0 {
		v.Intro = []string{q.T("console.charts.none")}
		return nil
	}
	series := func(name string, fits func(stats.Series) bool) chartSeries {
		return chartSeries{name: name, points: columns(figures, times, span.step, fits)}
	}
	called := func(name string) func(stats.Series) bool { return func(s stats.Series) bool { return s.Name == name } }
	signIns := func(succeeded bool) func(stats.Series) bool {
		return func(s stats.Series) bool {
			return s.Name == stats.SignIns && (s.Labels.Result == audit.Success) == succeeded
		}
	}
	draw := func(id, title string, moment bool, series ...chartSeries) {
		v.Charts = append(v.Charts, drawChart(q, id, title, times, span.shortest, moment, series...))
	}
	failed := series(q.T("history.failed"), signIns(false))
	failed.bad = true
	draw("sign-ins", q.T("console.chart.sign_ins"), false, series(q.T("history.succeeded"), signIns(true)), failed)
	draw("ways", q.T("console.chart.ways"), false, p.ways(q, figures, series)...)
	draw("sessions", q.T("console.chart.sessions"), true, series(q.T("console.chart.sessions"), called(stats.SessionsActive)))
	draw("accounts", q.T("console.chart.accounts"), false, series(q.T("console.chart.accounts"), called(stats.AccountsCreated)))
	draw("refusals", q.T("console.chart.refusals"), false, series(q.T("console.chart.lockouts"), called(stats.Lockouts)),
		series(q.T("console.chart.blocks"), called(stats.Blocks)))
	draw("queue", q.T("console.chart.queue"), true, series(q.T("console.chart.queue"), called(stats.MailQueue)))
	return nil
}

// ways are the sign-ins that succeeded, by how.
func (p *dashboardPage) ways(q *page.Request, figures []stats.Series, series func(string, func(stats.Series) bool) chartSeries) (all []chartSeries) {
	for _, method := range audit.Methods() {
		is := func(s stats.Series) bool {
			return s.Name == stats.SignIns && s.Labels.Result == audit.Success && s.Labels.Method == method
		}
		if slices.ContainsFunc(figures, is) {
			all = append(all, series(q.T("console.way."+method), is))
		}
	}
	if len(all) == 0 {
		all = append(all, series(q.T("console.way.password"), func(stats.Series) bool { return false }))
	}
	return all
}

// nodesTable lists the nodes. A view that is old lets revoked tokens in until it is confirmed.
func nodesTable(q *page.Request, nodes []stats.Node) consoleTable {
	t := consoleTable{ID: "nodes", Title: q.T("console.nodes"), Empty: q.T("console.nodes.none"), Head: []string{
		q.T("console.node"), q.T("console.node.state"), q.T("console.node.version"), q.T("console.node.started"), q.T("console.node.seen"), q.T("console.node.view"), q.T("console.node.skew"),
		q.T("console.node.settings"),
	}}
	for _, n := range nodes {
		id, _, _ := strings.Cut(n.ID.String(), "-")
		t.Rows = append(t.Rows, consoleRow{Cells: []consoleCell{
			{Text: id},
			{Badge: q.T("console.node.state." + n.State), Bad: n.State != stats.NodeReady},
			{Text: n.Version},
			{At: n.StartedAt},
			{At: n.SeenAt},
			{Text: seconds(n.ViewAge)},
			{Text: seconds(n.ClockSkew)},
			{Text: strconv.FormatInt(n.Settings, 10)},
		}})
	}
	return t
}

// seconds writes a duration in seconds, to the millisecond.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) + " s"
}
