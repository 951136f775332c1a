package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
)

// liveLimit is what the contract allows for closing a session's connections.
const liveLimit = 5 * time.Second

const liveSites = `http://127.0.0.1:<port> {
	gatehouse
	gatehouse_guard
	reverse_proxy <service> {
		stream_close_delay 5m
	}
}
https://localhost:<port2> {
	tls internal
	gatehouse
	gatehouse_guard
	reverse_proxy <service>
}
`

func livePlan(u *liveUpstream) plan {
	return plan{caddy: "skip_install_trust\n\tmetrics", site: strings.ReplaceAll(liveSites, "<service>", u.addr), env: []string{"GODEBUG=http2xconnect=1"}}
}

func bearerLine(token string) string { return "Authorization: Bearer " + token }

// both opens a WebSocket and an event stream.
func (g *gateway) both(t testing.TB, token string) []*liveConn {
	t.Helper()
	return []*liveConn{g.webSocket(t, false, "", bearerLine(token)), g.eventStream(t, call{}, "text/event-stream", "Authorization", "Bearer "+token)}
}

func wantOpen(t testing.TB, when string, open ...*liveConn) {
	t.Helper()
	for _, l := range open {
		l.wantOpen(t, when)
	}
}

// wantClosed demands the end of connections on both sides, and returns the longest time that took for a client.
func (u *liveUpstream) wantClosed(t testing.TB, since time.Time, code int, open ...*liveConn) (longest time.Duration) {
	t.Helper()
	for _, l := range open {
		longest = max(longest, l.wantClosed(t, since, liveLimit, code))
		u.wantEnded(t, l.id, since, liveLimit)
	}
	return longest
}

// TestS13_EveryKind: each kind of connection ends with its session, and with its session alone.
func TestS13_EveryKind(t *testing.T) {
	t.Parallel()
	up := newLiveUpstream(t)
	g := start(t, livePlan(up))
	g.waitTLS(t, g.Port2)
	host := fmt.Sprintf("localhost:%d", g.Port2)
	secure := g.overTLS(t, host)
	u, other, browser := g.newUser(t), g.newUser(t), g.newBrowser(t)
	u.take(t, g.api(t, "POST", "/login", object{"login": u.email, "password": u.password}, secure).must(t, 200, ""))
	sibling := g.signIn(t, u, false)
	cookie := "Cookie: gatehouse=" + browser.cookies["gatehouse"] + "\r\nSec-Fetch-Site: same-origin"

	bearer := "Bearer " + u.access
	open := []*liveConn{
		g.webSocket(t, true, "", bearerLine(u.access)), g.extendedSocket(t, host, u.access),
		g.eventStream(t, secure, "text/event-stream", "Authorization", bearer), g.eventStream(t, secure, "*/*", "Authorization", bearer)}
	stays := append(g.both(t, other.access), g.both(t, sibling.access)...)
	byCookie := []*liveConn{g.webSocket(t, false, "", cookie), g.eventStream(t, call{}, "*/*", "Cookie", "gatehouse="+browser.cookies["gatehouse"])}
	wantOpen(t, "before", slices.Concat(open, stays, byCookie)...)
	if n := g.metric(t, `gatehouse_open_connections{kind="websocket"}`); n != 5 {
		t.Errorf("%v WebSockets are counted", n)
	}

	g.api(t, "POST", "/logout", nil, call{bearer: u.access, base: secure.base, client: secure.client}).must(t, 204, "")
	longest := up.wantClosed(t, time.Now(), 1008, open...)
	g.api(t, "POST", "/logout", nil, call{cookies: browser.cookies, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}).must(t, 204, "")
	longest = max(longest, up.wantClosed(t, time.Now(), 1008, byCookie...))
	wantOpen(t, "after", stays...)
	t.Logf("clients learn within %s", longest)

	// A new one is refused.
	upgrade := "GET /ws HTTP/1.1\r\nHost: %s\r\n%s\r\n" + upgradeHead + "\r\n"
	g.raw(t, fmt.Sprintf(upgrade, g.Host(), bearerLine(u.access))).want(t, 401, "invalid_token")
	g.raw(t, fmt.Sprintf(upgrade, g.Host(), cookie)).want(t, 401, "invalid_token")
	if _, _, a := g.connect(t, host, "/ws", "authorization", bearer); a.status != "401" {
		t.Errorf("extended CONNECT: %s", a)
	}

	// A change of the password ends every session (S08); a client that does not read is no exception.
	deaf := g.webSocket(t, false, "&flood=1", bearerLine(sibling.access))
	eventually(t, "the client that does not read is connected", func() bool { return g.metric(t, `gatehouse_open_connections{kind="websocket"}`) == 3 })
	g.api(t, "POST", "/me/password", object{"current_password": password, "new_password": "another lantern 12"}, call{bearer: sibling.access}).must(t, 204, "")
	since := time.Now()
	up.wantClosed(t, since, 1008, stays[2:]...)
	up.wantEnded(t, deaf.id, since, liveLimit)
	wantOpen(t, "to the end", stays[:2]...)
	eventually(t, "nothing is left", func() bool {
		return g.metric(t, `gatehouse_open_connections{kind="websocket"}`) == 1 && g.metric(t, `gatehouse_open_connections{kind="event_stream"}`) == 1
	})
	if n := g.metric(t, `gatehouse_open_connections_ended_total{outcome="revoked"}`); n != 9 {
		t.Errorf("%v connections are counted as revoked", n)
	}
}

