package httpapi

import (
	"net/http"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// historyCalls show what has happened to the account that makes the request.
type historyCalls struct{ history *history.Flow }

func (c *historyCalls) routes() []route {
	text := reflect.TypeFor[string]()
	return []route{{
		method: http.MethodGet, path: "/login-history", tag: tagAccount, summary: "List your sign-ins",
		text: "Lists who signed in to the account and who failed to, the latest first.",
		does: authenticated(c.logins),
		params: append(pageParams(),
			param{in: "query", name: "result", text: "`success` or `failure`.", kind: text},
			param{in: "query", name: "method", text: "How: `password`, `code`, `link`, `passkey`, `provider` or `invitation`.", kind: text},
			param{in: "query", name: "since", text: "From this time on.", kind: text, format: "date-time"},
			param{in: "query", name: "until", text: "Before this time.", kind: text, format: "date-time"}),
		replies: []reply{{http.StatusOK, "The sign-ins.", loginHistory{}}},
		refuses: []authcore.Code{authcore.InvalidRequest},
	}, {
		method: http.MethodGet, path: "/events", tag: tagAccount, summary: "List your security events",
		text: "Lists everything that has happened to the account: sign-ins, changes, ended sessions and more, the latest first.",
		does: authenticated(c.events),
		params: append(pageParams(),
			param{in: "query", name: "kind", text: "One kind of event, such as `password.changed`.", kind: text}),
		replies: []reply{{http.StatusOK, "The events.", eventList{}}},
		refuses: []authcore.Code{authcore.InvalidRequest},
	}}
}

type loginHistory struct {
	Entries []loginEntry `json:"entries"`
	Next    *string      `json:"next" doc:"The cursor of the next page; null at the end."`
}

type loginEntry struct {
	At        time.Time `json:"at"`
	Result    string    `json:"result" doc:"success, or the code of the failure." example:"invalid_credentials"`
	Method    string    `json:"method" example:"password"`
	IP        string    `json:"ip"`
	Browser   string    `json:"browser"`
	OS        string    `json:"os"`
	Device    string    `json:"device"`
	UserAgent string    `json:"user_agent" doc:"The User-Agent header; browser, os and device are read from it."`
	Host      string    `json:"host" doc:"The host that the request came to, as its sender said; empty where it is not known." example:"auth.example.com"`
	SessionID *string   `json:"session_id" format:"uuid" doc:"The session that was opened; null for a failure."`
	DeviceID  *string   `json:"device_id" format:"uuid" doc:"The browser or app, in the list of devices; null where the account does not know it."`
}

type eventList struct {
	Events []eventEntry `json:"events"`
	Next   *string      `json:"next" doc:"The cursor of the next page; null at the end."`
}

type eventEntry struct {
	ID        uuid.UUID          `json:"id" format:"uuid"`
	At        time.Time          `json:"at"`
	Kind      authcore.EventKind `json:"kind" example:"password.changed"`
	Result    string             `json:"result" doc:"success, or the code of the failure." example:"success"`
	Method    string             `json:"method" doc:"How somebody signed in, or who did it; often empty." example:"password"`
	IP        string             `json:"ip"`
	Browser   string             `json:"browser"`
	OS        string             `json:"os"`
	SessionID *string            `json:"session_id" format:"uuid" doc:"Null where the event belongs to no session."`
}

func (c *historyCalls) logins(x *call) error {
	limit, from, err := x.page()
	if err != nil {
		return err
	}
	query := x.r.URL.Query()
	ask := history.Logins{Page: history.Page{Limit: limit, Cursor: from}, Result: history.Result(query.Get("result")), Method: query.Get("method")}
	if ask.Since, err = x.queryTime("since"); err != nil {
		return err
	}
	if ask.Until, err = x.queryTime("until"); err != nil {
		return err
	}
	listed, err := c.history.Logins(x.r.Context(), x.who.AccountID, ask)
	if err != nil {
		return err
	}
	out := loginHistory{Entries: make([]loginEntry, 0, len(listed.Events)), Next: textOrNull(listed.Older)}
	for _, e := range listed.Events {
		browser, system, device, agent := httpauth.ParseUserAgent(e.UserAgent)
		out.Entries = append(out.Entries, loginEntry{
			At: e.At.UTC(), Result: e.Result, Method: e.Method, IP: e.Addr, Browser: browser, OS: system, Device: device, UserAgent: agent,
			Host: e.Host, SessionID: idOrNull(e.SessionID), DeviceID: idOrNull(e.DeviceID),
		})
	}
	return x.answer(http.StatusOK, out)
}

func (c *historyCalls) events(x *call) error {
	limit, from, err := x.page()
	if err != nil {
		return err
	}
	ask := history.Events{Page: history.Page{Limit: limit, Cursor: from}, Kind: authcore.EventKind(x.r.URL.Query().Get("kind"))}
	listed, err := c.history.Events(x.r.Context(), x.who.AccountID, ask)
	if err != nil {
		return err
	}
	out := eventList{Events: make([]eventEntry, 0, len(listed.Events)), Next: textOrNull(listed.Older)}
	for _, e := range listed.Events {
		browser, system, _, _ := httpauth.ParseUserAgent(e.UserAgent)
		out.Events = append(out.Events, eventEntry{
			ID: e.ID, At: e.At.UTC(), Kind: e.Kind, Result: e.Result, Method: e.Method, IP: e.Addr, Browser: browser, OS: system,
			SessionID: idOrNull(e.SessionID),
		})
	}
	return x.answer(http.StatusOK, out)
}
