package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
)

// outage is something that breaks below two nodes, and what is promised while it lasts. What is promised at all times
// stands in during and after.
type outage struct {
	name   string
	breaks func(s *scene)
	mends  func(s *scene)
	// writes: sign-in, refresh, codes and sign-out go on; else they are 503.
	writes bool
	// sends: mails go on; else what would send one is 503. unsure says that either may be.
	sends, unsure bool
	// loosens is how many more requests than it may an address gets through, because Redis loses what it has counted.
	loosens int
	// empties: Redis does not know the nodes afterwards, until they have told it again.
	empties bool
}

// scene is a cluster on servers of its own, with people on it before something breaks.
type scene struct {
	*cluster
	t        *testing.T
	postgres *testpg.Server
	live     *user // never signs out
	browser  *user
	revoked  []*user
	number   int
}

// outageLimit is what one address may ask of token/verify.
const outageLimit = 6

func newScene(t *testing.T, options testpg.Options, global string) *scene {
	t.Helper()
	server := testpg.New(t, options)
	return newSceneOn(t, server, server.Database(t), global)
}

// newSceneOn is newScene on a database that is reached otherwise than directly.
func newSceneOn(t *testing.T, server *testpg.Server, database, global string) *scene {
	t.Helper()
	s := &scene{t: t, postgres: server}
	s.cluster = startClusterOn(t, plan{caddy: behindProxy, global: global + "\n\t\trate_limit token_verify " + strconv.Itoa(outageLimit) + "/1h"}, database)
	s.live, s.browser = s.a.newUser(t), s.b.newBrowserAt(t, s.a)
	s.knowEachOther()
	return s
}

// knowEachOther waits until each node has heard from Redis that there are two.
func (s *scene) knowEachOther() {
	s.t.Helper()
	seen := func() map[any]any {
		nodes := map[any]any{}
		list, _ := s.redis.Do("ZRANGE", "gatehouse:nodes", 0, -1, "WITHSCORES").([]any)
		for i := 0; i+1 < len(list); i += 2 {
			nodes[list[i]] = list[i+1]
		}
		return nodes
	}
	var before map[any]any
	eventually(s.t, "Redis knows both nodes", func() bool { before = seen(); return len(before) == 2 })
	eventually(s.t, "both nodes have asked since", func() bool {
		for node, at := range seen() {
			if before[node] == at {
				return false
			}
		}
		return true
	})
}

// newBrowserAt is newBrowser on a node whose mails lie in another one's outbox.
func (g *gateway) newBrowserAt(t testing.TB, outbox *gateway) *user {
	t.Helper()
	u := outbox.newUser(t)
	return g.signIn(t, u, true)
}

// errand is what somebody is about to do when it breaks.
type errand struct {
	turner, renewer *user // whose access tokens have expired
	leaver          *user
	email, proof    string // a registration whose code has arrived
	code            string
	from            string // the address that limits are counted by
}

func (s *scene) errand() *errand {
	s.t.Helper()
	t := s.t
	s.number++
	e := &errand{turner: s.a.signIn(t, s.live, false), renewer: s.b.signIn(t, s.live, true), leaver: s.b.signIn(t, s.live, false),
		email: freshEmail(), from: fmt.Sprintf("198.51.100.%d", s.number)}
	e.proof = s.a.api(t, "POST", "/register", object{"email": e.email, "password": password}).must(t, 202, "").text("registration")
	e.code = s.a.waitMail(t, e.email, 1).code
	out := s.a.signIn(t, s.live, false)
	s.b.do(t, call{path: "/x", bearer: out.access}).must(t, 200, "")
	s.a.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
	s.b.refusedAfter(t, out.access, time.Now())
	s.revoked = append(s.revoked, out)
	for i := range spentBefore { // each node knows of it
		[]*gateway{s.a, s.b}[i%2].api(t, "POST", "/token/verify", object{"token": "x"}, call{header: map[string]string{"X-Forwarded-For": e.from}}).must(t, 200, "")
	}
	return e
}

