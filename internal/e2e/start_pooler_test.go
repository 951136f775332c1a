package e2e

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// TestPooler: two nodes behind a PgBouncer that lends connections for a session are one, and each is ready only while its database takes
// changes and gives revocations. One that lends them for a transaction is refused, with the cure.
func TestPooler(t *testing.T) {
	t.Parallel()
	direct := testpg.Database(t)
	behind := func(mode string) plan {
		return plan{postgres: true, global: "\t\tissuer http://127.0.0.1:1\n", env: []string{"TEST_DATABASE=" + testpg.Pooled(t, direct, mode, 80)}}
	}
	p := behind("session")
	a, b := nodeBeside(t, p, direct), nodeBeside(t, p, direct)
	u := a.newUser(t)
	b.signedIn(t, u)
	for range 20 {
		b.signIn(t, u, false)
	}
	refused := behind("transaction")
	refused.failing = true
	c := nodeBeside(t, refused, direct)
	if err := c.WaitExit(t); err == nil || !strings.Contains(c.logs(), "pool_mode = session") {
		t.Errorf("it ends with %v:\n%s", err, c.Log.Tail(3))
	}
	a.api(t, "POST", "/logout", nil, call{bearer: u.access}).must(t, 204, "")
	inTime(t, 5*time.Second, "the other node refuses", func() bool { return b.do(t, call{path: "/x", bearer: u.access}).status == 401 })

	at, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	name := at.Path[1:]
	const cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
	for why, s := range map[string]struct{ breaks, mends string }{
		"the database accepts no changes": {"alter database " + name + " set default_transaction_read_only = on",
			"begin read write; alter database " + name + " reset default_transaction_read_only; commit"},
		"revocations cannot be read from the database": {"alter table revocations rename to hidden", "alter table hidden rename to revocations"},
	} {
		for _, g := range []*gateway{a, b} {
			inTime(t, 20*time.Second, "it is ready", func() bool { return g.api(t, "GET", "/readyz", nil).status == 200 })
		}
		a.exec(t, s.breaks)
		a.exec(t, cut)
		for _, g := range []*gateway{a, b} {
			inTime(t, 20*time.Second, "readyz says that "+why, func() bool {
				got := g.api(t, "GET", "/readyz", nil)
				return got.status == 503 && strings.Contains(string(got.body), why)
			})
		}
		a.exec(t, s.mends)
		a.exec(t, cut)
		for _, g := range []*gateway{a, b} {
			inTime(t, 20*time.Second, "it is ready again", func() bool { return g.api(t, "GET", "/readyz", nil).status == 200 })
		}
	}
}
