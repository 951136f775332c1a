package e2e

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"
)

// clockSays waits until the log has these states of the clock, in this order and no others.
func (g *gateway) clockSays(t testing.TB, states ...string) {
	t.Helper()
	var got []string
	defer func() {
		if t.Failed() {
			t.Logf("the log says of the clock: %q", got)
		}
	}()
	eventually(t, "the log says of the clock: "+strings.Join(states, ", "), func() bool {
		lines, _ := g.healthLines(t, "clock")
		got = nil
		for _, l := range lines {
			got = append(got, l.State)
		}
		return strings.Join(got, " ") == strings.Join(states, " ")
	})
}

// ahead waits until the metric says by how many seconds the node's clock is ahead of the database's.
func (g *gateway) ahead(t testing.TB, seconds float64) {
	t.Helper()
	eventually(t, "the metric says how wrong the clock is", func() bool {
		return math.Abs(g.metric(t, "gatehouse_clock_skew_seconds")-seconds) < 2
	})
}

// TestCluster_ClockOff: nodes whose machines' clocks differ by half a minute are as one: nobody is signed out for it, and no token, lock
// or revocation is taken for older or younger than it is.
func TestCluster_ClockOff(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{clock: true})
	c.a.ahead(t, 0)
	for _, by := range []time.Duration{30 * time.Second, -30 * time.Second} {
		c.a.misset(t, by)
		c.a.ahead(t, by.Seconds())
		c.a.clockSays(t, "off")
		c.a.api(t, "GET", "/readyz", nil).must(t, 200, "")
		earliest := time.Now().Add(c.a.offset - 2*time.Second).Unix()
		u := c.a.newUser(t)
		latest := time.Now().Add(c.a.offset + 2*time.Second).Unix()
		if issued, err := members(t, u.access, 1)["iat"].(json.Number).Int64(); err != nil || issued < earliest || issued > latest {
			t.Errorf("a token was issued at %d (%v), and it was between %d and %d", issued, err, earliest, latest)
		}
		c.b.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")

		// A second tab asks the other node.
		for _, way := range [][2]*gateway{{c.b, c.a}, {c.a, c.b}} {
			old := u.refresh
			first := way[0].do(t, refreshing(old, firefox)).must(t, 200, "")
			again := way[1].do(t, refreshing(old, firefox)).must(t, 200, "")
			if u.take(t, first); again.text("refresh_token") != u.refresh {
				t.Error("two successors")
			}
			u.refresh = way[1].do(t, refreshing(u.refresh, firefox)).must(t, 200, "").text("refresh_token")
		}
		// Eleven seconds after the rotation the leeway is over on both.
		old := u.refresh
		c.a.do(t, refreshing(old, firefox)).must(t, 200, "")
		c.a.advance(t, 11*time.Second)
		c.b.advance(t, 11*time.Second)
		c.b.do(t, refreshing(old, firefox)).want(t, 401, "refresh_token_reused")
		c.a.refusedAfter(t, u.access, time.Now())
	}
	c.a.misset(t, 0)
	c.a.clockSays(t, "off", "right")
	c.b.clockSays(t)
}

// TestCluster_ClockWrong: a node whose clock is wrong by minutes issues nothing and says so; it goes on guarding, by the time of the
// others, and takes nothing from them. When its clock is right again it is as before.
func TestCluster_ClockWrong(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{clock: true})
	u, browser := c.a.newUser(t), c.a.newBrowser(t)
	newcomer := freshEmail()
	proof := c.a.api(t, "POST", "/register", object{"email": newcomer, "password": password}).must(t, 202, "").text("registration")
	code := c.a.waitMail(t, newcomer, 1).code

	c.a.misset(t, 6*time.Minute)
	c.a.clockSays(t, "wrong")
	c.a.ahead(t, 360)
	unready := c.a.api(t, "GET", "/readyz", nil).want(t, 503, "unavailable")
	if !strings.Contains(string(unready.body), "the clock of this node is wrong") || c.a.metric(t, "gatehouse_ready") != 0 {
		t.Errorf("readyz says %s, the metric %v", unready.body, c.a.metric(t, "gatehouse_ready"))
	}
	c.b.api(t, "GET", "/readyz", nil).must(t, 200, "")

	// Nothing is spent by what is refused.
	c.a.refusesToIssue(t, call{method: "POST", path: "/auth/login", body: object{"login": u.email, "password": password}})
	c.b.signIn(t, u, false)
	verify := call{method: "POST", path: "/auth/verify", body: object{"email": newcomer, "otp": code, "registration": proof}}
	c.a.refusesToIssue(t, verify)
	c.b.do(t, verify).must(t, 200, "")
	c.a.refusesToIssue(t, refreshing(u.refresh, firefox))
	c.b.do(t, refreshing(u.refresh, firefox)).must(t, 200, "")

	// It guards, and heeds what the others say. What is revoked stays so.
	c.a.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
	c.b.api(t, "POST", "/logout", nil, call{bearer: u.access}).must(t, http.StatusNoContent, "")
	inTime(t, 5*time.Second, "the node with the wrong clock knows of the sign-out", func() bool {
		return c.a.do(t, call{path: "/x", bearer: u.access}).status == http.StatusUnauthorized
	})
	for _, g := range []*gateway{c.a, c.b} {
		g.Kill()
		g.client.CloseIdleConnections()
		g.restart(t)
		g.do(t, call{path: "/x", bearer: u.access}).want(t, 401, "invalid_token")
	}
	c.a.clockSays(t, "wrong", "wrong")
	c.a.do(t, call{path: "/x", cookies: browser.cookies}).must(t, 200, "")

	// A browser whose cookie has to be renewed keeps it.
	for _, g := range []*gateway{c.a, c.b} {
		g.advance(t, 6*time.Minute)
	}
	if kept := c.a.refusesToIssue(t, call{path: "/x", cookies: browser.cookies}); len(kept.setCookies(t)) != 0 {
		t.Errorf("cookies are taken: %v", kept.header)
	}
	c.a.misset(t, 0)
	c.a.clockSays(t, "wrong", "wrong", "right")
	c.a.api(t, "GET", "/readyz", nil).must(t, 200, "")
	c.a.do(t, call{path: "/x", cookies: browser.cookies}).must(t, 200, "")
	c.a.signIn(t, browser, false)
	c.b.clockSays(t)
}

// refusesToIssue makes a call that is to be refused until the clock is right.
func (g *gateway) refusesToIssue(t testing.TB, c call) answer {
	t.Helper()
	a := g.do(t, c).want(t, 503, "unavailable")
	if a.header.Get("Retry-After") == "" || !strings.Contains(string(a.body), "clock") {
		t.Errorf("refused by %v %s", a.header, a.body)
	}
	return a
}
