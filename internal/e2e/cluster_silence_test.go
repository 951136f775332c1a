package e2e

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// serverCounts is how often each kind of command has run on Redis and each statement on Postgres, as they count themselves.
func (c *cluster) serverCounts(t testing.TB, conn *pgx.Conn) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	info, _ := c.redis.Do("INFO", "commandstats").(string)
	for line := range strings.Lines(info) {
		name, rest, ok := strings.Cut(line, ":calls=")
		calls, _, _ := strings.Cut(rest, ",")
		if n, err := strconv.ParseInt(calls, 10, 64); ok && err == nil {
			counts[name] = n
		}
	}
	rows, err := conn.Query(t.Context(), "select left(query, 80) || ' #' || queryid, calls from pg_stat_statements where userid = 'gatehouse'::regrole")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		var calls int64
		if err := rows.Scan(&text, &calls); err != nil {
			t.Fatal(err)
		}
		counts[text] += calls
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return counts
}

// TestGuard_AsksNobodyCounted: Redis and Postgres themselves count what a flood of guarded requests makes them do: nothing. What
// the nodes do in the background is by the clock and not by the request.
func TestGuard_AsksNobodyCounted(t *testing.T) {
	t.Parallel()
	server := testpg.New(t, testpg.Options{Settings: map[string]string{"shared_preload_libraries": "pg_stat_statements"}})
	database := server.Database(t)
	admin, err := url.Parse(server.AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	own, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	admin.Path = own.Path
	conn, err := pgx.Connect(t.Context(), admin.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "create extension pg_stat_statements"); err != nil {
		t.Fatal(err)
	}
	c := startClusterOn(t, plan{}, database)
	u, b := c.a.newUser(t), c.a.newBrowser(t)
	out := c.a.signIn(t, u, false)
	c.a.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
	c.b.refusedAfter(t, out.access, time.Now())
	calls := []call{{path: "/x", bearer: u.access}, {path: "/x", cookies: b.cookies}, {path: "/x", bearer: out.access}, {path: "/x"},
		{path: "/x", bearer: "junk"}, {path: "/x", cookies: map[string]string{"gatehouse": "junk"}}}
	statuses := []int{200, 200, 401, 401, 401, 401}
	for _, token := range c.sessions(t, u, 200) { // not seen before
		calls, statuses = append(calls, call{path: "/x", bearer: token}), append(statuses, 200)
	}

	n := soak.N(1000, 100_000)
	before, began := c.serverCounts(t, conn), time.Now()
	var asking sync.WaitGroup
	const clients = 4
	for client := range clients {
		g := []*gateway{c.a, c.b}[client%2]
		asking.Go(func() {
			for i := client / 2; i < n/clients*2; i += 2 { // each node sees every call
				k := i % len(calls)
				if a, err := g.try(calls[k]); err != nil || a.status != statuses[k] {
					t.Errorf("request %d: %d %v", i, a.status, err)
					return
				}
			}
		})
	}
	asking.Wait()
	took := time.Since(began)
	// The busiest of the background's commands runs some ten times a second on each node.
	most := int64(25 * (took.Seconds() + 2))
	if most > int64(n)/4 {
		t.Errorf("%d requests took %s: too long to tell them from the background", n, took)
	}
	for what, now := range c.serverCounts(t, conn) {
		if ran := now - before[what]; ran > most {
			t.Errorf("%d guarded requests, and %s ran %d times", n, what, ran)
		}
	}
	t.Logf("%d requests in %s", n, took)
}
