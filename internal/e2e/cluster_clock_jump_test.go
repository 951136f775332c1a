package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// jumped is people on two nodes, before and while the clock of the first node's machine is set by somebody.
type jumped struct {
	*cluster
	t             *testing.T
	live, browser *user
	out           *user // signed out before
	early         *user // to whom a code was sent before
	earlyCode     string
	late          *user // to whom one is sent meanwhile
	lateCode      string
	verify        call // with a code that was sent before
	address       call // whose limit is used up
}

// TestCluster_ClockJumps: somebody sets the clock of a running node's machine, and sets it right again. Meanwhile that node issues
// nothing and goes on guarding; nothing that is revoked passes, and codes and limits last as long as ever. Then it is as before.
func TestCluster_ClockJumps(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{clock: true, caddy: behindProxy, global: "\t\trate_limit token_verify " + strconv.Itoa(outageLimit) + "/1h\n"})
	pids := [2]int{c.a.PID(), c.b.PID()}
	var says []string
	for i, by := range []time.Duration{-5 * time.Minute, time.Hour, -time.Hour} {
		j := c.beforeJump(t, "198.51.100."+strconv.Itoa(i))
		onA, onB := c.a.traffic(t, 1, 5*time.Millisecond, j.live.access), c.b.traffic(t, 1, 5*time.Millisecond, j.live.access)
		c.a.misset(t, by)
		says = append(says, "wrong")
		c.a.clockSays(t, says...)
		c.a.ahead(t, by.Seconds())
		j.issuesNothing()
		j.endsHold()
		j.codesAreGood()
		j.limitHolds()
		if onA() == 0 || onB() == 0 {
			t.Error("nobody was served")
		}
		j.timesRunOut()
		fresh := c.b.signIn(t, j.live, false)
		onA = c.a.traffic(t, 1, 5*time.Millisecond, fresh.access)
		c.a.misset(t, 0)
		says = append(says, "right")
		c.a.clockSays(t, says...)
		j.asBefore(fresh)
		if onA() == 0 {
			t.Error("nobody was served")
		}
	}
	c.b.clockSays(t)
	if pids != [2]int{c.a.PID(), c.b.PID()} {
		t.Error("a node was restarted")
	}
}

func (c *cluster) beforeJump(t *testing.T, from string) *jumped {
	t.Helper()
	j := &jumped{cluster: c, t: t, live: c.a.newUser(t), browser: c.a.newBrowser(t), early: c.a.newUser(t), late: c.a.newUser(t),
		address: call{header: map[string]string{"X-Forwarded-For": from}}}
	j.out = c.a.signIn(t, j.live, false)
	c.b.do(t, call{path: "/x", bearer: j.out.access}).must(t, 200, "")
	c.a.api(t, "POST", "/logout", nil, call{bearer: j.out.access}).must(t, http.StatusNoContent, "")
	email := freshEmail()
	proof := c.a.api(t, "POST", "/register", object{"email": email, "password": password}).must(t, 202, "").text("registration")
	j.verify = call{method: "POST", path: "/auth/verify", body: object{"email": email, "otp": c.a.waitMail(t, email, 1).code, "registration": proof}}
	j.earlyCode = j.forgets(j.early)
	for i := range outageLimit {
		[]*gateway{c.a, c.b}[i%2].api(t, "POST", "/token/verify", object{"token": "x"}, j.address).must(t, 200, "")
	}
	return j
}

// forgets asks the first node for a code to reset a password by.
func (j *jumped) forgets(u *user) (code string) {
	j.t.Helper()
	j.a.api(j.t, "POST", "/password/forgot", object{"login": u.email}).must(j.t, 202, "")
	return j.a.waitMail(j.t, u.email, 2).code
}

// resets resets a password by a code.
func (j *jumped) resets(g *gateway, u *user, code string) answer {
	j.t.Helper()
	return g.api(j.t, "POST", "/password/reset", object{"login": u.email, "otp": code, "new_password": "another lantern 12"})
}

// issuesNothing demands that the node with the wrong clock issues nothing, and that nothing is spent by what it refuses.
func (j *jumped) issuesNothing() {
	t, a, b := j.t, j.a, j.b
	t.Helper()
	a.api(t, "GET", "/readyz", nil).want(t, 503, "unavailable")
	b.api(t, "GET", "/readyz", nil).must(t, 200, "")
	count := func() int64 {
		return a.count(t, "select count(*) from sessions") + a.count(t, "select count(*) from users")
	}
	before := count()
	a.refusesToIssue(t, call{method: "POST", path: "/auth/login", body: object{"login": j.live.email, "password": password}})
	a.refusesToIssue(t, refreshing(j.live.refresh, firefox))
	a.refusesToIssue(t, j.verify)
	if now := count(); now != before {
		t.Errorf("%d rows came of what was refused", now-before)
	}
	j.live.refresh = b.do(t, refreshing(j.live.refresh, firefox)).must(t, 200, "").text("refresh_token")
	b.do(t, j.verify).must(t, 200, "")
}

