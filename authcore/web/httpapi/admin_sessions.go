package httpapi

import (
	"net/http"
	"reflect"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
)

// adminSessionCalls show and end the sessions of everybody.
type adminSessionCalls struct {
	sessions  *admin.Sessions
	directory *admin.Directory
}

func (c *adminSessionCalls) routes() []route {
	text := reflect.TypeFor[string]()
	query := func(name, about string) param {
		return param{in: "query", name: name, text: about, kind: text}
	}
	sid := idParam("The session's id.")
	sid.name = "sid"
	return []route{{
		method: http.MethodGet, path: "/admin/sessions", tag: tagAdmin, summary: "List the sessions of everybody",
		text: "Lists the live sessions that every given filter fits, the newest first. One filter leads; the others are tested on 10 000 sessions at most, and then " +
			"the page ends early with `next`. A cursor is good for the same filters and caller. For administrators and auditors.",
		admin: authcore.Reads, event: authcore.EventAdminSessionsList, does: authenticated(c.list),
		params: append(pageParams(), query("user", accountOrNumber), query("ip", "The address it was last seen from."),
			query("host", "The host that it was handed over to, with its port unless that is the default.")),
		replies: []reply{{http.StatusOK, "The sessions.", allSessions{}}}, refuses: []authcore.Code{authcore.InvalidRequest},
	}, {
		method: http.MethodDelete, path: "/admin/sessions/{sid}", tag: tagAdmin, summary: "End anybody's session",
		text: "Its tokens become invalid at once, on every node within a second, and so do those of the hosts it was handed over to. For administrators.", admin: authcore.Changes, event: authcore.EventAdminSessionsDelete, does: authenticated(c.end),
		params: []param{sid}, replies: []reply{{http.StatusNoContent, "The session has ended.", nil}}, refuses: []authcore.Code{authcore.NotFound},
	}, {
		method: http.MethodPost, path: "/admin/sessions/revoke", tag: tagAdmin, summary: "End sessions of anybody, or all",
		text: "Send exactly one of `ids` and `all`, which signs everybody out, the caller too. If that is interrupted, what has ended stays so; send it again. " +
			"For administrators.",
		admin: authcore.Changes, event: authcore.EventAdminSessionsRevoke, fresh: true, does: authenticatedWith(c.revoke),
		replies: []reply{{http.StatusOK, "The number of sessions that ended.", revoked{}}}, refuses: []authcore.Code{authcore.InvalidFields},
	}}
}

// anySession is a session with whose it is.
type anySession struct {
	SessionEntry
	UserID uuid.UUID `json:"user_id" format:"uuid" doc:"The id of the account."`
}

// SessionEntry is [sessionEntry] where it is embedded: only what is exported is described.
type SessionEntry = sessionEntry

type allSessions struct {
	Sessions []anySession `json:"sessions"`
	Next     *string      `json:"next" doc:"The cursor of the next page; null at the end. A page may have fewer sessions than asked for, or none, and a next one."`
}

// AllSessions is the list of everybody's sessions for whoever shows it elsewhere: a command prints the body of the call.
type AllSessions = allSessions

// ListAllSessions returns the body that the API answers with for a page, read in a session; the zero one is none.
func ListAllSessions(l admin.ListedSessions, current uuid.UUID) AllSessions {
	out := allSessions{Sessions: make([]anySession, 0, len(l.Sessions)), Next: textOrNull(l.Next)}
	for _, s := range l.Sessions {
		out.Sessions = append(out.Sessions, anySession{entryOf(s, current), s.AccountID})
	}
	return out
}

func (c *adminSessionCalls) list(x *call) (err error) {
	query := x.r.URL.Query()
	l := admin.SessionListing{IP: query.Get("ip")}
	l.Host = query.Get("host")
	if l.Limit, l.Cursor, err = x.page(); err != nil {
		return err
	}
	if which := query.Get("user"); which != "" {
		a, err := c.directory.Get(x.r.Context(), which)
		if code := authcore.CodeOf(err); err != nil && code != authcore.NotFound {
			return err
		}
		if l.Account = a.ID; err != nil {
			return x.answer(http.StatusOK, allSessions{Sessions: []anySession{}}) // nobody's
		}
	}
	listed, err := c.sessions.List(x.r.Context(), x.who.AccountID, l)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, ListAllSessions(listed, x.who.SessionID))
}

func (c *adminSessionCalls) end(x *call) error {
	text := x.r.PathValue("sid")
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return admin.NoSession()
	}
	if err := c.sessions.EndOne(x.r.Context(), id); err != nil {
		return err
	}
	if id == x.who.SessionID {
		x.forgetCookies()
	}
	return x.done()
}

type adminRevokeAnyBody struct {
	IDs []string `json:"ids,omitempty" format:"uuid"`
	All bool     `json:"all,omitempty" doc:"Everybody's sessions, the one too that sends this request."`
	FreshProof
}

func (c *adminSessionCalls) revoke(x *call, body adminRevokeAnyBody) error {
	ids, err := parseIDs(body.IDs, authcore.SessionIDInvalid)
	if err == nil {
		err = exactlyOne(body.IDs != nil, body.All)
	}
	if err != nil {
		return err
	}
	var n int
	if body.All {
		n, err = c.sessions.EndAll(x.r.Context(), "")
	} else {
		n, err = c.sessions.End(x.r.Context(), ids, "")
	}
	if err != nil {
		return err
	}
	if body.All || slices.Contains(ids, x.who.SessionID) {
		x.forgetCookies()
	}
	return x.answer(http.StatusOK, revoked{n})
}
