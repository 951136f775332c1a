package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// cluster is two nodes on one Postgres and one Redis. Each node has its own way to either, which a test can break. The
// user that the nodes are to Redis may do what the manual says and nothing else.
type cluster struct {
	a, b           *gateway
	redis          *testredis.Server
	aRedis, bRedis *testproxy.Proxy
	aData, bData   *testproxy.Proxy
	known          []string // the codes by SMS that a test has used
}

// redisRules are those of docs/configuration.md.
const redisRules = "~gatehouse:* +xadd +xread +xrange +xrevrange +eval +evalsha +time +get +set +del +pexpire " +
	"+zadd +zcard +zremrangebyscore"

func startCluster(t testing.TB, p plan) *cluster {
	t.Helper()
	return startClusterOn(t, p, testpg.Database(t))
}

// startClusterOn is startCluster on a database of the test's own.
func startClusterOn(t testing.TB, p plan, database string) *cluster {
	t.Helper()
	c := &cluster{redis: testredis.New(t, testredis.Options{Rules: redisRules})}
	p.postgres = true
	node := func(p plan) (*gateway, *testproxy.Proxy, *testproxy.Proxy) {
		redis := testproxy.New(t, c.redis.Addr())
		data, through := proxied(t, database)
		p.env = append(p.env[:len(p.env):len(p.env)], "TEST_REDIS="+c.redis.URLAt(redis.Addr()), "TEST_DATABASE="+through)
		p.global += "\n\t\tredis {env.TEST_REDIS}\n"
		return nodeBeside(t, p, database), redis, data
	}
	issued := p
	issued.global += "\n\t\tissuer http://127.0.0.1:<port>\n"
	c.a, c.aRedis, c.aData = node(issued)
	p.global += "\n\t\tissuer http://" + c.a.Host() + "\n\t\tmail outbox " + filepath.Join(c.a.Dir, "data", "outbox") + "\n"
	c.b, c.bRedis, c.bData = node(p)
	c.wellAgain(t, time.Minute)
	c.acquainted(t)
	return c
}

// acquainted waits until Redis alone would do for each node: it has heard the other one, and has read from the database what
// that may have said before.
func (c *cluster) acquainted(t testing.TB) {
	t.Helper()
	for _, g := range []*gateway{c.a, c.b} {
		inTime(t, time.Minute, "the nodes know each other", func() bool {
			return g.metric(t, `gatehouse_revocation_feed_nodes{state="heard"}`) == 1
		})
		inTime(t, time.Minute, "Redis confirms the snapshot", func() bool {
			return g.metric(t, "gatehouse_revocation_feed_age_seconds") >= 0
		})
	}
}

// proxied puts a proxy before a database.
func proxied(t testing.TB, database string) (*testproxy.Proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	p := testproxy.New(t, u.Host)
	u.Host = p.Addr()
	return p, u.String()
}

// wellAgain waits until the feed works both ways.
func (c *cluster) wellAgain(t testing.TB, limit time.Duration) {
	t.Helper()
	inTime(t, limit, "the feed works", func() bool {
		return c.a.metric(t, "gatehouse_revocation_feed_up") == 1 && c.b.metric(t, "gatehouse_revocation_feed_up") == 1
	})
}

// sessions adds n sessions to a user, as good as any other, without their passwords' work, and returns an access token of
// each by its id.
func (c *cluster) sessions(t testing.TB, u *user, n int) map[string]string {
	t.Helper()
	c.a.exec(t, `insert into sessions (id, account_id, account_epoch, mode, amr, auth_time, created_at, last_seen_at, refresh_digest,
		refresh_expires_at, expires_at, access_until, addr, user_agent, device_name)
		select gen_random_uuid(), account_id, account_epoch, mode, amr, auth_time, created_at, last_seen_at,
		sha256(gen_random_uuid()::text::bytea), refresh_expires_at, expires_at, access_until, addr, user_agent, 'clone'
		from sessions, generate_series(1, `+strconv.Itoa(n)+`) where id = '`+u.sid+`'`)
	key := c.a.bearerKey(t)
	claims := members(t, u.access, 1)
	tokens := map[string]string{}
	for _, row := range c.a.query(t, "select id::text from sessions where device_name = 'clone' and revoked_at is null") {
		sid := row[0].(string)
		claims["sid"], claims["jti"] = sid, uuid.NewString()
		text, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		tokens[sid] = key.sign(t, key.alg, key.header(), string(text))
	}
	return tokens
}

// bearerKey returns the key that bearer tokens are signed by, where the secret is testSecret.
func (g *gateway) bearerKey(t testing.TB) signingKey {
	t.Helper()
	sealer, err := secret.NewSealer(secret.FromString(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	rows := g.query(t, "select kid, algorithm, sealed from signing_keys where key_use = 'bearer' and not_before is not null and retire_at is null")
	if len(rows) != 1 {
		t.Fatalf("%d active bearer keys", len(rows))
	}
	plain, err := sealer.Open("signing key", rows[0][2].([]byte))
	if err != nil {
		t.Fatal(err)
	}
	return signingKey{kid: rows[0][0].(string), use: "bearer", alg: rows[0][1].(string), private: parsedKey(t, plain), active: true}
}

// endSession revokes a session of a user's on a node and returns the moment of the answer. Where a busy machine has nothing left for it,
// which is no answer to the question of the tests, it comes again; the session may have ended all the same.
func (g *gateway) endSession(t testing.TB, u *user, sid string) time.Time {
	t.Helper()
	end := func() answer { return g.api(t, "DELETE", "/sessions/"+sid, nil, call{bearer: u.access}) }
	a := end()
	for tries := 0; tries < 3 && a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != ""; tries++ {
		if a = end(); a.status == http.StatusNotFound {
			return time.Now()
		}
	}
	a.must(t, http.StatusNoContent, "")
	return time.Now()
}

// refusedAfter asks a node with a token until it is refused, and returns how long after the given moment that request was
// sent. A request that is answered neither 200 nor 401 ends the test.
func (g *gateway) refusedAfter(t testing.TB, token string, since time.Time) time.Duration {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond) // so that those who ask do not keep the nodes from hearing each other
	defer tick.Stop()
	for ; ; <-tick.C {
		sent := time.Now()
		a := g.do(t, call{path: "/x", bearer: token})
		if a.status == http.StatusUnauthorized {
			return max(sent.Sub(since), 0)
		}
		// The service answers what it likes; a refusal of ours has a code.
		if a.status >= 500 || a.code() != "" || sent.Sub(since) > time.Minute {
			t.Fatalf("answered %d %s after %s", a.status, a.code(), sent.Sub(since))
		}
	}
}
