package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// sessionCalls show and end the sessions of the account that makes the request.
type sessionCalls struct{ sessions *session.Sessions }

func (c *sessionCalls) routes() []route {
	return []route{{
		method: http.MethodGet, path: "/sessions", tag: tagSessions, summary: "List your sessions",
		text: "Lists every place where the account is signed in, the latest first. A browser that was handed over to another host has its own " +
			"session there. It ends together with the session it came from, its `parent`.",
		does:    authenticated(c.list),
		replies: []reply{{http.StatusOK, "The sessions.", sessionList{}}},
	}, {
		method: http.MethodDelete, path: "/sessions/{id}", tag: tagSessions, summary: "End a session",
		text:    "Its tokens become invalid at once, and so do those of the hosts it was handed over to. Someone else's session gets the same answer as an unknown one.",
		does:    authenticated(c.end),
		params:  []param{idParam("The session's id.")},
		replies: []reply{{http.StatusNoContent, "The session has ended.", nil}},
		refuses: []authcore.Code{authcore.NotFound},
	}, {
		method: http.MethodPatch, path: "/sessions/{id}", tag: tagSessions, summary: "Name a session",
		text:    "The name is for the list of sessions alone. Empty removes it.",
		does:    authenticatedWith(c.rename),
		params:  []param{idParam("The session's id.")},
		replies: []reply{{http.StatusOK, "The session.", sessionEntry{}}},
		refuses: []authcore.Code{authcore.NotFound, authcore.InvalidFields},
	}, {
		method: http.MethodPost, path: "/sessions/revoke", tag: tagSessions, summary: "End several sessions",
		text:    "Send exactly one of `ids`, `all` and `others`.",
		does:    authenticatedWith(c.revoke),
		replies: []reply{{http.StatusOK, "The number of sessions that ended.", revoked{}}},
		refuses: []authcore.Code{authcore.InvalidFields},
	}}
}

type sessionList struct {
	Sessions []sessionEntry `json:"sessions"`
}

type sessionEntry struct {
	ID         uuid.UUID `json:"id" format:"uuid"`
	Current    bool      `json:"current" doc:"Whether this request belongs to this session."`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	IP         string    `json:"ip" doc:"The IP address it was last seen from."`
	Browser    string    `json:"browser"`
	OS         string    `json:"os"`
	Device     string    `json:"device"`
	UserAgent  string    `json:"user_agent" doc:"The User-Agent header; browser, os and device are read from it."`
	Name       string    `json:"name" doc:"The device_name given at sign-in, or the name given since."`
	Host       string    `json:"host" doc:"The host that the session was handed over to, with its port unless that is the default; empty for the session of a sign-in." example:"app.example.com"`
	Parent     *string   `json:"parent" format:"uuid" doc:"The session that this one came from and ends with; null for the session of a sign-in."`
	DeviceID   *string   `json:"device_id" format:"uuid" doc:"The browser or app that it is on, in the list of devices; null where the account does not know it."`
}

func (c *sessionCalls) list(x *call) error {
	live, err := c.sessions.List(x.r.Context(), x.who.AccountID)
	if err != nil {
		return err
	}
	entries := make([]sessionEntry, 0, len(live))
	for _, s := range live {
		entries = append(entries, entryOf(s, x.who.SessionID))
	}
	return x.answer(http.StatusOK, sessionList{entries})
}

func entryOf(s authcore.Session, current uuid.UUID) sessionEntry {
	browser, system, device, agent := httpauth.ParseUserAgent(s.UserAgent)
	_, host, _ := strings.Cut(s.Origin, "://")
	return sessionEntry{
		ID: s.ID, Current: s.ID == current, CreatedAt: s.CreatedAt.UTC(), LastSeenAt: s.LastSeenAt.UTC(),
		IP: s.Addr, Browser: browser, OS: system, Device: device, UserAgent: agent, Name: s.DeviceName,
		Host: host, Parent: idOrNull(s.ParentID), DeviceID: idOrNull(s.DeviceID),
	}
}

type nameBody struct {
	Name *string `json:"name" nullable:"false" maxLength:"100"`
}

func (c *sessionCalls) rename(x *call, body nameBody) error {
	if body.Name == nil {
		return authcore.RefuseField("name", authcore.Required)
	}
	id := x.pathID()
	renamed, err := c.sessions.Rename(x.r.Context(), x.who.AccountID, id, *body.Name, x.in.Client)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, entryOf(renamed, x.who.SessionID))
}

func (c *sessionCalls) end(x *call) error {
	id := x.pathID()
	n, err := c.sessions.Revoke(x.r.Context(), x.who.AccountID, []uuid.UUID{id}, false, x.in.Client)
	if err != nil {
		return err
	}
	if n == 0 {
		return session.NoSession()
	}
	if id == x.who.SessionID {
		x.forgetCookies()
	}
	return x.done()
}

type revokeBody struct {
	IDs    []string `json:"ids,omitempty" format:"uuid"`
	All    bool     `json:"all,omitempty" doc:"All sessions, including the one that sends this request."`
	Others bool     `json:"others,omitempty" doc:"All sessions except the one that sends this request."`
}

// TransformSchema implements [huma.SchemaTransformer].
func (revokeBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return eitherOf(s, []string{"ids"}, []string{"all"}, []string{"others"})
}

type revoked struct {
	Revoked int `json:"revoked"`
}

func (c *sessionCalls) revoke(x *call, body revokeBody) error {
	ids, err := parseIDs(body.IDs, authcore.SessionIDInvalid)
	if err == nil {
		err = exactlyOne(body.IDs != nil, body.All, body.Others)
	}
	if err != nil {
		return err
	}
	if body.Others {
		ids = []uuid.UUID{x.who.SessionID}
	}
	n, err := c.sessions.Revoke(x.r.Context(), x.who.AccountID, ids, body.All || body.Others, x.in.Client)
	if err != nil {
		return err
	}
	if body.All || !body.Others && slices.Contains(ids, x.who.SessionID) {
		x.forgetCookies()
	}
	return x.answer(http.StatusOK, revoked{n})
}

// exactlyOne refuses a body that does not choose by exactly one of ids, all and others.
func exactlyOne(chosen ...bool) error {
	n := 0
	for _, one := range chosen {
		if one {
			n++
		}
	}
	if n != 1 {
		return authcore.RefuseField("ids", authcore.SessionSelector)
	}
	return nil
}

// parseIDs refuses what is no id under the rule.
func parseIDs(texts []string, rule authcore.Rule) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, 0, len(texts))
	for _, text := range texts {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, authcore.RefuseField("ids", rule)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
