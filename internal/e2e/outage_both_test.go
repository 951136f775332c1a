package e2e

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
)

// refuses demands that a node without any source says so to whoever is signed in: 503 with Retry-After, to browsers too,
// with no cookie touched and nobody sent to sign in.
func (s *scene) refuses(g *gateway, e *errand) {
	t := s.t
	t.Helper()
	for what, c := range map[string]call{
		"a bearer":     {path: "/x", bearer: s.live.access},
		"a cookie":     {path: "/x", cookies: s.browser.cookies},
		"a navigation": {path: "/x", cookies: s.browser.cookies, header: page},
		"a renewal":    {path: "/x", cookies: map[string]string{"gatehouse_refresh": e.renewer.cookies["gatehouse_refresh"]}, header: page},
		"a sign-in":    {method: "POST", path: "/auth/login", body: object{"login": s.live.email, "password": password}},
		"a refresh":    {method: "POST", path: "/auth/refresh", body: object{"refresh_token": e.turner.refresh}},
		"a code":       {method: "POST", path: "/auth/verify", body: object{"email": e.email, "otp": e.code, "registration": e.proof}},
		"a sign-out":   {method: "POST", path: "/auth/logout", bearer: e.leaver.access},
		"a sign-up":    {method: "POST", path: "/auth/register", body: object{"email": freshEmail(), "password": password}},
	} {
		a := g.do(t, c)
		told := a.code() == "unavailable" || c.header != nil && strings.HasPrefix(a.header.Get("Content-Type"), "text/html")
		if a.status != 503 || !told || a.header.Get("Retry-After") == "" || len(a.setCookies(t)) != 0 {
			t.Errorf("%s: %d %s, Retry-After %q, cookies %q", what, a.status, a.code(), a.header.Get("Retry-After"), a.header.Values("Set-Cookie"))
		}
	}
	g.do(t, call{path: "/x"}).want(t, 401, "authentication_required") // needs no store
	if a := g.do(t, call{path: "/x", bearer: s.revoked[0].access}); a.status != 401 && a.status != 503 {
		t.Errorf("who was signed out before is answered %d", a.status)
	}
}

// TestF09_BothAway: without Postgres and Redis a node goes on from its snapshot until that is too old, and then refuses.
func TestF09_BothAway(t *testing.T) {
	t.Parallel()
	s := newScene(t, testpg.Options{}, "\t\tmax_staleness 3s")
	for range soak.N(1, 3) {
		e := s.errand()
		s.redis.Kill()
		s.postgres.Kill()
		began := time.Now()
		for _, g := range []*gateway{s.a, s.b} {
			g.do(t, call{path: "/x", bearer: s.live.access}).must(t, 200, "") // the snapshot is still fresh
			g.do(t, call{path: "/x", cookies: s.browser.cookies, header: page}).must(t, 200, "")
			g.do(t, call{path: "/x", bearer: s.revoked[0].access}).must(t, 401, "invalid_token")
		}
		for _, g := range []*gateway{s.a, s.b} {
			eventually(t, "the node refuses", func() bool { return g.do(t, call{path: "/x", bearer: s.live.access}).status != 200 })
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("a snapshot that may be three seconds old was gone by for %s", took)
			}
			s.refuses(g, e)
		}
		s.postgres.Start()
		s.redis.Start()
		s.after(e, time.Now())
	}
}

// TestK04_OneNodeCutOff: a node that reaches neither store refuses, while the other one does everything; what was done there
// meanwhile holds on the first as soon as it is back.
func TestK04_OneNodeCutOff(t *testing.T) {
	t.Parallel()
	s := newScene(t, testpg.Options{}, "\t\tmax_staleness 3s")
	for range soak.N(1, 3) {
		e := s.errand()
		links(t, testproxy.Faults{Cut: true}, s.bRedis, s.bData)
		out := s.a.signIn(t, s.live, false)
		s.a.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
		eventually(t, "the node refuses", func() bool { return s.b.do(t, call{path: "/x", bearer: s.live.access}).status != 200 })
		s.refuses(s.b, e)
		e.turner.take(t, s.a.api(t, "POST", "/refresh", object{"refresh_token": e.turner.refresh}).must(t, 200, ""))
		s.a.do(t, call{path: "/x", bearer: s.live.access}).must(t, 200, "")
		s.a.do(t, call{path: "/x", bearer: out.access}).must(t, 401, "invalid_token")
		s.a.api(t, "POST", "/register", object{"email": freshEmail(), "password": password}).must(t, 202, "")
		links(t, testproxy.Faults{}, s.bRedis, s.bData)
		mended := time.Now()
		inTime(t, 5*time.Second, "the node serves", func() bool { return s.b.do(t, call{path: "/x", bearer: s.live.access}).status == 200 })
		s.revoked = append(s.revoked, out)
		s.after(e, mended)
	}
}

// TestM08_EventsCannotBeWritten: an event is written with what it tells of. Where it cannot be, that does not happen, half
// or whole, and whoever asked is told to come again.
func TestM08_EventsCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newScene(t, testpg.Options{}, "")
	conn, err := pgx.Connect(t.Context(), s.a.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for range soak.N(1, 3) {
		s.eventsLocked(conn)
	}
}

// eventsLocked demands that nothing happens which an event tells of while none can be written.
func (s *scene) eventsLocked(conn *pgx.Conn) {
	t := s.t
	t.Helper()
	e := s.errand()
	count := func() int64 {
		return s.a.count(t, "select (select count(*) from sessions where revoked_at is null) + (select count(*) from users)")
	}
	before := count()
	s.run(conn, "begin")
	s.run(conn, "lock table events in exclusive mode") // may be read, and not be written
	var asking sync.WaitGroup
	var wrong atomic.Int64
	for _, c := range []call{
		{method: "POST", path: "/auth/login", body: object{"login": s.live.email, "password": password}},
		{method: "POST", path: "/auth/logout", bearer: e.leaver.access},
		{method: "POST", path: "/auth/verify", body: object{"email": e.email, "otp": e.code, "registration": e.proof}},
		{method: "POST", path: "/auth/me/password", bearer: e.turner.access, body: object{"current_password": password, "new_password": "another lantern 12"}},
	} {
		asking.Go(func() {
			if a, err := s.a.try(c); err != nil || a.status != 503 || a.header.Get("Retry-After") == "" {
				wrong.Add(1)
				t.Errorf("%s: %d %s %v", c.path, a.status, a.code(), err)
			}
		})
	}
	asking.Wait()
	s.b.do(t, call{path: "/x", bearer: s.live.access}).want(t, 200, "")
	s.run(conn, "rollback")
	if now := count(); now != before && wrong.Load() == 0 {
		t.Errorf("%d rows came of what was refused", now-before)
	}
	s.after(e, time.Now())
}
