package e2e

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// crash is people at work on a gateway that is killed again and again, and what each was answered for.
type crash struct {
	g            *gateway
	t            *testing.T
	acknowledged atomic.Int64
	ended        atomic.Int64 // how many of these ended a session
	changed      atomic.Int64 // how many set a password
	stop         chan struct{}

	writers  []*user
	names    []int // the number in each writer's first name that was answered for
	leaver   *user
	revoker  *user
	gone     []*user // signed out or revoked, and told so
	turner   *user
	unsure   bool // the turner's last refresh was not answered for
	changer  *user
	pending  string  // the password that the changer asked for without an answer; "" for none
	outdated []*user // sessions that a change of password which was answered for has ended
	mu       sync.Mutex
}

func (c *crash) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// until repeats one piece of work until the gateway is gone. An answer other than expected is a failure: as long as the
// process lives it serves.
func (c *crash) until(what string, step func() (answer, error), want int, kept func(a answer)) {
	for !c.stopped() {
		a, err := step()
		if err != nil {
			return
		}
		if a.status != want {
			c.t.Errorf("%s: %d %s", what, a.status, a.body)
			return
		}
		kept(a)
		c.acknowledged.Add(1)
	}
}

func (c *crash) write(i int) {
	c.until("PATCH", func() (answer, error) {
		return c.g.try(call{method: "PATCH", path: "/auth/me", bearer: c.writers[i].access, body: map[string]any{"first_name": fmt.Sprint("n", c.names[i]+1)}})
	}, 200, func(answer) { c.names[i]++ })
}

// leave signs in and ends the session again, by signing out or from another session.
func (c *crash) leave(who *user, end func(s *user) call) {
	var s *user
	c.until("ending a session", func() (answer, error) {
		a, err := c.g.try(call{method: "POST", path: "/auth/login", body: map[string]any{"login": who.email, "password": who.password}})
		if err != nil || a.status != 200 {
			return a, err
		}
		s = &user{access: a.text("access_token"), refresh: a.text("refresh_token"), sid: a.text("session_id")}
		return c.g.try(end(s))
	}, 204, func(answer) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.gone = append(c.gone, s)
		c.ended.Add(1)
	})
}

func (c *crash) turn() {
	c.until("refresh", func() (answer, error) {
		c.unsure = true
		return c.g.try(call{method: "POST", path: "/auth/refresh", body: map[string]any{"refresh_token": c.turner.refresh}})
	}, 200, func(a answer) { c.turner.refresh, c.unsure = a.text("refresh_token"), false })
}

// change sets a new password, and signs in with it.
func (c *crash) change() {
	var s *user
	c.until("change of password", func() (answer, error) {
		a, err := c.g.try(call{method: "POST", path: "/auth/login", body: map[string]any{"login": c.changer.email, "password": c.changer.password}})
		if err != nil || a.status != 200 {
			return a, err
		}
		s = &user{access: a.text("access_token"), refresh: a.text("refresh_token")}
		c.pending = fmt.Sprintf("%s %d", password, rand.Int64())
		return c.g.try(call{method: "POST", path: "/auth/me/password", bearer: s.access, body: map[string]any{"current_password": c.changer.password, "new_password": c.pending}})
	}, 204, func(answer) {
		c.changer.password, c.pending, c.outdated = c.pending, "", append(c.outdated, s)
		c.changed.Add(1)
	})
}

// check demands after a restart that everything that was answered for is there, and nothing half done.
func (c *crash) check(round int) {
	c.t.Helper()
	g, t := c.g, c.t
	for i, w := range c.writers {
		got := g.api(t, "GET", "/me", nil, call{bearer: w.access}).must(t, 200, "").text("first_name")
		n := 0
		_, _ = fmt.Sscanf(got, "n%d", &n)
		if n < c.names[i] || n > c.names[i]+1 {
			t.Errorf("round %d: %d changes were answered for, %d are there", round, c.names[i], n)
		}
		c.names[i] = n
	}
	for _, s := range append(c.gone[max(0, len(c.gone)-5):], c.outdated[max(0, len(c.outdated)-2):]...) {
		dead(t, g, "ended before the kill", s)
	}
	if c.unsure { // its answer is lost: it may have been used or not
		c.turner = g.signIn(t, &user{email: c.turner.email, password: c.turner.password}, false)
	} else {
		c.turner.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": c.turner.refresh}).must(t, 200, ""))
	}
	status := func(p string) int {
		return g.api(t, "POST", "/login", map[string]any{"login": c.changer.email, "password": p}).status
	}
	now := status(c.changer.password)
	if c.pending != "" {
		if next := status(c.pending); (now == 200) == (next == 200) {
			t.Errorf("round %d: in the midst of a change of password the old one is answered %d and the new one %d", round, now, next)
		} else if next == 200 {
			c.changer.password = c.pending
		}
		c.pending = ""
	} else if now != 200 {
		t.Errorf("round %d: a new password that was answered for is answered %d", round, now)
	}
}

// TestM05_KillUnderLoad: whatever was answered for is there after kill -9, and the node serves within five seconds.
func TestM05_KillUnderLoad(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{global: "lockout off"}, func(t *testing.T, g *gateway) {
		c := &crash{g: g, t: t, leaver: g.newUser(t), revoker: g.newUser(t), turner: g.newUser(t), changer: g.newUser(t)}
		for range 3 {
			c.writers, c.names = append(c.writers, g.newUser(t)), append(c.names, 0)
		}
		for round := range soak.N(4, 50) {
			c.stop = make(chan struct{})
			c.acknowledged.Store(0)
			var wg sync.WaitGroup
			for i := range c.writers {
				wg.Go(func() { c.write(i) })
			}
			wg.Go(func() {
				c.leave(c.leaver, func(s *user) call { return call{method: "POST", path: "/auth/logout", bearer: s.access} })
			})
			wg.Go(func() {
				c.leave(c.revoker, func(s *user) call {
					return call{method: "DELETE", path: "/auth/sessions/" + s.sid, bearer: c.revoker.access}
				})
			})
			wg.Go(c.turn)
			wg.Go(c.change)
			enough := int64(5 + rand.IntN(100))
			eventually(t, "some changes", func() bool {
				return c.acknowledged.Load() >= enough && (round > 0 || c.ended.Load() > 0 && c.changed.Load() > 0)
			})
			g.Kill()
			close(c.stop)
			wg.Wait()
			began := time.Now()
			g.restart(t)
			g.do(t, call{path: "/x", bearer: c.writers[0].access}).must(t, 200, "")
			if d := time.Since(began); d > soak.For(20*time.Second, 5*time.Second) { // a third of a second on an idle machine
				t.Errorf("round %d: it served after %s", round, d)
			}
			c.check(round)
		}
		for _, s := range append(c.gone, c.outdated...) {
			g.do(t, call{path: "/x", bearer: s.access}).must(t, 401, "invalid_token")
		}
		if g.database != "" {
			return
		}
		if rows := g.query(t, "pragma integrity_check"); fmt.Sprint(rows) != "[[ok]]" {
			t.Errorf("the database: %v", rows)
		}
	})
}
