package caddymodule

import (
	"context"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
)

const (
	adminEventList   = "/gatehouse/events/list"
	adminEventTail   = "/gatehouse/events/tail"
	adminEventExport = "/gatehouse/events/export"
)

// eventRoutes are the operations on events.
func eventRoutes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: adminEventList, Handler: operation(http.MethodPost, withBody(eventList.read))},
		{Pattern: adminEventTail, Handler: operation(http.MethodPost, withBody(eventTail.read))},
		{Pattern: adminEventExport, Handler: operation(http.MethodPost, withBody(eventList.export))},
	}
}

// eventFilter says which events are meant; what is empty asks for nothing.
type eventFilter struct {
	Kinds  []string  `json:"kinds,omitempty"`
	User   string    `json:"user,omitempty"`
	Result string    `json:"result,omitempty"`
	Since  time.Time `json:"since,omitzero"`
}

func (f eventFilter) read(ctx context.Context, d *adminOps) (filter eventlog.Filter, err error) {
	ask := eventlog.Ask{Kinds: f.Kinds, Result: f.Result, From: f.Since}
	if f.User != "" {
		a, err := namedUser{f.User}.find(ctx, d)
		if err != nil {
			return filter, err
		}
		ask.Account = a.ID.String()
	}
	return ask.Filter()
}

// eventList asks for a page of events, the latest first.
type eventList struct {
	eventFilter
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

func (l eventList) read(ctx context.Context, d *adminOps) (httpapi.AllEvents, error) {
	return told(ctx, d, authcore.EventAdminEventsList, func(ctx context.Context) (httpapi.AllEvents, error) { return l.page(ctx, d) })
}

func (l eventList) page(ctx context.Context, d *adminOps) (httpapi.AllEvents, error) {
	filter, err := l.eventFilter.read(ctx, d)
	if err != nil {
		return httpapi.AllEvents{}, err
	}
	listed, err := d.events.List(ctx, uuid.Nil, filter, l.Limit, l.Cursor)
	return httpapi.ListEvents(listed), err
}

// export is read for all pages of one table, of which one event tells.
func (l eventList) export(ctx context.Context, d *adminOps) (httpapi.AllEvents, error) {
	l.Limit = cursor.MaxLimit
	if l.Cursor != "" {
		return l.page(ctx, d)
	}
	return told(ctx, d, authcore.EventAdminEventsExport, func(ctx context.Context) (page httpapi.AllEvents, err error) {
		filter, err := l.eventFilter.read(ctx, d)
		if err == nil {
			err = d.events.CheckExport(ctx, filter)
		}
		if err != nil {
			return page, err
		}
		return l.page(ctx, d)
	})
}

// eventTail asks for what has happened after a mark; without one for the mark of the present.
type eventTail struct {
	eventFilter
	Mark string `json:"mark,omitempty"`
}

// followedEvents are the first of them.
type followedEvents struct {
	httpapi.AllEvents
	Mark string `json:"mark"`
	More bool   `json:"more"`
}

func (t eventTail) read(ctx context.Context, d *adminOps) (followedEvents, error) {
	next := func(ctx context.Context) (out followedEvents, err error) {
		filter, err := t.eventFilter.read(ctx, d)
		if err != nil {
			return out, err
		}
		var entries []eventlog.Entry
		entries, out.Mark, out.More, err = d.events.After(ctx, filter, t.Mark, d.now)
		out.AllEvents = httpapi.ListEvents(eventlog.List{Entries: entries})
		return out, err
	}
	if t.Mark != "" { // it goes on
		return next(ctx)
	}
	return told(ctx, d, authcore.EventAdminEventsStream, next)
}
