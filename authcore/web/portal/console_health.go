package portal

import (
	"context"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

const healthPath = consolePath + "/health"

// The levels of a [Finding], the worst first.
const (
	FindingError   = "error"
	FindingWarning = "warning"
	FindingInfo    = "info"
)

// Finding is something that is wrong or dangerous in the configuration or in the running gateway.
type Finding struct {
	ID    string
	Level string // one of the levels above
	Where string // a site, an option, or a place as file:line
	// Text names what is said of it: the texts finding.<Text>.what and finding.<Text>.do, with what Params, name and value in turn, say.
	Text   string
	Params []any
}

// Words says in a language what was found and what to do about it.
func (f Finding) Words(in *page.Texts) (what, do string) {
	return in.T("finding."+f.Text+".what", f.Params...), in.T("finding."+f.Text+".do", f.Params...)
}

// Part is something that the gateway depends on.
type Part struct {
	Name   string // database, mail, sms or redis
	Detail string // which; "" for nothing to say
	Fault  string // why it fails; "" where it does not
}

// Health is how the node that answers fares.
type Health struct {
	Findings []Finding // the worst first
	Parts    []Part
}

// Doctor looks for what is wrong. It changes nothing, and may be called concurrently.
type Doctor func(ctx context.Context) (Health, error)

// healthPage shows what the doctor has found, and how nodes, queues and stores fare.
type healthPage struct {
	consoleGate
	doctor Doctor
	stats  *stats.Flow
}

func (p *healthPage) routes() []page.Route {
	return []page.Route{{Path: healthPath, For: page.Readers, Show: p.show}}
}

func (p *healthPage) show(q *page.Request) error {
	var (
		health Health
		queue  stats.Queue
		nodes  []stats.Node
	)
	err := p.reads(q, authcore.EventAdminHealthGet, func(ctx context.Context) (err error) {
		if health, err = p.doctor(ctx); err != nil {
			return err
		}
		if queue, err = p.stats.Queue(ctx); err != nil {
			return err
		}
		nodes, err = p.stats.Nodes(ctx)
		return err
	})
	if err != nil {
		return err
	}
	v := consoleView{View: page.View{Title: q.T("console.health")}, Figures: queueFigures(q, queue),
		Tables: []consoleTable{findingsTable(q, health.Findings), partsTable(q, health.Parts), nodesTable(q, nodes)}}
	return showConsole(q, &v)
}

func findingsTable(q *page.Request, found []Finding) consoleTable {
	t := consoleTable{ID: "findings", Title: q.T("console.findings"), Empty: q.T("console.findings.none"), Head: []string{
		q.T("console.finding.level"), q.T("console.finding.what"), q.T("console.finding.do"), q.T("console.finding.where")}}
	for _, f := range found {
		what, do := f.Words(q.Texts)
		level := consoleCell{Badge: q.T("console.finding." + f.Level), Bad: f.Level != FindingInfo, Lines: []string{f.ID}}
		t.Rows = append(t.Rows, consoleRow{Cells: []consoleCell{level, {Text: what}, {Text: do}, {Text: f.Where}}})
	}
	return t
}

func partsTable(q *page.Request, parts []Part) consoleTable {
	t := consoleTable{ID: "parts", Title: q.T("console.parts"), Head: []string{q.T("console.part"), q.T("console.node.state"), q.T("console.explain.detail")}}
	for _, part := range parts {
		state := consoleCell{Badge: q.T("console.part.works")}
		if part.Fault != "" {
			state = consoleCell{Badge: q.T("console.part.fails"), Bad: true}
		}
		detail := consoleCell{Text: strings.TrimSpace(part.Detail + " " + part.Fault)}
		if detail.Text == "" {
			detail.Text = "–"
		}
		t.Rows = append(t.Rows, consoleRow{Cells: []consoleCell{{Text: q.T("console.part." + part.Name)}, state, detail}})
	}
	return t
}

// queueFigures tell what waits to be sent.
func queueFigures(q *page.Request, queue stats.Queue) []page.Point {
	figures := []page.Point{
		{Title: q.T("console.queue.mails"), Text: strconv.Itoa(queue.Mails)},
		{Title: q.T("console.queue.sms"), Text: strconv.Itoa(queue.SMS)},
	}
	if !queue.Since.IsZero() {
		figures = append(figures, page.Point{Title: q.T("console.queue.oldest"), Text: minute(queue.Since)})
	}
	return figures
}
