package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestC13_BehindWhatEndsTLS: something in front ends TLS and has other ports than the gateway. After a sign-in people come to where they
// wanted, at the portal's own host and by a hand-over at others, however the proxy passes the Host header on.
func TestC13_BehindWhatEndsTLS(t *testing.T) {
	t.Parallel()
	g := start(t, plan{caddy: "servers {\n\t\ttrusted_proxies static 127.0.0.1/32\n\t}", global: "\t\tissuer https://auth.example.com", site: `http://127.0.0.1:<port> {
	gatehouse
}
http://auth.example.com:<port> {
	gatehouse
	gatehouse_guard
	reverse_proxy <upstream>
}
http://stuff.example.com:<port>, http://*.wild.example.com:<port> {
	gatehouse_guard {
		login_url https://auth.example.com/auth/login
	}
	reverse_proxy <upstream>
}
`})
	u := g.newUser(t)
	inner := fmt.Sprintf(":%d", g.Port)
	for what, front := range map[string]struct {
		host string // what the proxy adds to the name
		port string // of the browser's
		more map[string]string
	}{
		"the browser's host":      {host: "", port: ""},
		"where it connects to":    {host: inner, port: ""},
		"both":                    {host: inner, port: "", more: map[string]string{"X-Forwarded-Port": "443"}},
		"an odd word on the port": {host: "", port: "", more: map[string]string{"X-Forwarded-Port": "80"}},
	} {
		for _, name := range []string{"auth.example.com", "stuff.example.com", "a.wild.example.com"} {
			t.Run(what+" "+name, func(t *testing.T) {
				b := &journey{g: g, suffix: front.host, more: front.more, cookies: map[string]map[string]string{}}
				wanted := "https://" + name + front.port + "/deep/page?x=1"
				a := b.open(t, http.MethodGet, wanted, "")
				if a.status != http.StatusFound || !strings.HasSuffix(a.header.Get("Location"), "/auth/login?rd="+url.QueryEscape(wanted)) {
					t.Fatalf("%d to %s", a.status, a.header.Get("Location"))
				}
				a = b.open(t, http.MethodPost, b.to(t, wanted, a), url.Values{"login": {u.email}, "password": {u.password}}.Encode())
				at := "https://auth.example.com/auth/login"
				for hops := 0; a.status == http.StatusSeeOther || a.status == http.StatusFound; hops++ {
					if at = b.to(t, at, a); hops > 10 {
						t.Fatalf("in circles, at %s", at)
					}
					a = b.open(t, http.MethodGet, at, "")
				}
				if e := a.must(t, 200, "").echo(t); at != wanted || e.get(t, "Remote-User") != u.email {
					t.Errorf("arrived at %s", at)
				}
				// An old browser says where a form comes from by its Origin alone.
				b.more = map[string]string{"Origin": "https://" + name + front.port}
				for header, value := range front.more {
					b.more[header] = value
				}
				b.open(t, http.MethodPost, wanted, "a=b").must(t, 200, "")
				b.more["Origin"] = "https://evil.example.com"
				b.open(t, http.MethodPost, wanted, "a=b").want(t, 403, "")
			})
		}
	}
	a := g.do(t, call{path: "/auth/login?rd=" + url.QueryEscape("https://stuff.example.com:444/"), host: "auth.example.com", header: page})
	if !strings.Contains(string(a.body), "cannot take you back") {
		t.Errorf("nobody is told:\n%s", a.body)
	}
}

// journey is a browser that a proxy stands before.
type journey struct {
	g       *gateway
	suffix  string
	more    map[string]string
	cookies map[string]map[string]string // by host
}

func (b *journey) open(t *testing.T, method, address, form string) answer {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" {
		t.Fatalf("led to %s: %v", address, err)
	}
	jar := b.cookies[u.Hostname()]
	header := map[string]string{"Accept": "text/html", "X-Forwarded-Proto": "https"}
	c := call{method: method, path: u.RequestURI(), host: u.Hostname() + b.suffix, cookies: jar, header: header}
	if method == http.MethodPost {
		c.body = form
		header["Content-Type"], header["Origin"] = "application/x-www-form-urlencoded", "https://"+u.Host
	}
	for name, value := range b.more {
		header[name] = value
	}
	a := b.g.do(t, c)
	if jar == nil {
		jar = map[string]string{}
		b.cookies[u.Hostname()] = jar
	}
	for name, c := range a.setCookies(t) {
		if c.MaxAge < 0 {
			delete(jar, name)
		} else {
			jar[name] = c.Value
		}
	}
	return a
}

// to is where an answer leads.
func (b *journey) to(t *testing.T, from string, a answer) string {
	t.Helper()
	base, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	next, err := base.Parse(a.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return next.String()
}
