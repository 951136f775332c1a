package browser

import (
	"fmt"
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

const twoHosts = `{
	admin unix/.gatehouse.sock|0600
	gatehouse {
		data_dir .gatehouse
` + noLimits + `	}
}

http://localhost:<port> {
	bind 127.0.0.1
	gatehouse
	gatehouse_guard
	respond "in"
}

http://127.0.0.1:<port> {
	bind 127.0.0.1
	gatehouse_guard {
		login_url http://localhost:<port>/auth/login
	}
	respond "in"
}
`

// Where a session of one host does not reach another the browser would turn for ever, without anybody touching it.
func TestCircle_OtherHost(t *testing.T) {
	t.Parallel()
	g := start(t, twoHosts)
	p := open(t, way{})
	p.join(g, g.origin(), newAddress())
	before := countLogins(p, g.origin())
	other := fmt.Sprintf("http://127.0.0.1:%d/x", g.port)
	p.visit(other)
	p.at("/auth/login", "You keep being sent back here")
	p.see("You signed in at another host name")
	if n := countLogins(p, g.origin()) - before; n != 3 {
		t.Errorf("sign-in was opened %d times: %q", n, p.net.addresses())
	}
	p.follow("Go to your account")
	p.at("/auth/account", "Your account")
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
