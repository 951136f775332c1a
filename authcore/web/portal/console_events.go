package portal

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// eventsPage lists the events of everybody.
type eventsPage struct {
	consoleGate
	events *eventlog.Flow
}

const consoleEventsPath = consolePath + "/events"

func (p *eventsPage) routes() []page.Route {
	return []page.Route{{Path: consoleEventsPath, For: page.Readers, Show: p.show}}
}

func (p *eventsPage) show(q *page.Request) error {
	query := q.R.URL.Query()
	v := consoleView{View: page.View{Title: q.T("console.events")}, Filter: eventFilters(q)}
	t := consoleTable{ID: "events", Title: q.T("console.events"), Empty: q.T("console.events.none"), Head: eventHead(q)}
	filter, err := eventsAsked(query)
	if err != nil {
		return err
	}
	var list eventlog.List
	var mark string
	err = p.reads(q, authcore.EventAdminEventsList, func(ctx context.Context) (err error) {
		if mark, err = p.events.Mark(ctx); err != nil { // before the list: what is in both is shown once
			return err
		}
		list, err = p.events.List(ctx, q.User.AccountID, filter, 0, query.Get("cursor"))
		return err
	})
	if err != nil {
		return err
	}
	for _, e := range list.Entries {
		t.Rows = append(t.Rows, eventRow(q, e))
	}
	if t.Next = nextPage(q, list.Next); t.Next != nil && len(t.Rows) == 0 {
		t.Empty = q.T("console.events.early")
	}
	v.Tables = []consoleTable{t}
	table := q.Path("/admin/events.csv")
	if rest := exported(query); rest != "" {
		table += "?" + rest
	}
	if query.Get("cursor") == "" && query.Get("to") == "" {
		if err := followsEvents(q, &v.View, exported(query), mark); err != nil {
			return err
		}
	}
	v.Links = []page.Link{{To: table, Text: q.T("console.events.csv")}}
	return showConsole(q, &v)
}

// eventFilters is the form of what the list can be narrowed by.
func eventFilters(q *page.Request) *consoleFilter {
	text := func(name, label string) page.Field { return page.Field{Name: name, Label: label, Type: "text"} }
	day := func(name, label string) page.Field { return page.Field{Name: name, Label: label, Type: "date"} }
	kinds := []page.Choice{{Text: q.T("console.events.all")}}
	group := ""
	for _, k := range authcore.EventKinds() {
		if noun, _, _ := strings.Cut(string(k), "."); noun != group {
			group = noun
			kinds = append(kinds, page.Choice{Value: noun + ".*", Text: noun + ".*"})
		}
		kinds = append(kinds, page.Choice{Value: string(k), Text: string(k)})
	}
	return filterOf(q,
		page.Field{Name: "kind", Label: q.T("console.event.kind"), Choices: kinds},
		page.Field{Name: "result", Label: q.T("console.event.result"), Choices: []page.Choice{{Text: q.T("console.events.all")},
			{Value: audit.Success, Text: q.T("history.succeeded")}, {Value: eventlog.Failure, Text: q.T("history.failed")}}},
		text("account", q.T("console.event.account_id")), text("actor", q.T("console.event.actor_id")), text("session", q.T("console.event.session_id")),
		text("ip", q.T("console.event.ip")), day("from", q.T("console.event.since")), day("to", q.T("console.event.until")))
}

// eventsAsked reads what the form asks for. A day is one of UTC, and the last day is there in whole.
func eventsAsked(query url.Values) (eventlog.Filter, error) {
	ask := eventlog.Ask{Result: query.Get("result"), Account: strings.TrimSpace(query.Get("account")), Actor: strings.TrimSpace(query.Get("actor")),
		Session: strings.TrimSpace(query.Get("session")), IP: strings.TrimSpace(query.Get("ip"))}
	if kind := query.Get("kind"); kind != "" {
		ask.Kinds = []string{kind}
	}
	for name, into := range map[string]*time.Time{"from": &ask.From, "to": &ask.To} {
		if query.Get(name) == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, query.Get(name))
		if err != nil {
			return eventlog.Filter{}, authcore.Refuse(authcore.InvalidRequest, name+" is a day such as 2026-01-31.")
		}
		*into = at
	}
	if !ask.To.IsZero() {
		ask.To = ask.To.AddDate(0, 0, 1)
	}
	return ask.Filter()
}

// exported is the query of the table with the same events.
func exported(query url.Values) string {
	rest := url.Values{}
	for _, name := range []string{"kind", "result", "account", "actor", "session", "ip"} {
		if value := strings.TrimSpace(query.Get(name)); value != "" {
			rest.Set(name, value)
		}
	}
	filter, _ := eventsAsked(query) // it was read before
	if !filter.From.IsZero() {
		rest.Set("from", filter.From.Format(time.RFC3339))
	}
	if !filter.To.IsZero() {
		rest.Set("to", filter.To.Format(time.RFC3339))
	}
	return rest.Encode()
}

func eventHead(q *page.Request) []string {
	return []string{q.T("console.event.at"), q.T("console.event.kind"), q.T("console.event.account"), q.T("console.event.actor"), q.T("console.event.from")}
}

func eventRow(q *page.Request, e eventlog.Entry) consoleRow {
	kind := consoleCell{Text: string(e.Kind)}
	if e.Result != audit.Success {
		kind.Badge, kind.Bad = e.Result, true
	}
	if e.Method != "" {
		kind.Lines = append(kind.Lines, e.Method)
	}
	kind.Lines = append(kind.Lines, detailLines(e.Details)...)
	browser, system, _, _ := httpauth.ParseUserAgent(e.UserAgent)
	from := consoleCell{Text: e.Addr}
	if client := strings.TrimSpace(browser + " " + system); client != "" {
		from.Lines = []string{client}
	}
	account := consoleCell{Text: e.Account}
	if e.Account != "" {
		account.To = q.Path(consoleEventsPath) + "?account=" + e.AccountID.String()
	}
	actor := consoleCell{Text: e.Actor}
	if e.Actor != "" {
		actor.To = q.Path(consoleEventsPath) + "?actor=" + eventlog.ActorOf(e.Event).String()
	} else if via := eventlog.ViaOf(e.Event); via == authcore.ViaOperator {
		actor.Text = q.T("console.event.operator")
	}
	return consoleRow{ID: "event-" + e.ID.String(), Cells: []consoleCell{{At: e.At}, kind, account, actor, from}}
}