// endsHold demands that whoever was or is signed out, on either node, is refused by both.
func (j *jumped) endsHold() {
	t := j.t
	t.Helper()
	gone := []*user{j.out}
	for _, way := range [][2]*gateway{{j.a, j.b}, {j.b, j.a}} {
		s := j.b.signIn(t, j.live, false)
		way[1].do(t, call{path: "/x", bearer: s.access}).must(t, 200, "")
		way[0].api(t, "POST", "/logout", nil, call{bearer: s.access}).must(t, http.StatusNoContent, "")
		if took := way[1].refusedAfter(t, s.access, time.Now()); took > time.Second {
			t.Errorf("who signed out passed for %s on the other node", took)
		}
		gone = append(gone, s)
	}
	for _, s := range gone {
		for _, g := range []*gateway{j.a, j.b} {
			g.do(t, call{path: "/x", bearer: s.access}).want(t, 401, "invalid_token")
		}
	}
}

// codesAreGood demands that a code of before is good on the node with the wrong clock, and one that it sends now on the other.
func (j *jumped) codesAreGood() {
	j.t.Helper()
	j.resets(j.a, j.early, j.earlyCode).want(j.t, http.StatusNoContent, "")
	now := j.a.newcomer(j.t, j.b)
	j.resets(j.b, now, j.forgets(now)).want(j.t, http.StatusNoContent, "")
	j.lateCode = j.forgets(j.late)
}

// newcomer is newUser where this node sends the mail and the other one, which may issue, signs them in.
func (g *gateway) newcomer(t testing.TB, other *gateway) *user {
	t.Helper()
	u := &user{email: freshEmail(), password: password}
	proof := g.api(t, "POST", "/register", object{"email": u.email, "password": u.password}).must(t, 202, "").text("registration")
	u.take(t, other.api(t, "POST", "/verify", object{"email": u.email, "otp": g.waitMail(t, u.email, 1).code, "registration": proof}).must(t, 200, ""))
	return u
}

// limitHolds demands that an address that has used up its limit gets no more by the jump.
func (j *jumped) limitHolds() {
	j.t.Helper()
	for _, g := range []*gateway{j.a, j.b} {
		g.api(j.t, "POST", "/token/verify", object{"token": "x"}, j.address).want(j.t, 429, "rate_limited")
	}
}

// timesRunOut demands that codes and tokens are dead on both nodes when their time is over.
func (j *jumped) timesRunOut() {
	t := j.t
	t.Helper()
	const codes = 10 * time.Minute
	for _, g := range []*gateway{j.a, j.b} {
		g.advance(t, codes+time.Second)
	}
	for _, g := range []*gateway{j.a, j.b} {
		j.resets(g, j.late, j.lateCode).want(t, 400, "invalid_code")
	}
	for _, bearer := range []string{j.live.access, j.out.access} {
		j.b.do(t, call{path: "/x", bearer: bearer}).want(t, 401, "invalid_token")
		j.a.refusesToIssue(t, call{path: "/x", bearer: bearer}) // it knows that it does not know the time
	}
	if kept := j.a.refusesToIssue(t, call{path: "/x", cookies: j.browser.cookies}); len(kept.setCookies(t)) != 0 {
		t.Errorf("cookies are taken: %v", kept.header)
	}
}

// asBefore demands that the node whose clock is right again does everything.
func (j *jumped) asBefore(fresh *user) {
	t, a, b := j.t, j.a, j.b
	t.Helper()
	a.ahead(t, 0)
	a.api(t, "GET", "/readyz", nil).must(t, 200, "")
	a.do(t, call{path: "/x", cookies: j.browser.cookies}).must(t, 200, "")
	a.newUser(t)
	renewed := a.do(t, refreshing(fresh.refresh, firefox)).must(t, 200, "").text("access_token")
	b.do(t, call{path: "/x", bearer: renewed}).must(t, 200, "")
	for _, g := range []*gateway{a, b} {
		g.do(t, call{path: "/x", bearer: j.out.access}).want(t, 401, "invalid_token")
		j.resets(g, j.late, j.lateCode).want(t, 400, "invalid_code")
	}
}

