package httpapi

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// adminEventCalls show the events of everybody.
type adminEventCalls struct{ events *eventlog.Flow }

func (c *adminEventCalls) routes() []route {
	return []route{{
		method: http.MethodGet, path: "/admin/events", tag: tagAdmin, summary: "List the events of everybody",
		text: "For administrators and auditors, the latest first. Of the filters the one leads that fits the fewest events; the others are tested on at most " +
			"10,000 of its events, then the page ends early and has a `next`.",
		admin: authcore.Reads, event: authcore.EventAdminEventsList,
		does:    authenticated(c.list),
		params:  append(pageParams(), eventParams()...),
		replies: []reply{{http.StatusOK, "The events.", allEvents{}}},
		refuses: []authcore.Code{authcore.InvalidRequest},
	}, {
		method: http.MethodGet, path: "/admin/events.csv", tag: tagAdmin, summary: "Export events as a table",
		text: "For administrators and auditors: RFC 4180, UTF-8, with a header, the latest first. A field that a spreadsheet would take for a formula begins " +
			"with an apostrophe. At most a million rows.",
		admin: authcore.Reads, event: authcore.EventAdminEventsExport,
		does:    authenticated(c.export),
		params:  eventParams(),
		replies: []reply{{http.StatusOK, "The events.", table{}}},
		refuses: []authcore.Code{authcore.InvalidRequest, authcore.InvalidFields},
	}}
}

// table is the description of an answer that is a table.
type table struct{}

func (table) types() []string { return []string{"text/csv"} }

// eventParams are the filters of events.
func eventParams() []param {
	text := reflect.TypeFor[string]()
	return []param{
		{in: "query", name: "kind", text: "Kinds, with commas between them; `session.*` is all that begin so.", kind: text},
		{in: "query", name: "result", text: "`success`, `failure` for everything else, or the code of a failure.", kind: text},
		{in: "query", name: "account", text: "Whom it is about.", kind: text, format: "uuid"},
		{in: "query", name: "actor", text: "Who did it.", kind: text, format: "uuid"},
		{in: "query", name: "session", text: "By which session.", kind: text, format: "uuid"},
		{in: "query", name: "ip", text: "From which address.", kind: text},
		{in: "query", name: "from", text: "From this time on.", kind: text, format: "date-time"},
		{in: "query", name: "to", text: "Before this time.", kind: text, format: "date-time"},
	}
}

// eventFilter reads them.
func (x *call) eventFilter() (f eventlog.Filter, err error) {
	query := x.r.URL.Query()
	ask := eventlog.Ask{Result: query.Get("result"), Account: query.Get("account"), Actor: query.Get("actor"), Session: query.Get("session"), IP: query.Get("ip")}
	for _, list := range query["kind"] {
		for word := range strings.SplitSeq(list, ",") {
			if word != "" {
				ask.Kinds = append(ask.Kinds, word)
			}
		}
	}
	if ask.From, err = x.queryTime("from"); err != nil {
		return f, err
	}
	if ask.To, err = x.queryTime("to"); err != nil {
		return f, err
	}
	return ask.Filter()
}

type allEvents struct {
	Events []loggedEvent `json:"events"`
	Next   *string       `json:"next" doc:"The cursor of the next page; null at the end."`
}

// AllEvents is a list of events for whoever shows it elsewhere: a command prints the body of the call.
type AllEvents = allEvents

// LoggedEvent is one of them.
type LoggedEvent = loggedEvent

// ListEvents returns the body that the API answers with for a page.
func ListEvents(l eventlog.List) AllEvents {
	out := allEvents{Events: make([]loggedEvent, len(l.Entries)), Next: textOrNull(l.Next)}
	for i, e := range l.Entries {
		out.Events[i] = loggedEventOf(e)
	}
	return out
}

type loggedEvent struct {
	ID        uuid.UUID          `json:"id" format:"uuid"`
	At        time.Time          `json:"at"`
	Kind      authcore.EventKind `json:"kind" example:"session.signed_in"`
	Result    string             `json:"result" doc:"success, or the code of the failure." example:"success"`
	Method    string             `json:"method" doc:"How somebody signed in; often empty." example:"password"`
	Account   eventAccount       `json:"account" doc:"Whom it is about."`
	Actor     eventActor         `json:"actor" doc:"Who did it. Nobody knows who has typed a wrong password."`
	SessionID *string            `json:"session_id" format:"uuid"`
	ClientID  *string            `json:"client_id" doc:"The OAuth client that it was done by; null for none."`
	IP        string             `json:"ip"`
	Browser   string             `json:"browser"`
	OS        string             `json:"os"`
	UserAgent string             `json:"user_agent"`
	Details   map[string]any     `json:"details" doc:"What else is told, such as what an administrator has changed; empty for most."`
}

