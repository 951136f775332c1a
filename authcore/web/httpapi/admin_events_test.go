package httpapi_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
)

// each event of a page.
func listedEvents(got map[string]any) (all []map[string]any) {
	for _, e := range got["events"].([]any) {
		all = append(all, e.(map[string]any))
	}
	return all
}

// TestM07_EventsOfEverybody: each event says who, what, from where, when and how it ended; accounts by what they are called when it is read.
func TestM07_EventsOfEverybody(t *testing.T) {
	h := open(t)
	ada, asAda := h.withRoles("ada.one")
	boss, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	h.call(http.MethodPost, "/login", `{"login":"ada.one","password":"wrong"}`).refused(401, authcore.InvalidCredentials)
	h.call(http.MethodGet, "/admin/events", "", asAda).refused(403, authcore.Forbidden)
	h.call(http.MethodGet, "/admin/users/"+ada.ID.String(), "", asAdmin).want(200)

	about := listedEvents(h.call(http.MethodGet, "/admin/events?kind=session.*,admin.*&account="+ada.ID.String(), "", asAdmin).want(200).fields())
	if len(about) != 3 {
		t.Fatalf("%d events: %v", len(about), about)
	}
	read, failed, in := about[0], about[1], about[2]
	for name, c := range map[string]struct {
		got  map[string]any
		kind string
		id   any // of the actor
		via  any
	}{
		"a read by an administrator": {read, "admin.users.get", boss.ID.String(), "session"},
		"a wrong password":           {failed, "session.sign_in_failed", nil, nil},
		"a sign-in":                  {in, "session.signed_in", ada.ID.String(), "session"},
	} {
		actor, account := c.got["actor"].(map[string]any), c.got["account"].(map[string]any)
		if c.got["kind"] != c.kind || actor["id"] != c.id || actor["via"] != c.via || account["label"] != "ada.one@example.com" || c.got["ip"] == "" ||
			c.got["at"] == nil || c.got["user_agent"] != firefox || c.got["browser"] != "Firefox" {
			t.Errorf("%s: %v", name, c.got)
		}
	}
	// Filters, and pages that meet each event once.
	for query, want := range map[string]int{
		"kind=session.sign_in_failed":                               1,
		"kind=session.*":                                            3,
		"kind=session.signed_in,admin.*":                            5, // the lists of events are one within a minute, and one was refused
		"result=failure&kind=session.*":                             1,
		"result=invalid_credentials":                                1,
		"actor=" + boss.ID.String():                                 4, // with the browser that was seen first
		"actor=" + ada.ID.String() + "&result=success":              2,
		"account=" + ada.ID.String() + "&actor=" + boss.ID.String(): 1,
		"ip=203.0.113.9":                                            0,
		"to=" + url.QueryEscape(h.Clock.Now().Add(-time.Hour).Format(time.RFC3339)): 0,
	} {
		seen, cursor := map[string]bool{}, ""
		for range 10 {
			page := h.call(http.MethodGet, "/admin/events?limit=1&"+query+"&cursor="+cursor, "", asAdmin).want(200).fields()
			for _, e := range listedEvents(page) {
				seen[e["id"].(string)] = true
			}
			next, more := page["next"].(string)
			if !more {
				break
			}
			cursor = next
		}
		if len(seen) != want {
			t.Errorf("%s: %d events, want %d", query, len(seen), want)
		}
	}
	for _, query := range []string{"kind=none", "kind=x.*", "account=ada", "ip=somewhere", "from=yesterday", "cursor=made-up", "limit=0"} {
		h.call(http.MethodGet, "/admin/events?"+query, "", asAdmin).refused(400, authcore.InvalidRequest)
	}
}

