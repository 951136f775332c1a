package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// healthLine is what a line of the log says of a change of health.
type healthLine struct {
	Level, Component, State, Result string
	Outage                          float64 // seconds
}

// healthLines returns the lines of one component, and how many warnings and errors there are in all.
func (g *gateway) healthLines(t testing.TB, component string) (lines []healthLine, complaints int) {
	t.Helper()
	for _, text := range strings.Split(g.logs(), "\n") {
		var l healthLine
		if json.Unmarshal([]byte(text), &l) != nil || l.State == "late" {
			continue // the line that is being written; or calls that were unlucky, which is no change
		}
		if (l.Level == "warn" || l.Level == "error") && l.Result == "" { // with a result it tells of an attack
			complaints++
		}
		if l.Component == component {
			lines = append(lines, l)
		}
	}
	return lines, complaints
}

// pester asks for everything that needs a store, again and again, until stop is called. What the requests get in an outage
// other tests demand.
func (g *gateway) pester(u, browser *user) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	pause := time.NewTicker(5 * time.Millisecond)
	go func() {
		defer close(done)
		defer pause.Stop()
		for i := 0; ; i++ {
			select {
			case <-quit:
				return
			case <-pause.C:
			}
			switch i % 6 {
			case 0:
				_, _ = g.try(call{path: "/x", bearer: u.access})
			case 1:
				_, _ = g.try(call{path: "/auth/readyz"})
			case 2:
				_, _ = g.try(call{path: "/auth/me", bearer: u.access})
			case 3:
				_, _ = g.try(call{method: "POST", path: "/auth/password/forgot", body: map[string]any{"email": "nobody@example.com"}})
			case 4:
				a, err := g.try(call{method: "POST", path: "/auth/refresh", body: map[string]any{"refresh_token": u.refresh}})
				if err == nil && a.status == 200 {
					u.refresh = a.text("refresh_token")
				}
			case 5: // a browser whose access cookie is no more
				a, err := g.try(call{path: "/page", cookies: map[string]string{"gatehouse_refresh": browser.cookies["gatehouse_refresh"]}, header: page})
				if err == nil && a.status == 200 {
					for _, c := range (&http.Response{Header: a.header}).Cookies() {
						browser.cookies[c.Name] = c.Value
					}
				}
			}
		}
	}()
	return func() { close(quit); <-done }
}

// pathOf is the name of the database in a URL.
func pathOf(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// TestHealth_OneLineForEachChange: Redis and Postgres are killed, one after the other and both together, and
// Postgres is made read-only, while requests go on. The log has one line when each goes away and one when it is
// back, with how long it was away, and nothing more.
func TestHealth_OneLineForEachChange(t *testing.T) {
	t.Parallel()
	redis, server := testredis.New(t, testredis.Options{}), testpg.New(t, testpg.Options{})
	g := nodeBeside(t, plan{postgres: true, limits: true, env: []string{"TEST_REDIS=" + redis.URL()},
		global: "\n\t\tredis {env.TEST_REDIS}\n\t\tmax_staleness 3s\n\t\trate_limit forgot 100000/1m\n\t\trate_limit refresh 100000/1m\n"}, server.Database(t))
	u, browser := g.newUser(t), g.newBrowser(t)
	inTime(t, 10*time.Second, "the feed works, and the log has told so", func() bool {
		lines, _ := g.healthLines(t, "redis_feed")
		return len(lines) == 1 && g.metric(t, "gatehouse_revocation_feed_up") == 1
	})
	_, before := g.healthLines(t, "")
	type told struct{ component, goes, comes string }
	away := func(kill, restart func(), all ...told) {
		t.Helper()
		seen := map[string]int{}
		for _, x := range all {
			lines, _ := g.healthLines(t, x.component)
			seen[x.component] = len(lines)
		}
		for _, change := range []struct {
			do    func()
			what  string
			state func(told) string
		}{
			{kill, "went away", func(x told) string { return x.goes }}, {restart, "came back", func(x told) string { return x.comes }},
		} { // nobody asks meanwhile: connections of before and after would answer in turn
			change.do()
			stop := g.pester(u, browser)
			for _, x := range all {
				inTime(t, 15*time.Second, "the log tells that "+x.component+" "+change.what, func() bool {
					lines, _ := g.healthLines(t, x.component)
					return len(lines) > seen[x.component] && lines[len(lines)-1].State == change.state(x)
				})
			}
			stop()
		}
		for _, x := range all {
			lines, _ := g.healthLines(t, x.component)
			at := seen[x.component]
			if n := len(lines) - at; n != 2 || lines[at].Level != "warn" || lines[at+1].Level != "info" || lines[at+1].Outage <= 0 {
				t.Errorf("%s tells %+v of one outage", x.component, lines[at:])
			}
		}
	}
	feed, counters, database := told{"redis_feed", "away", "up"}, told{"redis_counters", "away", "up"}, told{"database", "away", "up"}
	away(redis.Kill, redis.Start, feed, counters)
	away(server.Kill, server.Start, database)
	admin := func(statements ...string) func() {
		return func() {
			conn, err := pgx.Connect(t.Context(), server.AdminURL())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			for _, s := range statements {
				if _, err := conn.Exec(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	name := pathOf(t, g.database)
	cut := "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '" + name + "'"
	away(admin("alter database "+name+" set default_transaction_read_only = on", cut),
		admin("alter database "+name+" reset default_transaction_read_only", cut), told{"database", "read_only", "up"})
	both := func(first, second func()) func() { return func() { first(); second() } }
	away(both(redis.Kill, server.Kill), both(redis.Start, server.Start), feed, counters, database, told{"revocation_view", "stale", "fresh"})
	if _, after := g.healthLines(t, ""); after-before != 8 { // two for Redis and one for Postgres, twice, one for the snapshot, and read-only
		t.Errorf("%d lines complain of four outages, want 8:\n%s", after-before, g.Log.Tail(40))
	}
	if n := g.metric(t, "gatehouse_database_up"); n != 1 {
		t.Errorf("afterwards gatehouse_database_up is %v", n)
	}
	g.terminate(t)
	if lines, _ := g.healthLines(t, "node"); len(lines) != 1 || lines[0].State != "draining" {
		t.Errorf("at its end the node tells %+v", lines)
	}
}
