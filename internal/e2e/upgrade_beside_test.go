//go:build upgrade

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// bothWays is beside, for what begins on the first node and for what begins on the second.
func (f *fleet) bothWays() {
	f.t.Helper()
	f.beside(f.nodes[0], f.nodes[1])
	f.beside(f.nodes[1], f.nodes[0])
}

// beside begins everything on one node and ends it on the other: each reads the other's tokens and rows, and heeds its
// revocations within a second.
func (f *fleet) beside(x, y *gateway) {
	t := f.t
	t.Helper()
	u := f.person(x, y)
	for _, g := range []*gateway{x, y} {
		if e := g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "").echo(t); e.get(t, "Remote-Sub") != u.id {
			t.Errorf("the upstream was told of %q", e.get(t, "Remote-Sub"))
		}
	}
	f.tokens(x, y, u)
	f.ends(x, y, u)
	f.codes(x, y, u)
	f.counts(x, y)
}

// person registers on one node and verifies on the other.
func (f *fleet) person(x, y *gateway) *user {
	f.t.Helper()
	u := &user{email: freshEmail(), password: password}
	proof := x.api(f.t, "POST", "/register", object{"email": u.email, "password": u.password}).must(f.t, 202, "").text("registration")
	code := f.waitMail(f.t, u.email, 1).code
	x.api(f.t, "POST", "/verify", object{"email": u.email, "otp": wrongCode(code, 1), "registration": proof}).want(f.t, 400, "invalid_code")
	u.take(f.t, y.api(f.t, "POST", "/verify", object{"email": u.email, "otp": code, "registration": proof}).must(f.t, 200, ""))
	return u
}

// tokens of one node are renewed on the other.
func (f *fleet) tokens(x, y *gateway, u *user) {
	t := f.t
	t.Helper()
	b := x.signIn(t, u, true)
	y.do(t, call{path: "/x", cookies: b.cookies}).must(t, 200, "")
	b.takeCookies(t, y.do(t, call{path: "/x", cookies: map[string]string{"gatehouse_refresh": b.cookies["gatehouse_refresh"]}}).must(t, 200, ""))
	x.do(t, call{path: "/x", cookies: b.cookies, header: page}).must(t, 200, "")

	s := x.signIn(t, u, false)
	if !y.api(t, "POST", "/token/verify", object{"token": s.access}, call{header: map[string]string{"X-Forwarded-For": fmt.Sprintf("2001:db8:1:%x::1", userNumber.Add(1))}}).
		must(t, 200, "").json(t)["active"].(bool) {
		t.Error("token/verify takes a token of the other node for a dead one")
	}
	old := s.refresh
	both := append(x.atOnce(t, 10, func(int) call { return post("/refresh", object{"refresh_token": old}) }), y.api(t, "POST", "/refresh", object{"refresh_token": old}))
	for _, a := range both {
		if a.status != 200 || a.text("refresh_token") != both[0].text("refresh_token") {
			t.Errorf("one of many refreshes at once: %d %s", a.status, a.code())
		}
	}
	s.refresh, s.access = both[0].text("refresh_token"), both[0].text("access_token")
	s.take(t, y.api(t, "POST", "/refresh", object{"refresh_token": s.refresh}).must(t, 200, ""))
	// The first one again is theft, whoever made it and whoever sees it.
	x.do(t, call{path: "/x", bearer: s.access}).must(t, 200, "")
	y.api(t, "POST", "/refresh", object{"refresh_token": old}).want(t, 401, "refresh_token_reused")
	f.heeded("a replay", x, s.access)
}

// heeded demands that a node refuses a token within a second from now.
func (f *fleet) heeded(what string, g *gateway, token string) {
	f.t.Helper()
	if took := g.refusedAfter(f.t, token, time.Now()); took > time.Second {
		f.t.Errorf("%s on the other node was heeded after %s", what, took)
	}
}