// movableClock makes a database show another time than its server's: as many seconds later as skewed.clock says.
const movableClock = `create schema skewed;
create table skewed.clock (seconds double precision not null);
insert into skewed.clock values (0);
create function skewed.clock_timestamp() returns timestamptz language sql volatile as
	'select pg_catalog.clock_timestamp() + (select seconds * interval ''1 second'' from skewed.clock)';
do $$ begin execute format('alter database %I set search_path = public, skewed, pg_catalog', current_database()); end $$`

// TestCluster_DatabaseClockJumps: somebody sets the clock of the database's machine, and sets it right again. Meanwhile no node
// issues anything, nothing revoked passes, and nobody's cookies are taken. Nothing is lost by it, and then all is as before.
func TestCluster_DatabaseClockJumps(t *testing.T) {
	t.Parallel()
	database := testpg.Database(t)
	(&gateway{database: database}).exec(t, movableClock)
	c := startClusterOn(t, plan{}, database)
	u, browser, forgetful := c.a.newUser(t), c.a.newBrowser(t), c.a.newUser(t)
	out := c.a.signIn(t, u, false)
	c.a.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, http.StatusNoContent, "")
	c.b.refusedAfter(t, out.access, time.Now())
	c.a.api(t, "POST", "/password/forgot", object{"login": forgetful.email}).must(t, 202, "")
	code := c.a.waitMail(t, forgetful.email, 2).code
	var says []string
	for _, by := range []time.Duration{-5 * time.Minute, time.Hour, -time.Hour} {
		c.goOn(t, u, browser, out)
		unseen := slices.Collect(maps.Values(c.sessions(t, forgetful, 1)))
		c.a.exec(t, fmt.Sprintf("update skewed.clock set seconds = %f", by.Seconds()))
		says = append(says, "wrong")
		for _, g := range []*gateway{c.a, c.b} {
			g.clockSays(t, says...)
			g.ahead(t, -by.Seconds())
			g.api(t, "GET", "/readyz", nil).want(t, 503, "unavailable")
			g.refusesToIssue(t, call{method: "POST", path: "/auth/login", body: object{"login": u.email, "password": password}})
			g.refusesToIssue(t, refreshing(u.refresh, firefox))
			// It is known to be refused for half a minute (401); after that nobody knows before the clock is right again.
			if ended := g.api(t, "POST", "/refresh", object{"refresh_token": out.refresh}); ended.status != 401 && ended.status != 503 {
				t.Errorf("a session that was ended is renewed: %d", ended.status)
			}
			g.refusesToIssue(t, call{path: "/x", bearer: unseen[0]}) // by that time it has expired, or is of the future
			who := call{path: "/x", cookies: browser.cookies}
			if by < 0 {
				g.do(t, who).want(t, 200, "")
				g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
				g.do(t, call{path: "/x", bearer: out.access}).want(t, 401, "invalid_token")
				continue
			}
			// All tokens have expired by that time.
			g.refusesToIssue(t, call{path: "/x", bearer: u.access})
			if kept := g.refusesToIssue(t, who); len(kept.setCookies(t)) != 0 {
				t.Errorf("cookies are taken: %v", kept.header)
			}
		}
		c.a.exec(t, "update skewed.clock set seconds = 0")
		says = append(says, "right")
		for _, g := range []*gateway{c.a, c.b} {
			g.clockSays(t, says...)
			g.api(t, "GET", "/readyz", nil).must(t, 200, "")
		}
	}
	c.goOn(t, u, browser, out)
	c.b.api(t, "POST", "/password/reset", object{"login": forgetful.email, "otp": code, "new_password": "another lantern 12"}).want(t, http.StatusNoContent, "")
}

// goOn demands that who is signed in passes on both nodes and can refresh there, and that who is signed out can neither.
func (c *cluster) goOn(t *testing.T, u, browser, out *user) {
	t.Helper()
	for _, g := range []*gateway{c.a, c.b} {
		u.take(t, g.do(t, refreshing(u.refresh, firefox)).must(t, 200, ""))
		g.do(t, call{path: "/x", bearer: out.access}).want(t, 401, "invalid_token")
		g.api(t, "POST", "/refresh", object{"refresh_token": out.refresh}).want(t, 401, "invalid_refresh_token")
	}
	for _, g := range []*gateway{c.a, c.b, c.a, c.b} { // each remembers the tokens: they are kept at the second sight
		g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
		g.do(t, call{path: "/x", cookies: browser.cookies}).must(t, 200, "")
	}
}
