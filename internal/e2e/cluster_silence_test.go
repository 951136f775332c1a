package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
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

// countedCluster is a cluster whose Postgres counts statements, and a connection to look at its counts.
func countedCluster(t *testing.T) (*cluster, *pgx.Conn) {
	t.Helper()
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
	t.Cleanup(func() { conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), "create extension pg_stat_statements"); err != nil {
		t.Fatal(err)
	}
	return startClusterOn(t, plan{}, database), conn
}

// guardedKind is a kind of guarded requests, n of them on each node.
type guardedKind struct {
	name   string
	n      int
	status int
	call   func(i int) call
}

// TestGuard_AsksNobodyCounted: Redis and Postgres themselves count what a flood of guarded requests of each kind makes them do:
// nothing. What the nodes do in the background is by the clock and not by the request.
func TestGuard_AsksNobodyCounted(t *testing.T) {
	t.Parallel()
	c, conn := countedCluster(t)
	u, b := c.a.newUser(t), c.a.newBrowser(t)
	out := c.a.signIn(t, u, false)
	c.a.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
	c.b.refusedAfter(t, out.access, time.Now())
	fresh := slices.Collect(maps.Values(c.sessions(t, u, soak.N(300, 1000))))
	same := func(it call) func(int) call {
		it.path = "/x"
		return func(int) call { return it }
	}
	n := soak.N(500, 8500)
	for _, k := range []guardedKind{
		{"a token not seen before", len(fresh), 200, func(i int) call { return call{path: "/x", bearer: fresh[i]} }},
		{"a token", n, 200, same(call{bearer: u.access})},
		{"a cookie", n, 200, same(call{cookies: b.cookies})},
		{"a token of a session that has ended", n, 401, same(call{bearer: out.access})},
		{"nothing", n, 401, same(call{})},
		{"junk for a token", n, 401, func(i int) call { return call{path: "/x", bearer: fmt.Sprint("junk", i)} }},
		{"junk for a cookie", n, 401, func(i int) call {
			return call{path: "/x", cookies: map[string]string{"gatehouse": fmt.Sprint("junk", i)}}
		}},
		{"a token of another key", n, 401, func(i int) call { return call{path: "/x", bearer: otherKey(t, u.access, i)} }},
	} {
		c.counted(t, conn, k)
	}
	c.countedSessions(t, conn, u)
}

// ofWorkers are the statements by which mails go out, and nodes hear of each other's changes.
var ofWorkers = regexp.MustCompile(`^(with due|update outbox|select count\(\*\), min\(created_at\) from outbox|select coalesce\(max\()`)

// signInStatements is how many a sign-in made before there were devices and limits of sessions (schema 0003), begin and commit included.
const signInStatements = 10

// countedSessions: a refresh is one statement, and a sign-in two more at most than it was.
func (c *cluster) countedSessions(t *testing.T, conn *pgx.Conn, u *user) {
	t.Helper()
	const n = 40
	statements := func(what string, most int64, one func()) {
		before := c.serverCounts(t, conn)
		for range n {
			one()
		}
		each, list := int64(0), ""
		for text, now := range c.serverCounts(t, conn) {
			if ran := now - before[text]; ran >= n*3/4 && !strings.HasPrefix(text, "cmdstat_") && !ofWorkers.MatchString(text) {
				each += (ran + n/2) / n
				list += fmt.Sprintf("\n%d %s", ran, text)
			}
		}
		if each == 0 || each > most {
			t.Errorf("%s makes %d statements, %d at most:%s", what, each, most, list)
		}
	}
	statements("a refresh", 1, func() {
		u.take(t, c.a.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
	})
	u = c.a.newUser(t)
	device := ""
	statements("a sign-in", signInStatements+2, func() {
		got := c.a.api(t, "POST", "/login", object{"login": u.email, "password": u.password, "device_token": device}).must(t, 200, "")
		if token := got.text("device_token"); token != "" {
			device = token
		}
	})
	statements("a sign-in from a new device", signInStatements+2, func() { c.a.attempt(t, u.email, u.password).must(t, 200, "") })
}

// otherKey is a token that says to be signed with a key that there is not.
func otherKey(t testing.TB, token string, i int) string {
	t.Helper()
	header := members(t, token, 0)
	header["kid"] = fmt.Sprint("other", i)
	text, err := json.Marshal(header)
	if err != nil {
		t.Error(err)
	}
	return b64.EncodeToString(text) + token[strings.IndexByte(token, '.'):]
}

// counted makes requests of one kind, and demands that no kind of command or statement runs as often as they.
func (c *cluster) counted(t *testing.T, conn *pgx.Conn, k guardedKind) {
	t.Helper()
	before, began := c.serverCounts(t, conn), time.Now()
	var asking sync.WaitGroup
	for _, g := range []*gateway{c.a, c.b} {
		for half := range 2 {
			asking.Go(func() {
				for i := half; i < k.n; i += 2 {
					if a, err := g.try(k.call(i)); err != nil || a.status != k.status {
						t.Errorf("%s: request %d: %d %v", k.name, i, a.status, err)
						return
					}
				}
			})
		}
	}
	asking.Wait()
	took, n := time.Since(began), int64(2*k.n)
	// The busiest of the background's commands runs some ten times a second on each node.
	most := int64(25 * (took.Seconds() + 2))
	if most > n*3/4 {
		t.Errorf("%s: %d requests took %s: too long to tell them from the background", k.name, n, took)
	}
	for what, now := range c.serverCounts(t, conn) {
		if ran := now - before[what]; ran > most {
			t.Errorf("%s: %d guarded requests, and %s ran %d times", k.name, n, what, ran)
		}
	}
	t.Logf("%s: %d requests in %s", k.name, n, took)
}
