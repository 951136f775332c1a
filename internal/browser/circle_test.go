package browser

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A browser that is sent to sign in again and again sees a page that names the likely cause, not a fourth
// redirect; and from that page it can go on.
func TestCircle_SessionLost(t *testing.T) {
	t.Parallel()
	g, p, address := shared(t), open(t, way{}), newAddress()
	p.join(g, g.origin(), address)
	for turn := 1; turn <= 3; turn++ {
		p.forget(g.origin()+"/", "gatehouse", "gatehouse_refresh")
		p.visit(g.origin() + "/lost")
		if turn < 3 {
			p.at("/auth/login", "Sign in")
		}
	}
	p.at("/auth/login", "You keep being sent back here")
	p.see("Cookies are not kept")
	p.signIn(address, password)
	p.see("Hello, Ada Lovelace")
	if got := p.address(); got != g.origin()+"/lost" {
		t.Errorf("landed at %s", got)
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
	p.see("Cookies are not kept")
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
