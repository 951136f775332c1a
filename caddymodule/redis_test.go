package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/guard"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// linkOf connects as a `redis` line says. Postgres is named and not used.
func linkOf(t *testing.T, line string) error {
	t.Helper()
	t.Setenv("GATEHOUSE_TEST_SECRET", strings.Repeat("x", minSecretBytes))
	r, err := settingsFrom(t, "database postgres://db/x\n\t\tsecret {env.GATEHOUSE_TEST_SECRET}\n\t\tredis "+line).resolve()
	if err != nil {
		return err
	}
	a := &App{cfg: r, database: "postgres://db/x"}
	if err := a.holdRedis(); err != nil {
		return err
	}
	defer func() {
		if err := a.dropRedis(); err != nil {
			t.Error(err)
		}
	}()
	link := a.exchange.link
	return link.Append(t.Context(), link.Key("probe"), 1, []byte("1"))
}

func mustReach(t *testing.T, line string) {
	t.Helper()
	if err := linkOf(t, line); err != nil {
		t.Errorf("redis %s: %v", line, err)
	}
}

func mustNotReach(t *testing.T, line, why string) {
	t.Helper()
	if err := linkOf(t, line); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("redis %s: the error is %v, expected %q", line, err, why)
	}
}

func TestOption_redis(t *testing.T) {
	s := testredis.New(t, testredis.Options{})
	t.Setenv("REDIS_URL", s.URL())
	mustReach(t, s.URL())
	mustReach(t, "{env.REDIS_URL}")
	mustReach(t, s.URL()+"/3")
	s.Do("SELECT", "0")
	if n, _ := s.Do("DBSIZE").(int64); n != 1 {
		t.Errorf("%d keys in the database 0, expected one of two", n)
	}
	for name, value := range map[string]string{"REDIS_URL": "redis://u:hunter2@[", "REDIS_PORT": "x"} {
		t.Setenv(name, value)
		if err := linkOf(t, "redis://{env.REDIS_PORT}{env."+name+"}:1"); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	cluster := testredis.Cluster(t, 2)
	mustReach(t, cluster[0].URL()+" "+cluster[1].URL())
	mustReach(t, cluster[0].URL()+"?cluster=true")
}

func TestOption_redis_prefix(t *testing.T) {
	s := testredis.New(t, testredis.Options{})
	mustReach(t, s.URL())
	mustReach(t, s.URL()+" {\n\t\t\tprefix shop.\n\t\t}")
	for _, key := range []string{"gatehouse:probe", "shop.probe"} {
		if s.Do("EXISTS", key) != int64(1) {
			t.Errorf("there is no key %s", key)
		}
	}
}

func TestOption_redis_password(t *testing.T) {
	s := testredis.New(t, testredis.Options{Rules: "~gatehouse:* +xadd"})
	t.Setenv("REDIS_PASSWORD", s.Password())
	t.Setenv("REDIS_WRONG", "wrong")
	at := "redis://gatehouse@" + s.Addr()
	mustReach(t, at+" {\n\t\t\tpassword {env.REDIS_PASSWORD}\n\t\t}")
	mustReach(t, "redis://gatehouse:{env.REDIS_PASSWORD}@"+s.Addr())
	mustNotReach(t, at+" {\n\t\t\tpassword {env.REDIS_WRONG}\n\t\t}", "WRONGPASS")
	mustNotReach(t, at, "NOAUTH")
	mustNotReach(t, "redis://gatehouse:{env.REDIS_PASSWORD}@"+s.Addr()+" {\n\t\t\tpassword {env.REDIS_PASSWORD}\n\t\t}", "both")
}

func TestOption_redis_sentinel_password(t *testing.T) {
	w := testredis.Sentinel(t, "open-sesame")
	t.Setenv("SENTINEL_PASSWORD", "open-sesame")
	at := "redis://" + w.Sentinel.Addr() + "?sentinel=" + testredis.MasterName
	mustReach(t, at+" {\n\t\t\tsentinel_password {env.SENTINEL_PASSWORD}\n\t\t}")
	if w.Master.Do("EXISTS", "gatehouse:probe") != int64(1) {
		t.Error("the master has not got the key")
	}
	mustNotReach(t, at, "")
}

func TestOption_redis_ca(t *testing.T) {
	s := testredis.New(t, testredis.Options{TLS: true})
	mustReach(t, s.URL()+" {\n\t\t\tca "+s.CA()+"\n\t\t}")
	mustNotReach(t, s.URL(), "certificate")
	other := testredis.New(t, testredis.Options{TLS: true})
	mustNotReach(t, s.URL()+" {\n\t\t\tca "+other.CA()+"\n\t\t}", "certificate")
	mustNotReach(t, s.URL()+" {\n\t\t\tca /dev/null\n\t\t}", "no PEM certificate")
}

// staleOver is a guard whose snapshot of revocations has not been confirmed for a while, by what the lines of the global block
// and of the guard say; it returns what a request of a signed-in user is answered.
func staleOver(t *testing.T, age time.Duration, global, lines string) (status int, retryAfter string) {
	t.Helper()
	t.Setenv("GATEHOUSE_TEST_SECRET", strings.Repeat("x", minSecretBytes))
	cfg, err := settingsFrom(t, "database postgres://db/x\n\t\tsecret {env.GATEHOUSE_TEST_SECRET}\n\t\t"+global).resolve()
	if err != nil {
		t.Fatal(err)
	}
	over := newBenched(t, authcore.ModeBearer, 1, 0)
	g := over.guard
	g.GuardSettings = *guardFrom(t, lines)
	g.app.cfg.sqlitePath, g.app.cfg.maxStaleness, g.app.cfg.onStale = "", cfg.maxStaleness, cfg.onStale
	if err := g.limitStaleness(); err != nil {
		t.Fatal(err)
	}
	clock := time.Now()
	staleness := revocation.NewStaleness(func() time.Time { return clock })
	staleness.Database(clock)
	g.way.Edge = g.app.newEdge()
	g.way.Start(&guard.Started{Auth: g.app.core.Load().auth, Staleness: staleness, Connections: g.app.node.connections})
	g.way.AddGuard(nil, nil)
	clock = clock.Add(age)
	in, w := over.incoming(), httptest.NewRecorder()
	in.arrive(over.tokens[0])
	if err := g.ServeHTTP(w, in.Request, nothing); err != nil {
		t.Fatal(err)
	}
	return w.Code, w.Header().Get("Retry-After")
}

// guardFrom adapts a Caddyfile whose guard has these lines.
func guardFrom(t *testing.T, lines string) *GuardSettings {
	t.Helper()
	d := caddyfile.NewTestDispenser("gatehouse_guard {\n" + lines + "\n}")
	d.Next()
	var g GuardSettings
	if err := parseBlock(d, guardOptions, &g); err != nil {
		t.Fatal(err)
	}
	return &g
}

// wantStale expects a guard to bear a snapshot of one age and not of another; 0 is none.
func wantStale(t *testing.T, global, guard string, bears, not time.Duration) {
	t.Helper()
	if status, _ := staleOver(t, bears, global, guard); status != http.StatusOK {
		t.Errorf("%q, %q: answered %d with a snapshot %s old", global, guard, status, bears)
	}
	if not == 0 {
		return
	}
	if status, retry := staleOver(t, not, global, guard); status != http.StatusServiceUnavailable || retry == "" {
		t.Errorf("%q, %q: answered %d, Retry-After %q, with a snapshot %s old", global, guard, status, retry, not)
	}
}

func TestOption_max_staleness(t *testing.T) {
	wantStale(t, "", "", 29*time.Second, 31*time.Second)
	wantStale(t, "max_staleness 5s", "", 4*time.Second, 6*time.Second)
}

func TestOption_on_stale(t *testing.T) {
	wantStale(t, "on_stale deny", "", 29*time.Second, 31*time.Second)
	wantStale(t, "on_stale serve", "", 24*time.Hour, 0)
}

func TestOption_guard_max_staleness(t *testing.T) {
	wantStale(t, "max_staleness 60s", "max_staleness 5s", 4*time.Second, 6*time.Second)
	wantStale(t, "", "max_staleness 10m", 9*time.Minute, 11*time.Minute)
}

func TestOption_guard_on_stale(t *testing.T) {
	wantStale(t, "on_stale serve", "on_stale deny", 29*time.Second, 31*time.Second)
	wantStale(t, "", "on_stale serve", 24*time.Hour, 0)
}

// TestGuardStalenessNeedsPostgres: with SQLite there is nothing that could be stale.
func TestGuardStalenessNeedsPostgres(t *testing.T) {
	t.Parallel()
	for lines, good := range map[string]bool{"": true, "max_staleness 5s": false, "on_stale deny": false} {
		g := &Guard{GuardSettings: *guardFrom(t, lines), app: &App{cfg: &resolved{sqlitePath: "/x"}}}
		if err := g.limitStaleness(); (err == nil) != good || g.way.Policy.MaxStaleness != 0 {
			t.Errorf("%q on SQLite: %v, limit %s", lines, err, g.way.Policy.MaxStaleness)
		}
	}
}