type eventAccount struct {
	ID    *string `json:"id" format:"uuid" doc:"Null where no account is known, or it was deleted since."`
	Label *string `json:"label" doc:"What the account is called now; null once it is deleted."`
}

type eventActor struct {
	ID    *string `json:"id" format:"uuid" doc:"Null where nobody knows, or the account was deleted since."`
	Label *string `json:"label" doc:"What the account is called now."`
	Via   *string `json:"via" doc:"session or operator; null where nobody knows."`
}

func loggedEventOf(e eventlog.Entry) loggedEvent {
	browser, system, _, agent := httpauth.ParseUserAgent(e.UserAgent)
	out := loggedEvent{
		ID: e.ID, At: e.At.UTC(), Kind: e.Kind, Result: e.Result, Method: e.Method, SessionID: idOrNull(e.SessionID), IP: e.Addr, Browser: browser,
		OS: system, UserAgent: agent, Details: map[string]any{},
		Account: eventAccount{idOrNull(e.AccountID), textOrNull(e.Account)},
		Actor:   eventActor{idOrNull(eventlog.ActorOf(e.Event)), textOrNull(e.Actor), textOrNull(eventlog.ViaOf(e.Event))},
	}
	if e.Details != "" {
		_ = json.Unmarshal([]byte(e.Details), &out.Details) // it is ours
	}
	return out
}

func (c *adminEventCalls) list(x *call) error {
	limit, from, err := x.page()
	if err != nil {
		return err
	}
	filter, err := x.eventFilter()
	if err != nil {
		return err
	}
	listed, err := c.events.List(x.r.Context(), x.who.AccountID, filter, limit, from)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, ListEvents(listed))
}

func (c *adminEventCalls) export(x *call) error {
	filter, err := x.eventFilter()
	if err != nil {
		return err
	}
	if err := c.events.CheckExport(x.r.Context(), filter); err != nil {
		return err
	}
	if err := x.tell(); err != nil {
		return err
	}
	h := x.w.Header()
	h.Set("Content-Type", "text/csv")
	h.Set("Content-Disposition", `attachment; filename="events.csv"`)
	x.w.WriteHeader(http.StatusOK)
	if x.r.Method == http.MethodHead {
		return nil
	}
	rows := csv.NewWriter(x.w)
	rows.UseCRLF = true
	_ = rows.Write(EventTableHead()) // what cannot be written the end tells
	err = c.events.Export(x.r.Context(), filter, func(e eventlog.Entry) error { return rows.Write(loggedEventOf(e).TableRow()) })
	if rows.Flush(); err == nil {
		err = rows.Error()
	}
	if err != nil {
		panic(http.ErrAbortHandler) // a part of the table must not look like all of it
	}
	return nil
}

// EventTableHead is the first row of a table of events.
func EventTableHead() []string {
	return strings.Split("at,kind,result,method,account_id,account,actor_id,actor,session_id,client_id,ip,browser,os,user_agent,details,id", ",")
}

// TableRow is the event as a row of the table.
func (o loggedEvent) TableRow() []string {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	details := ""
	if len(o.Details) > 0 {
		told, _ := json.Marshal(o.Details) // it was read from JSON
		details = string(told)
	}
	row := []string{o.At.Format(time.RFC3339Nano), string(o.Kind), o.Result, o.Method, text(o.Account.ID), text(o.Account.Label), text(o.Actor.ID), text(o.Actor.Label),
		text(o.SessionID), text(o.ClientID), o.IP, o.Browser, o.OS, o.UserAgent, details, o.ID.String()}
	for i, field := range row {
		row[i] = plainField(field)
	}
	return row
}

// plainField writes a field so that no spreadsheet takes it for a formula (OWASP, CSV injection): whoever signs in chooses their user agent,
// and whoever signs up their name.
func plainField(field string) string {
	if field != "" && strings.ContainsRune("=+-@\t\r", rune(field[0])) {
		return "'" + field
	}
	return field
}
