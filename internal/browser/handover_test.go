package browser

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// threeHosts has one sign-in page for three hosts, of names that have nothing to do with each other.
const threeHosts = `{
	admin unix/.gatehouse.sock|0600
	skip_install_trust
	auto_https disable_redirects
	gatehouse {
		data_dir .gatehouse
		issuer <scheme>://auth.localhost:<port>
		redirect_hosts app.localhost:<port2>
		access_lifetime 2s
` + noLimits + `	}
}

(service) {
	bind 127.0.0.1
	<tls>
	gatehouse_guard {
		login_url <scheme>://auth.localhost:<port>/auth/login
	}
	header Content-Type "text/html; charset=utf-8"
	header Content-Security-Policy "form-action 'self' <scheme>://auth.localhost:<port>"
	respond "<!doctype html><html lang=en><title>Service</title><h1>Hello, {http.request.header.Remote-Email}</h1><form id=out method=post action=/.gatehouse/sign-out><button name=everywhere value=true>Sign out</button></form>"
}

<scheme>://auth.localhost:<port> {
	bind 127.0.0.1
	<tls>
	gatehouse
	gatehouse_guard
	respond "in"
}

<scheme>://app.localhost:<port> {
	import service
}

<scheme>://wiki.localhost:<port> {
	import service
}
`

func hostsOver(scheme, cert string) string {
	return strings.NewReplacer("<scheme>", scheme, "<tls>", cert).Replace(threeHosts)
}

// TestHandover: one sign-in, and a person is in at every host; each renews by itself, and a sign-out everywhere at one of
// them is one at all of them.
func TestHandover(t *testing.T) {
	t.Parallel()
	for scheme, cert := range map[string]string{"http": "", "https": "tls internal"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			g, p, address := start(t, hostsOver(scheme, cert)), open(t, way{}), newAddress()
			at := func(host string) string { return fmt.Sprintf("%s://%s.localhost:%d", scheme, host, g.Port) }
			if scheme == "https" {
				certified(t, g, "auth", "app", "wiki")
			}
			p.join(g, at("auth"), address)
			p.visit(at("auth") + "/auth/logout")
			p.press("logout-form")
			p.at("/auth/signed-out", "You are signed out")

			p.visit(at("app") + "/reports?month=7#/deep/route")
			p.at("/auth/login", "Sign in")
			p.signIn(address, password)
			p.at("/reports", "Hello, "+address)
			if got := p.address(); got != at("app")+"/reports?month=7#/deep/route" {
				t.Errorf("landed at %s", got)
			}
			p.visit(at("wiki") + "/start#part") // nothing to type any more
			p.at("/start", "Hello, "+address)
			landed(t, p, at("wiki")+"/start#part")
			for _, entry := range p.history() {
				if strings.Contains(entry, "code=") {
					t.Errorf("a code stands in the history: %s", entry)
				}
			}
			prefix := map[string]string{"https": "__Host-"}[scheme]
			refresh := map[string]string{}
			for _, host := range []string{"auth", "app", "wiki"} {
				cookies := p.cookies(at(host) + "/")
				c := cookies[prefix+"gatehouse_refresh"]
				if c == nil || refresh[c.Value] != "" || c.Domain != host+".localhost" {
					t.Fatalf("%s has the refresh cookie %+v", host, c)
				}
				refresh[c.Value] = host
			}
			logins := countLogins(p, at("auth"))
			former := p.cookies(at("app") + "/")[prefix+"gatehouse_refresh"].Value
			eventually(t, func() string { return "a renewal in place at the app\n" + p.describe() }, func() bool {
				p.visit(at("app") + "/again")
				p.at("/again", "Hello, "+address)
				c := p.cookies(at("app") + "/")[prefix+"gatehouse_refresh"]
				return c != nil && c.Value != former
			})
			if n := countLogins(p, at("auth")); n != logins {
				t.Errorf("the sign-in page was opened %d times for it", n-logins)
			}

			p.visit(at("auth") + "/auth/account/sessions")
			p.see("At app.localhost", "At wiki.localhost")
			p.visit(at("app") + "/")
			p.click("#out button")
			p.at("/auth/signed-out", "You are signed out")
			p.visit(at("wiki") + "/over")
			p.at("/auth/login", "Sign in")
			p.visit(at("auth") + "/auth/account")
			p.at("/auth/login", "Sign in")
		})
	}
}

// certified waits until the gateway has certificates for the hosts.
func certified(t *testing.T, g *gateway, hosts ...string) {
	t.Helper()
	for _, host := range hosts {
		name := host + ".localhost"
		eventually(t, func() string { return "a certificate for " + name }, func() bool {
			conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", g.Port), &tls.Config{ServerName: name, InsecureSkipVerify: true})
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		})
	}
}

// A host whose cookies a browser does not keep says so once, instead of sending it round.
func TestHandover_NoCookies(t *testing.T) {
	t.Parallel()
	g, p := start(t, hostsOver("http", "")), open(t, way{})
	p.join(g, fmt.Sprintf("http://auth.localhost:%d", g.Port), newAddress())
	forgets := httptest.NewUnstartedServer(proxy(t, fmt.Sprintf("http://127.0.0.1:%d", g.Port), func(r *http.Response) error {
		r.Header.Del("Set-Cookie")
		return nil
	}))
	var err error
	if forgets.Listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", g.Port2)); err != nil {
		t.Fatal(err)
	}
	forgets.Start()
	t.Cleanup(forgets.Close)
	wanted := fmt.Sprintf("http://app.localhost:%d/x", g.Port2)
	before := countLogins(p, fmt.Sprintf("http://auth.localhost:%d", g.Port))
	p.visit(wanted)
	p.at("/.gatehouse/handover", "We could not sign you in here")
	if n := countLogins(p, fmt.Sprintf("http://auth.localhost:%d", g.Port)) - before; n != 2 {
		t.Errorf("the sign-in page was opened %d times: %q", n, p.net.addresses())
	}
	if got := p.ask(`document.querySelector(".links a").href`); got != wanted {
		t.Errorf("to try again leads to %s", got)
	}
}