// TestS13_S08_OnTheOtherNode: sign-out, another password and other roles on one node, with the connections on the other.
func TestS13_S08_OnTheOtherNode(t *testing.T) {
	t.Parallel()
	up := newLiveUpstream(t)
	c := startCluster(t, plan{caddy: "metrics", site: strings.ReplaceAll(liveSites[:strings.Index(liveSites, "https:")], "<service>", up.addr)})
	u, v, w, other := c.a.newUser(t), c.a.newUser(t), c.a.newUser(t), c.a.newUser(t)
	ofU, ofV, ofW, stays := c.b.both(t, u.access), c.b.both(t, v.access), c.b.both(t, w.access), c.b.both(t, other.access)
	wantOpen(t, "before", slices.Concat(ofU, ofV, ofW, stays)...)

	c.a.api(t, "POST", "/logout", nil, call{bearer: u.access}).must(t, 204, "")
	longest := up.wantClosed(t, time.Now(), 1008, ofU...)
	c.a.api(t, "POST", "/me/password", object{"current_password": password, "new_password": "another lantern 12"}, call{bearer: v.access}).must(t, 204, "")
	longest = max(longest, up.wantClosed(t, time.Now(), 1008, ofV...))
	until := time.Now().Add(5 * time.Minute).UnixMicro()
	c.a.exec(t, `update users set roles_version = roles_version + 1 where id = '`+w.id+`'`)
	c.a.exec(t, fmt.Sprintf(`insert into revocations (account_id, epoch, roles_version, until)
		select id, 0, roles_version, %d from users where id = '%s'`, until, w.id))
	up.wantClosed(t, time.Now(), 1008, ofW...)
	wantOpen(t, "after", stays...)
	t.Logf("clients on the other node learn within %s", longest)
	if n := c.b.metric(t, `gatehouse_open_connections_ended_total{outcome="outdated"}`); n != 2 {
		t.Errorf("%v connections are counted as outdated", n)
	}
	c.deletedAndSecured(t, up)
	wantOpen(t, "after a deletion and a notice", stays...)
	// A node that hears nothing for a while makes up for it.
	x := c.a.newUser(t)
	ofX := c.b.both(t, x.access)
	c.bRedis.Set(t, testproxy.Faults{Cut: true})
	c.bData.Set(t, testproxy.Faults{Cut: true})
	c.a.api(t, "POST", "/logout", nil, call{bearer: x.access}).must(t, 204, "")
	inTime(t, time.Minute, "the feed is known to be down", func() bool { return c.b.metric(t, "gatehouse_revocation_feed_up") == 0 })
	wantOpen(t, "while nobody can know", ofX...)
	c.bRedis.Set(t, testproxy.Faults{})
	c.bData.Set(t, testproxy.Faults{})
	t.Logf("after both sources were away for a while: within %s", up.wantClosed(t, time.Now(), 1008, ofX...))
	wantOpen(t, "to the end", stays...)
}

// deletedAndSecured: what a deletion and the link "This was not me" end is cut on both nodes.
func (c *cluster) deletedAndSecured(t *testing.T, up *liveUpstream) {
	t.Helper()
	leaver, owner := c.a.newUser(t), c.a.newUser(t)
	cut := append(c.a.both(t, leaver.access), c.b.both(t, leaver.access)...)
	wantOpen(t, "before the deletion", cut...)
	c.b.api(t, "DELETE", "/me", nil, call{bearer: leaver.access}).must(t, 204, "")
	t.Logf("after a deletion clients learn within %s", up.wantClosed(t, time.Now(), 1008, cut...))

	c.a.api(t, "PATCH", "/me", object{"username": owner.username + ".thief"}, call{bearer: owner.access}).must(t, 200, "")
	token := c.a.ofKind(t, owner.email, "username_changed").token
	thief := c.a.signIn(t, owner, false)
	cut = append(append(c.a.both(t, thief.access), c.b.both(t, thief.access)...), c.b.both(t, owner.access)...)
	wantOpen(t, "before the owner takes it back", cut...)
	c.a.api(t, "POST", "/secure", object{"token": token}).must(t, 200, "")
	t.Logf("after \"This was not me\" clients learn within %s", up.wantClosed(t, time.Now(), 1008, cut...))
}

