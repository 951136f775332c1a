package browser

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A browser that loses its session each time it has signed in sees a page that names the likely cause, not a fourth sign-in form; and
// from that page it can go on.
func TestCircle_SessionLost(t *testing.T) {
	t.Parallel()
	g, p, address := shared(t), open(t, way{}), newAddress()
	p.join(g, g.origin(), address)
	for turn := range 3 {
		p.forget(g.origin()+"/", "gatehouse", "gatehouse_refresh")
		p.visit(g.origin() + "/lost")
		if turn < 2 {
			p.at("/auth/login", "Sign in")
			p.signIn(address, password)
			p.see("Hello, Ada Lovelace")
		}
	}
	p.at("/auth/login", "You keep being sent back here")
	p.see("Cookies are blocked")
	p.signIn(address, password)
	p.see("Hello, Ada Lovelace")
	if got := p.address(); got != g.origin()+"/lost" {
		t.Errorf("landed at %s", got)
	}
}

// Tabs of one app that are restored together are no redirect loop, nor are those that are reloaded after a sign-in in one of them.
func TestCircle_RestoredTabs(t *testing.T) {
	t.Parallel()
	g, p, address := shared(t), open(t, way{}), newAddress()
	open(t, way{}).join(g, g.origin(), address)
	for _, tab := range []string{"?tab=1", "?tab=2", "?tab=3", "#4", "#5"} {
		p.visit(g.origin() + "/app" + tab)
		p.at("/auth/login", "Sign in")
	}
	asked := p.address()
	p.signIn(address, password)
	p.see("Hello, Ada Lovelace")
	for range 4 {
		p.visit(asked)
		p.at("/app", "Hello, Ada Lovelace")
	}
}

// The fragment of an address, which no server sees, outlives a sign-in and a sign-up, where scripts run; without they arrive all the same.
func TestFragment(t *testing.T) {
	t.Parallel()
	for _, w := range []way{{}, {noScript: true}} {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			g, p, address := shared(t), open(t, w), newAddress()
			p.visit(g.origin() + "/auth/register?rd=%2Fapp%3Fx%3D1#/deep/route")
			p.press("verify-form", "otp", p.register(g, address).code)
			p.at("/app", "Hello, Ada Lovelace")
			landed(t, p, w.fragment(g.origin()+"/app?x=1#/deep/route"))
			p.visit(g.origin() + "/auth/logout")
			p.press("logout-form")
			p.at("/auth/signed-out", "You are signed out")
			wanted := g.origin() + "/app?x=2#/deep/route?y=1"
			p.visit(wanted)
			p.at("/auth/login", "Sign in")
			p.signIn(address, "not the password") // the form comes again at the same address
			p.see("The username or password is wrong.")
			p.press("login-form", "password", password)
			p.at("/app", "Hello, Ada Lovelace")
			landed(t, p, w.fragment(wanted))
		})
	}
}

// fragment is where somebody lands who wants an address.
func (w way) fragment(address string) string {
	if w.noScript {
		address, _, _ = strings.Cut(address, "#")
	}
	return address
}

func landed(t *testing.T, p *tab, wanted string) {
	t.Helper()
	if got := p.address(); got != wanted {
		t.Errorf("landed at %s, want %s", got, wanted)
	}
}

// A browser that keeps no cookie at all cannot be counted: it is known by where it comes from.
func TestCircle_NoCookies(t *testing.T) {
	t.Parallel()
	g, address := shared(t), newAddress()
	open(t, way{}).join(g, g.origin(), address)
	s := httptest.NewServer(proxy(t, g.origin(), func(r *http.Response) error {
		r.Header.Del("Set-Cookie")
		return nil
	}))
	t.Cleanup(s.Close)
	origin := "http://localhost:" + portOf(t, s.URL)
	p := open(t, way{})
	p.visit(origin + "/kept")
	p.at("/auth/login", "Sign in")
	p.signIn(address, password)
	p.at("/auth/login", "You keep being sent back here")
	p.see("Cookies are blocked")
	if n := countLogins(p, origin); n != 3 { // sent there, the form, sent back there
		t.Errorf("sign-in was opened %d times: %q", n, p.net.addresses())
	}
}

// countLogins counts how often the sign-in page was asked for.
func countLogins(p *tab, origin string) int {
	n := 0
	for _, address := range p.net.addresses() {
		if strings.HasPrefix(address, origin+"/auth/login") {
			n++
		}
	}
	return n
}