// ends of sessions on one node are heeded by the other.
func (f *fleet) ends(x, y *gateway, u *user) {
	t := f.t
	t.Helper()
	knownTo := func(s *user) *user { y.do(t, call{path: "/x", bearer: s.access}).must(t, 200, ""); return s }
	out := knownTo(x.signIn(t, u, false))
	x.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
	f.heeded("a sign-out", y, out.access)
	y.api(t, "POST", "/refresh", object{"refresh_token": out.refresh}).want(t, 401, "invalid_refresh_token")

	me, other := knownTo(y.signIn(t, u, false)), knownTo(x.signIn(t, u, false))
	if x, y := f.sessionsSeen(x, me), f.sessionsSeen(y, me); !slices.Equal(x, y) || !slices.Contains(x, other.sid) {
		t.Errorf("the two nodes list sessions %v and %v", x, y)
	}
	x.api(t, "DELETE", "/sessions/"+other.sid, nil, call{bearer: me.access}).must(t, 204, "")
	f.heeded("the end of another session", y, other.access)
	me, other = knownTo(y.signIn(t, u, false)), knownTo(x.signIn(t, u, false))
	x.api(t, "POST", "/sessions/revoke", object{"others": true}, call{bearer: me.access}).must(t, 200, "")
	f.heeded("the end of all others", y, other.access)
	y.do(t, call{path: "/x", bearer: me.access}).want(t, 200, "")

	me = knownTo(y.signIn(t, u, false))
	next := fmt.Sprintf("lantern granite %d", userNumber.Add(1))
	x.api(t, "POST", "/me/password", object{"current_password": u.password, "new_password": next}, call{bearer: me.access}).must(t, 204, "")
	f.heeded("a change of password", y, me.access)
	y.api(t, "POST", "/login", object{"login": u.email, "password": u.password}).want(t, 401, "invalid_credentials")
	u.password = next
	y.signIn(t, u, false)
}

func (f *fleet) sessionsSeen(g *gateway, u *user) (ids []string) {
	f.t.Helper()
	for _, s := range g.api(f.t, "GET", "/sessions", nil, call{bearer: u.access}).must(f.t, 200, "").json(f.t)["sessions"].([]any) {
		ids = append(ids, s.(object)["id"].(string))
	}
	slices.Sort(ids)
	return ids
}

// codes that one node has sent are good on the other.
func (f *fleet) codes(x, y *gateway, u *user) {
	t := f.t
	t.Helper()
	code, err := f.codeToReset(x, u)
	if err != nil {
		t.Fatal(err)
	}
	s := x.signIn(t, u, false)
	u.password = fmt.Sprintf("lantern winter %d", userNumber.Add(1))
	y.api(t, "POST", "/password/reset", object{"login": u.email, "otp": code, "new_password": u.password}).must(t, 204, "")
	f.heeded("a reset of the password", x, s.access)
	y.signIn(t, u, false)
}

// counts of failures and of requests are one on both.
func (f *fleet) counts(x, y *gateway) {
	t := f.t
	t.Helper()
	victim := freshEmail()
	for i := range 5 {
		[]*gateway{x, y}[i%2].api(t, "POST", "/login", object{"login": victim, "password": "wrong granite lantern 7"}).want(t, 401, "invalid_credentials")
	}
	for _, g := range []*gateway{x, y} {
		g.api(t, "POST", "/login", object{"login": victim, "password": "wrong granite lantern 7"}).want(t, 429, "account_locked")
	}
	from := call{header: map[string]string{"X-Forwarded-For": fmt.Sprintf("2001:db8:2:%x::1", userNumber.Add(1))}}
	let := 0
	for i := range 2 * outageLimit {
		if a := []*gateway{x, y}[i%2].api(t, "POST", "/token/verify", object{"token": "x"}, from); a.status == http.StatusOK {
			let++
		}
	}
	if let == 0 || let > outageLimit {
		t.Errorf("%d requests of an address were let through, at most %d should be", let, outageLimit)
	}
}

// withoutRedis demands that the nodes learn of each other's revocations from the database alone.
func (f *fleet) withoutRedis(x, y *gateway) {
	t := f.t
	t.Helper()
	u := f.person(x, y)
	s := y.signIn(t, u, false)
	y.do(t, call{path: "/x", bearer: s.access}).must(t, 200, "")
	f.redis.Freeze()
	var thaw sync.Once
	defer thaw.Do(f.redis.Thaw)
	s = y.signIn(t, u, false)
	x.api(t, "POST", "/logout", nil, call{bearer: s.access}).must(t, 204, "")
	took := y.refusedAfter(t, s.access, time.Now())
	t.Logf("without Redis a sign-out on the other node was heeded after %s", took)
	if took > 5*time.Second {
		t.Errorf("without Redis a sign-out was heeded after %s", took)
	}
	f.feedIs("does not work", 0)
	thaw.Do(f.redis.Thaw)
	f.feedIs("works again", 1)
	for _, g := range []*gateway{x, y} {
		// Until limits are counted together again mails are refused. The release before has no word for that.
		eventually(t, "limits are counted together", func() bool { return g.metric(t, "gatehouse_redis_counters_up") != 0 })
		g.api(t, "GET", "/readyz", nil).must(t, 200, "")
	}
}

// feedIs waits until both nodes say of their feed whether it works.
func (f *fleet) feedIs(what string, up float64) {
	f.t.Helper()
	for _, g := range f.nodes {
		eventually(f.t, "the feed "+what, func() bool { return g.metric(f.t, "gatehouse_revocation_feed_up") == up })
	}
}