// answered says how a call that writes has to be answered: with the status, or with 503 that says when to come back and
// takes no cookie. Two tries are one: a request may find a connection that has just died, or a busy machine.
func (s *scene) answered(what string, g *gateway, c call, status int, open, unsure bool) (answer, bool) {
	s.t.Helper()
	var a answer
	var took time.Duration
	for range 3 {
		began := time.Now()
		a = g.do(s.t, c)
		took = time.Since(began)
		if a.status == 401 || a.status == 302 || a.status == 303 || a.status >= 500 && a.status != 503 {
			break
		}
		if a.status == 503 && a.header.Get("Retry-After") == "" || len(a.setCookies(s.t)) > 0 && a.status != status {
			s.t.Errorf("%s: %d with Retry-After %q and cookies %q", what, a.status, a.header.Get("Retry-After"), a.header.Values("Set-Cookie"))
		}
		if open == (a.status == status) {
			break
		}
	}
	if took > 6*time.Second { // one second on an idle machine
		s.t.Errorf("%s took %s", what, took)
	}
	if a.status == status && (open || unsure) {
		return a, true
	}
	if a.status != 503 || open && !unsure {
		s.t.Errorf("%s: answered %d %s %.200s, open: %v", what, a.status, a.code(), a.body, open)
	}
	return a, false
}

// during demands what the outage promises while it lasts.
func (s *scene) during(o outage, e *errand) {
	t := s.t
	t.Helper()
	old := e.turner.refresh
	if a, ok := s.answered("refresh", s.b, call{method: "POST", path: "/auth/refresh", body: object{"refresh_token": old}}, 200, o.writes, false); ok {
		e.turner.take(t, a)
	}
	renew := map[string]string{"gatehouse_refresh": e.renewer.cookies["gatehouse_refresh"]}
	for what, header := range map[string]map[string]string{"renewal": nil, "renewal of a page": page} {
		a, ok := s.answered(what, s.a, call{path: "/x", cookies: renew, header: header}, 200, o.writes, false)
		if ok && len(a.setCookies(t)) > 0 {
			e.renewer.takeCookies(t, a)
			renew["gatehouse_refresh"] = e.renewer.cookies["gatehouse_refresh"]
		}
	}
	s.answered("sign-in", s.b, call{method: "POST", path: "/auth/login", body: object{"login": s.live.email, "password": password}}, 200, o.writes, false)
	verify := call{method: "POST", path: "/auth/verify", body: object{"email": e.email, "otp": e.code, "registration": e.proof}}
	if _, ok := s.answered("a code", s.a, verify, 200, o.writes, false); ok {
		e.code = ""
	}
	s.a.do(t, call{path: "/x", bearer: e.leaver.access}).must(t, 200, "")
	if _, ok := s.answered("sign-out", s.b, call{method: "POST", path: "/auth/logout", bearer: e.leaver.access}, 204, o.writes, false); ok {
		if took := s.a.refusedAfter(t, e.leaver.access, time.Now()); took > 5*time.Second {
			t.Errorf("who signed out passed for %s on the other node", took)
		}
		s.revoked = append(s.revoked, e.leaver)
		e.leaver = nil
	} else {
		for _, g := range []*gateway{s.a, s.b} { // still signed in, as the answer says
			g.do(t, call{path: "/x", bearer: e.leaver.access}).want(t, 200, "")
		}
	}
	s.answered("sign-up", s.a, call{method: "POST", path: "/auth/register", body: object{"email": freshEmail(), "password": password}}, 202, o.sends, o.unsure)
	s.limited(o, e)
}

// spentBefore is how much of its limit an address has spent when something breaks.
const spentBefore = 2