// TestI11_EventsInATable: what people choose stands in one field of one row, and is no formula to a spreadsheet.
func TestI11_EventsInATable(t *testing.T) {
	h := open(t)
	h.account("ada@example.com", "ada")
	evil := []string{"=1+1", "+1", "-1", "@SUM(A1)", `x","y`, `{"level":"info"}`, "\x1b[31mred", strings.Repeat("x", 3000)}
	for _, name := range evil {
		h.call(http.MethodPost, "/login", `{"login":"ada","password":"wrong"}`, agent(name)).refused(401, authcore.InvalidCredentials)
		h.Clock.Advance(time.Hour)
	}
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	got := h.call(http.MethodGet, "/admin/events.csv?kind=session.sign_in_failed", "", asAuditor).want(200)
	if kind := got.header.Get("Content-Type"); kind != "text/csv" || !strings.Contains(got.header.Get("Content-Disposition"), "events.csv") {
		t.Errorf("it is %s", kind)
	}
	const head = "at,kind,result,method,account_id,account,actor_id,actor,session_id,client_id,ip,browser,os,user_agent,details,id"
	if first, _, _ := strings.Cut(string(got.body), "\r\n"); first != head {
		t.Errorf("the header is %q", first)
	}
	rows, err := csv.NewReader(strings.NewReader(string(got.body))).ReadAll()
	if err != nil || len(rows) != len(evil)+1 {
		t.Fatalf("%d rows (%v)", len(rows), err)
	}
	for i, name := range evil {
		want := name
		if strings.ContainsAny(name[:1], "=+-@") {
			want = "'" + name
		}
		row := rows[len(evil)-i] // the latest first
		if field := row[13]; field != want && !(len(name) > 1000 && strings.HasPrefix(name, field) && len(field) > 100) {
			t.Errorf("the user agent %q stands as %q", name, field)
		}
		if row[1] != "session.sign_in_failed" || row[2] != "invalid_credentials" || row[5] != "ada@example.com" || row[6] != "" {
			t.Errorf("row %q", row)
		}
	}
	h.call(http.MethodGet, "/admin/events.csv?kind=none", "", asAuditor).refused(400, authcore.InvalidRequest)
	h.call(http.MethodHead, "/admin/events.csv", "", asAuditor).want(200)
}

func TestAdmin_StatsAndNodes(t *testing.T) {
	h := open(t)
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	if _, err := stats.NewWorker(h.Store, h.Clock.Now).Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := map[string]any{}
	for _, s := range h.call(http.MethodGet, "/admin/stats", "", asAuditor).want(200).fields()["series"].([]any) {
		one := s.(map[string]any)
		point := one["points"].([]any)[0].([]any)
		if at, err := time.Parse(time.RFC3339, point[0].(string)); err != nil || !at.Equal(h.Clock.Now().Truncate(time.Hour)) {
			t.Errorf("a point of %v", point)
		}
		found[one["name"].(string)] = point[1]
		if labels := one["labels"].(map[string]any); one["name"] == "sign_ins" && (labels["result"] != "success" || labels["method"] != "password") {
			t.Errorf("labels %v", labels)
		}
	}
	for _, name := range []string{"sign_ins", "sessions_active", "accounts_created", "lockouts", "blocks", "mail_queue"} {
		if _, ok := found[name]; !ok {
			t.Errorf("no %s in %v", name, found)
		}
	}
	if found["sign_ins"] != 1.0 || found["sessions_active"] != 1.0 {
		t.Errorf("figures %v", found)
	}
	h.call(http.MethodGet, "/admin/stats?from=2026-01-01T00:00:00Z&to=2025-01-01T00:00:00Z", "", asAuditor).refused(422, authcore.InvalidFields)
	h.call(http.MethodGet, "/admin/stats?from=x", "", asAuditor).refused(400, authcore.InvalidRequest)

	beat := stats.Heartbeat{Store: h.Store, Now: h.Clock.Now, Look: func() stats.Node {
		return stats.Node{ID: authcore.Account{}.ID, Version: "v1", State: stats.NodeReady, StartedAt: h.Clock.Now(), ViewAge: 1500 * time.Millisecond, Settings: 7}
	}}
	check(t, beat.Beat(t.Context()))
	nodes := h.call(http.MethodGet, "/admin/nodes", "", asAuditor).want(200).fields()["nodes"].([]any)
	if node := nodes[0].(map[string]any); len(nodes) != 1 || node["state"] != "ready" || node["view_age"] != 1.5 || node["clock_skew"] != 0.0 || node["settings_version"] != 7.0 {
		t.Errorf("nodes %v", nodes)
	}
}