// TestS13_AcrossReloads: connections of a configuration that is gone end with their session like any others; and where
// nobody would hear of its revocation any more, at once.
func TestS13_AcrossReloads(t *testing.T) {
	t.Parallel()
	up := newLiveUpstream(t)
	p := livePlan(up)
	p.caddy += "\n\tgrace_period 1m"
	g := start(t, p)
	u, other := g.newUser(t), g.newUser(t)
	open, stays := g.both(t, u.access), g.both(t, other.access)
	for n := range 2 {
		next := p
		next.global = fmt.Sprintf("access_lifetime %dm", n+7)
		g.mustReload(t, next)
		wantOpen(t, "after a reload", slices.Concat(open, stays)...)
	}
	g.api(t, "POST", "/logout", nil, call{bearer: u.access}).must(t, 204, "")
	up.wantClosed(t, time.Now(), 1008, open...)
	wantOpen(t, "after the end of another", stays...)

	elsewhere := p
	elsewhere.dataDir = "<dir>/elsewhere"
	since := time.Now()
	g.mustReload(t, elsewhere)
	up.wantClosed(t, since, 1012, stays[0])
}

// TestS13_StaleView: a node that cannot learn of revocations keeps no connection that it would not open.
func TestS13_StaleView(t *testing.T) {
	t.Parallel()
	up := newLiveUpstream(t)
	database := testpg.Database(t)
	proxy, through := proxied(t, database)
	site := strings.ReplaceAll(liveSites[:strings.Index(liveSites, "https:")], "<service>", up.addr)
	serves := strings.NewReplacer("<port>", "<port3>", "gatehouse_guard", "gatehouse_guard {\n\t\ton_stale serve\n\t}").Replace(site)
	g := nodeBeside(t, plan{postgres: true, caddy: "metrics", site: site + serves, global: "max_staleness 3s", env: []string{"TEST_DATABASE=" + through}}, database)
	u := g.newUser(t)
	open, stays := g.both(t, u.access), g.eventStream(t, call{base: fmt.Sprintf("http://127.0.0.1:%d", g.Port3), client: g.client}, "*/*", "Authorization", "Bearer "+u.access)
	wantOpen(t, "before", append(open, stays)...)
	proxy.Set(t, testproxy.Faults{Stalled: true})
	since := time.Now()
	for _, l := range open {
		l.wantClosed(t, since, 3*time.Second+liveLimit, 1013)
	}
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 503, "unavailable")
	stays.wantOpen(t, "where the guard serves on")
}

// TestS13_WithoutARevocation: what ended by itself, or without this node's hearing of it, ends its connections within half
// a minute.
func TestS13_WithoutARevocation(t *testing.T) {
	t.Parallel()
	up := newLiveUpstream(t)
	g := start(t, livePlan(up))
	expired, disabled, lives := g.newUser(t), g.newUser(t), g.newUser(t)
	open, stays := append(g.both(t, expired.access), g.both(t, disabled.access)...), g.both(t, lives.access)
	g.exec(t, `update sessions set refresh_expires_at = 1, access_until = 1 where id = '`+expired.sid+`'`)
	g.exec(t, `update users set disabled_at = 1 where id = '`+disabled.id+`'`)
	since := time.Now()
	for _, l := range open {
		l.wantClosed(t, since, 31*time.Second+liveLimit, 1008)
	}
	wantOpen(t, "after half a minute", stays...)
}

// TestS13_ManyComeAndGo: connections leave nothing behind, however they end.
func TestS13_ManyComeAndGo(t *testing.T) {
	t.Parallel()
	up := newLiveUpstream(t)
	g := start(t, livePlan(up))
	u := g.newUser(t)
	g.both(t, g.signIn(t, u, false).access)
	var opened atomic.Int64
	rounds := soak.N(2, 20)
	goroutines, files := g.holdings(t)
	for range rounds {
		s := g.signIn(t, u, false)
		var open []*liveConn
		for range 10 {
			open = append(open, g.both(t, s.access)...)
		}
		opened.Add(int64(len(open)))
		g.api(t, "POST", "/logout", nil, call{bearer: s.access}).must(t, http.StatusNoContent, "")
		up.wantClosed(t, time.Now(), 1008, open...)
	}
	g.client.CloseIdleConnections()
	eventually(t, "goroutines and files are given back", func() bool {
		nowGoroutines, nowFiles := g.holdings(t)
		return nowGoroutines <= goroutines+10 && nowFiles <= files+10
	})
}