// limited demands that both nodes together let through no more than one address may.
func (s *scene) limited(o outage, e *errand) {
	s.t.Helper()
	let := 0
	for i := range 2 * outageLimit {
		a := []*gateway{s.a, s.b}[i%2].api(s.t, "POST", "/token/verify", object{"token": "x"}, call{header: map[string]string{"X-Forwarded-For": e.from}})
		switch {
		case a.status == 200:
			let++
		case a.status != 429 || a.header.Get("Retry-After") == "":
			s.t.Errorf("a limit answers %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
		}
	}
	if most := outageLimit - spentBefore + o.loosens; let == 0 || let > most {
		s.t.Errorf("%d requests of an address were let through, at most %d should be", let, most)
	}
}

// after demands that all is as it should be soon after the outage, without a restart and with nothing lost.
func (s *scene) after(e *errand, since time.Time) {
	t := s.t
	t.Helper()
	const limit = 5 * time.Second
	within := func(what string, c call, g *gateway, status int) (a answer) {
		t.Helper()
		inTime(t, max(limit-time.Since(since), time.Second), what+" works again", func() bool {
			a = g.do(t, c)
			return a.status == status
		})
		return a
	}
	for _, g := range []*gateway{s.a, s.b} {
		within("the guard", call{path: "/x", bearer: s.live.access}, g, 200)
		within("sign-up", call{method: "POST", path: "/auth/register", body: object{"email": freshEmail(), "password": password}}, g, 202)
		within("readiness", call{path: "/auth/readyz"}, g, 200)
	}
	e.turner.take(t, within("refresh", call{method: "POST", path: "/auth/refresh", body: object{"refresh_token": e.turner.refresh}}, s.a, 200))
	within("renewal", call{path: "/x", cookies: map[string]string{"gatehouse_refresh": e.renewer.cookies["gatehouse_refresh"]}}, s.b, 200)
	s.wellAgain(t, max(limit-time.Since(since), time.Second))
	if e.code != "" {
		s.b.api(t, "POST", "/verify", object{"email": e.email, "otp": e.code, "registration": e.proof}).want(t, 200, "")
	}
	if e.leaver != nil {
		s.a.api(t, "POST", "/logout", nil, call{bearer: e.leaver.access}).want(t, 204, "")
		if took := s.b.refusedAfter(t, e.leaver.access, time.Now()); took > time.Second {
			t.Errorf("who signed out passed for %s on the other node", took)
		}
		s.revoked = append(s.revoked, e.leaver)
	}
	for _, out := range s.revoked { // nothing revoked revives
		for _, g := range []*gateway{s.a, s.b} {
			g.do(t, call{path: "/x", bearer: out.access}).want(t, 401, "invalid_token")
		}
	}
	s.b.do(t, call{path: "/x", cookies: s.browser.cookies, header: page}).want(t, 200, "")
}

// guarded asks a node's guard until it is stopped: who is signed in passes, who is not does not, whatever is away. It
// returns how long the slowest answer took.
func (s *scene) guarded(g *gateway) (stop func() (slowest time.Duration, n int)) {
	out := s.revoked[len(s.revoked)-1]
	calls := []call{{path: "/x", bearer: s.live.access}, {path: "/x", cookies: s.browser.cookies, header: page}, {path: "/x", bearer: out.access}, {path: "/x"}}
	statuses := []int{200, 200, 401, 401}
	done := make(chan struct{})
	var asking sync.WaitGroup
	var took []time.Duration
	asking.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i = (i + 1) % len(calls) {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			began := time.Now()
			a, err := g.try(calls[i])
			if took = append(took, time.Since(began)); err != nil || a.status != statuses[i] {
				s.t.Errorf("a guarded request (%d) is answered %d %s %v", i, a.status, a.code(), err)
				return
			}
		}
	})
	return func() (time.Duration, int) {
		close(done)
		asking.Wait()
		return slices.Max(took), len(took)
	}
}

// outages carries out one after the other, so that each begins where the one before was mended. In the long form they come
// thrice, and the last time each goes on for a minute before anybody but the guard finds out.
func (s *scene) outages(table []outage) {
	rounds := soak.N(1, 3)
	for round := range rounds {
		var unnoticed time.Duration
		if round == rounds-1 {
			unnoticed = soak.For(0, time.Minute)
		}
		for _, o := range table {
			s.outage(o, unnoticed)
			if s.t.Failed() {
				s.t.Fatalf("the outage was: %s", o.name)
			}
		}
	}
}

func (s *scene) outage(o outage, unnoticed time.Duration) {
	s.t.Helper()
	s.live, s.browser = s.a.signIn(s.t, s.live, false), s.b.signIn(s.t, s.browser, true) // access tokens live for five minutes
	e, pids := s.errand(), []int{s.a.PID(), s.b.PID()}
	onA, onB := s.guarded(s.a), s.guarded(s.b)
	began := time.Now()
	o.breaks(s)
	<-time.After(unnoticed)
	s.during(o, e)
	lasted := time.Since(began)
	o.mends(s)
	mended := time.Now()
	s.after(e, mended)
	if o.empties {
		s.knowEachOther()
	}
	slowA, n := onA()
	slowB, m := onB()
	s.t.Logf("%s: lasted %s, all well %s later; %d guarded requests, the slowest took %s", o.name, lasted.Round(time.Millisecond),
		time.Since(mended).Round(time.Millisecond), n+m, max(slowA, slowB).Round(time.Millisecond))
	if max(slowA, slowB) > 2*time.Second { // some milliseconds on an idle machine
		s.t.Errorf("a guarded request took %s", max(slowA, slowB))
	}
	if s.a.PID() != pids[0] || s.b.PID() != pids[1] {
		s.t.Error("a node was restarted")
	}
}

// links gives all ways to Redis, or to Postgres, these faults.
func links(t testing.TB, f testproxy.Faults, proxies ...*testproxy.Proxy) {
	t.Helper()
	for _, p := range proxies {
		p.Set(t, f)
	}
}
