package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/mileusna/useragent"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/session"
)

// sessionCalls show and end the sessions of the account that makes the request.
type sessionCalls struct {
	sessions *session.Sessions
	door     *Door
}

func (c *sessionCalls) mount(to routes) {
	to.add(http.MethodGet, "/sessions", "", c.list)
	to.add(http.MethodDelete, sessionPath, "", c.end)
	to.add(http.MethodPost, "/sessions/revoke", "", c.revoke)
}

type sessionEntry struct {
	ID         uuid.UUID `json:"id"`
	Current    bool      `json:"current"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	IP         string    `json:"ip"`
	Browser    string    `json:"browser"`
	OS         string    `json:"os"`
	Device     string    `json:"device"`
	UserAgent  string    `json:"user_agent"`
	Name       string    `json:"name"`
}

func (c *sessionCalls) list(w http.ResponseWriter, r *http.Request, in Incoming) error {
	p, err := c.door.Enter(w, r, in)
	if err != nil {
		return err
	}
	live, err := c.sessions.List(r.Context(), p.AccountID)
	if err != nil {
		return err
	}
	entries := make([]sessionEntry, 0, len(live))
	for _, s := range live {
		entries = append(entries, entryOf(s, p.SessionID))
	}
	writeJSON(w, r, http.StatusOK, "application/json", map[string][]sessionEntry{"sessions": entries})
	return nil
}

func entryOf(s authcore.Session, current uuid.UUID) sessionEntry {
	browser, system, device, agent := Agent(s.UserAgent)
	return sessionEntry{
		ID: s.ID, Current: s.ID == current, CreatedAt: s.CreatedAt.UTC(), LastSeenAt: s.LastSeenAt.UTC(),
		IP: s.Addr, Browser: browser, OS: system, Device: device, UserAgent: agent, Name: s.DeviceName,
	}
}

// Agent reads a user agent, of which it looks at the first [authcore.MaxUserAgent] bytes. Each part is "" when it is not
// known, and whatever the sender liked otherwise.
func Agent(text string) (browser, system, device, agent string) {
	if agent = text; len(agent) > authcore.MaxUserAgent { // the parser's time grows with the text
		agent = strings.ToValidUTF8(agent[:authcore.MaxUserAgent], "")
	}
	ua := useragent.Parse(agent)
	return ua.Name, ua.OS, deviceOf(ua), agent
}

func deviceOf(ua useragent.UserAgent) string {
	switch {
	case ua.Device != "":
		return ua.Device
	case ua.Bot:
		return "bot"
	case ua.Tablet:
		return "tablet"
	case ua.Mobile:
		return "mobile"
	case ua.Desktop:
		return "desktop"
	}
	return ""
}

func (c *sessionCalls) end(w http.ResponseWriter, r *http.Request, in Incoming) error {
	p, err := c.door.Enter(w, r, in)
	if err != nil {
		return err
	}
	// A foreign session and none at all look alike (S06).
	missing := authcore.Refuse(authcore.NotFound, "You have no live session with this id.")
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil || id.String() != r.PathValue("id") {
		return missing
	}
	n, err := c.sessions.Revoke(r.Context(), p.AccountID, []uuid.UUID{id}, false, in.Client)
	if err != nil {
		return err
	}
	if n == 0 {
		return missing
	}
	if id == p.SessionID {
		forgetCookies(w, in, p)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c *sessionCalls) revoke(w http.ResponseWriter, r *http.Request, in Incoming) error {
	p, err := c.door.Enter(w, r, in)
	if err != nil {
		return err
	}
	var body struct {
		IDs    []string `json:"ids"`
		All    bool     `json:"all"`
		Others bool     `json:"others"`
	}
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	ids, err := parseIDs(body.IDs)
	if err != nil {
		return err
	}
	asked := 0
	for _, one := range []bool{body.IDs != nil, body.All, body.Others} {
		if one {
			asked++
		}
	}
	if asked != 1 {
		return authcore.RefuseFields(map[string][]string{"ids": {"send exactly one of ids, all and others"}})
	}
	if body.Others {
		ids = []uuid.UUID{p.SessionID}
	}
	n, err := c.sessions.Revoke(r.Context(), p.AccountID, ids, body.All || body.Others, in.Client)
	if err != nil {
		return err
	}
	if body.All || !body.Others && slices.Contains(ids, p.SessionID) {
		forgetCookies(w, in, p)
	}
	writeJSON(w, r, http.StatusOK, "application/json", map[string]int{"revoked": n})
	return nil
}

func parseIDs(texts []string) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, 0, len(texts))
	for _, text := range texts {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, authcore.RefuseFields(map[string][]string{"ids": {"must be ids of sessions"}})
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// forgetCookies clears the cookies of a browser that has ended its own session.
func forgetCookies(w http.ResponseWriter, in Incoming, p *authcore.Principal) {
	if p.Mode == authcore.ModeCookie {
		ClearSessionCookies(w.Header(), in.HTTPS)
	}
}
