package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
)

// handing is a node that hands browsers over, on a database that a test can take away.
type handing struct {
	*gateway
	login, app *surfer
	user       *user
}

func startHanding(t *testing.T, database, through string) *handing {
	t.Helper()
	p := guardedHosts("http", plan{clock: true, postgres: true, env: []string{"TEST_DATABASE=" + through}})
	h := &handing{gateway: nodeBeside(t, p, database)}
	h.login, h.app, _, h.user = h.newSurfer(t, "http")
	return h
}

// child sessions is how many sessions of the other host live.
func (h *handing) children(t testing.TB) int64 {
	t.Helper()
	return h.count(t, "select count(*) from sessions where host is not null and revoked_at is null and account_id = '"+h.user.id+"'")
}

// unavailable demands that a step of a hand-over is answered 503, to a page and to a program, that nothing leads on and that no
// cookie changes.
func (s *surfer) unavailable(t testing.TB, what, address string, headers ...map[string]string) {
	t.Helper()
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		began := time.Now()
		a := s.g.do(t, call{path: to.RequestURI(), host: s.host, cookies: s.cookies, header: header})
		if took := time.Since(began); took > 6*time.Second { // one and a half on an idle machine
			t.Errorf("%s took %s", what, took)
		}
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.header.Get("Location") != "" || len(a.header["Set-Cookie"]) != 0 {
			t.Errorf("%s: %d, Retry-After %q, %v %.200s", what, a.status, a.header.Get("Retry-After"), a.header, a.body)
		}
	}
}

// arrives demands that a code leads to the page that was wanted, signed in.
func (h *handing) arrives(t testing.TB, what, code, wanted string) {
	t.Helper()
	if got := h.app.led(t, http.StatusSeeOther, code); got != h.app.origin()+wanted {
		t.Errorf("%s: arrived at %s", what, got)
	}
	if !h.app.in(t) {
		t.Errorf("%s: not signed in", what)
	}
	h.app.cookies = map[string]string{}
}

// TestF09_F10_HandoverOutage: the database goes while a browser is on its way from one host to another. It is told to come
// again, keeps what it has, and its code is as good as before when the database is back; if that took too long it is sent for
// another one.
func TestF09_F10_HandoverOutage(t *testing.T) {
	t.Parallel()
	server := testpg.New(t, testpg.Options{})
	database := server.Database(t)
	proxy, through := proxied(t, database)
	h := startHanding(t, database, through)
	fault := func(f testproxy.Faults) func() { return func() { proxy.Set(t, f) } }
	for range soak.N(1, 5) {
		for _, o := range []struct {
			name          string
			breaks, mends func()
		}{
			{"refused", fault(testproxy.Faults{Cut: true}), fault(testproxy.Faults{})},
			{"a black hole", fault(testproxy.Faults{Stalled: true}), fault(testproxy.Faults{})},
			{"frozen", server.Freeze, server.Thaw},
			{"killed", server.Kill, server.Start},
		} {
			wanted, late := fresh(), fresh()
			code := h.app.handed(t, h.login, wanted)
			asked := h.app.led(t, http.StatusSeeOther, h.login.led(t, http.StatusSeeOther, h.app.led(t, http.StatusFound, late)))
			before := h.children(t)
			o.breaks()
			h.app.unavailable(t, o.name+": redeeming", code, page, nil)
			h.login.unavailable(t, o.name+": asking for a code", asked, page)
			o.mends()
			eventually(t, o.name+": ready again", func() bool { return h.api(t, "GET", "/readyz", nil).status == http.StatusOK })
			if n := h.children(t); n != before {
				t.Errorf("%s: %d sessions came of nothing", o.name, n-before)
			}
			second := h.login.led(t, http.StatusSeeOther, asked)
			kept := map[string]string{}
			for name, value := range h.app.cookies {
				kept[name] = value
			}
			h.arrives(t, o.name, code, wanted)
			h.app.refused(t, o.name+": the code again", code)
			h.app.cookies = kept
			if n := h.children(t); n != before+1 {
				t.Errorf("%s: %d sessions more, want one", o.name, n-before)
			}
			// An outage that outlasts the code.
			o.breaks()
			h.app.unavailable(t, o.name+": redeeming the second", second, page)
			h.advance(t, 61*time.Second)
			o.mends()
			eventually(t, o.name+": ready again", func() bool { return h.api(t, "GET", "/readyz", nil).status == http.StatusOK })
			h.restarted(t, o.name, second, late)
			if n := h.children(t); n != before+2 {
				t.Errorf("%s: %d sessions more, want two", o.name, n-before)
			}
		}
	}
}

// restarted demands that a code that is no good any more is answered with a page whose link begins again, and that this works.
func (h *handing) restarted(t testing.TB, what, code, wanted string) {
	t.Helper()
	a := h.app.open(t, code)
	if a.status != http.StatusBadRequest || !strings.Contains(string(a.body), `href="`+h.app.origin()+wanted+`"`) {
		t.Errorf("%s: %d, no way back to %s: %.600s", what, a.status, wanted, a.body)
	}
	h.arrives(t, what+", begun again", h.app.handed(t, h.login, wanted), wanted)
}

// TestF09_HandoverCommitUnknown: the answer to the COMMIT that opens a session at the other host does not arrive. Nobody gets
// its tokens, and showing the code again opens no second one; beginning again does.
func TestF09_HandoverCommitUnknown(t *testing.T) {
	t.Parallel()
	database := testpg.Database(t)
	cutter, through := cutterBefore(t, database)
	h := startHanding(t, database, through)
	for range soak.N(2, 30) {
		wanted := fresh()
		code := h.app.handed(t, h.login, wanted)
		before, cut := h.children(t), cutter.cut.Load()
		cutter.on.Store(true)
		h.app.unavailable(t, "redeeming", code, page)
		cutter.on.Store(false)
		if cutter.cut.Load() != cut+1 {
			t.Errorf("%d commits were cut off", cutter.cut.Load()-cut)
		}
		h.app.refused(t, "the code again", code)
		if n := h.children(t); n != before+1 {
			t.Errorf("%d sessions more, want the one that was committed", n-before)
		}
		h.restarted(t, "after the cut", code, wanted)

		wanted = fresh()
		asked := h.app.led(t, http.StatusSeeOther, h.login.led(t, http.StatusSeeOther, h.app.led(t, http.StatusFound, wanted)))
		cutter.on.Store(true)
		h.login.unavailable(t, "asking for a code", asked, page)
		cutter.on.Store(false)
		h.arrives(t, "after the cut of the code", h.login.led(t, http.StatusSeeOther, asked), wanted)
		if n := h.count(t, "select count(*) from challenges where purpose = 'handover'"); n != 0 {
			t.Errorf("%d codes are left over", n)
		}
	}
}
