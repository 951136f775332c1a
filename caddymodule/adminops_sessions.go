package caddymodule

import (
	"context"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
)

const (
	adminSessionList = "/gatehouse/sessions/list"
	adminSessionEnd  = "/gatehouse/sessions/end"
)

// sessionRoutes are the operations on sessions.
func sessionRoutes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: adminSessionList, Handler: operation(http.MethodPost, withBody(sessionList.read))},
		{Pattern: adminSessionEnd, Handler: operation(http.MethodPost, withBody(sessionEnd.apply))},
	}
}

// sessionList asks for a page of sessions; what is empty asks for nothing.
type sessionList struct {
	User   string `json:"user,omitempty"`
	IP     string `json:"ip,omitempty"`
	Host   string `json:"host,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

func (l sessionList) read(ctx context.Context, d *adminOps) (httpapi.AllSessions, error) {
	return told(ctx, d, authcore.EventAdminSessionsList, func(ctx context.Context) (httpapi.AllSessions, error) {
		ask := admin.SessionListing{IP: l.IP, Limit: l.Limit, Cursor: l.Cursor}
		ask.Host = l.Host
		if l.User != "" {
			a, err := namedUser{l.User}.find(ctx, d)
			if err != nil {
				return httpapi.AllSessions{}, err
			}
			ask.Account = a.ID
		}
		listed, err := d.sessions.List(ctx, uuid.Nil, ask)
		return httpapi.ListAllSessions(listed, uuid.Nil), err
	})
}

// sessionEnd says which sessions end: those with the ids, those of an account, or all. Exactly one of them is given.
type sessionEnd struct {
	IDs  []string `json:"ids,omitempty"`
	User string   `json:"user,omitempty"`
	All  bool     `json:"all,omitempty"`
}

// check refuses what names none or several.
func (s sessionEnd) check() error {
	if n := len(s.IDs); n > 0 == (s.User != "") && !s.All || s.All && (n > 0 || s.User != "") {
		return authcore.Refuse(authcore.InvalidRequest, "Name sessions by their ids, or an account, or all.")
	}
	return nil
}

// endedSessions says how many have ended.
type endedSessions struct {
	Revoked int `json:"revoked"`
}

func (s sessionEnd) apply(ctx context.Context, d *adminOps) (endedSessions, error) {
	if err := s.check(); err != nil {
		return endedSessions{}, err
	}
	return told(ctx, d, authcore.EventAdminSessionsRevoke, func(ctx context.Context) (endedSessions, error) {
		switch {
		case s.All:
			n, err := d.sessions.EndAll(ctx, admin.ByOperator)
			return endedSessions{n}, err
		case s.User != "":
			a, err := namedUser{s.User}.find(ctx, d)
			if err != nil {
				return endedSessions{}, err
			}
			ended, err := d.operator.EndAccount(ctx, a.ID, authcore.EventEndedByAdmin)
			return endedSessions{ended.Sessions}, err
		}
		return s.endThose(ctx, d)
	})
}

func (s sessionEnd) endThose(ctx context.Context, d *adminOps) (endedSessions, error) {
	ids := make([]uuid.UUID, 0, len(s.IDs))
	for _, text := range s.IDs {
		id, err := uuid.Parse(strings.TrimSpace(text))
		if err != nil {
			return endedSessions{}, authcore.RefuseField("ids", authcore.SessionIDInvalid)
		}
		ids = append(ids, id)
	}
	n, err := d.sessions.End(ctx, ids, admin.ByOperator)
	if err == nil && n == 0 {
		err = admin.NoSession()
	}
	return endedSessions{n}, err
}
