package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// childHosts are hosts of which app has a portal of its own besides a guard that has people sign in elsewhere. A site for any
// name is on another port, as behind a balancer, and app once more on a third one.
func childHosts() plan {
	more := guardedHosts("http", plan{})
	guard := "\tgatehouse_guard {\n\t\tlogin_url http://auth.localhost:<port>/auth/login\n\t}\n\treverse_proxy <upstream>\n}\n"
	more.site = strings.Replace(more.site, "http://app.localhost:<port>, http://wiki", "http://app.localhost:<port> {\n\tgatehouse\n"+guard+"http://wiki", 1)
	more.site += "http://:<port2> {\n\tgatehouse\n" + guard + "http://app.localhost:<port3> {\n" + guard
	return more
}

// TestS04_ChildIsNoKeyToOthers: what the service behind a host has got hold of is the tokens of its child session. By them it gets
// neither a token for programs, nor a code for another host, nor in where a site believes whatever Host header it is shown.
func TestS04_ChildIsNoKeyToOthers(t *testing.T) {
	t.Parallel()
	g := start(t, childHosts())
	login, app, _, _ := g.newSurfer(t, "http")
	app.arrive(t, login)
	refresh := object{"refresh_token": app.cookies["gatehouse_refresh"]}
	for _, at := range []*surfer{app, login} {
		g.do(t, call{method: "POST", path: "/auth/refresh", host: at.host, body: refresh}).want(t, http.StatusUnauthorized, "invalid_refresh_token")
	}

	thief := g.surfer("http", "wiki") // has a verifier of its own, and has the victim's child session ask
	asks, err := url.Parse(thief.led(t, http.StatusSeeOther, "/.gatehouse/handover?rd="+url.QueryEscape(thief.origin()+"/private/")))
	if err != nil {
		t.Fatal(err)
	}
	a := g.do(t, call{path: asks.RequestURI(), host: app.host, cookies: app.cookies, header: page})
	if strings.Contains(a.header.Get("Location"), "code=") {
		t.Error("a child session gets a code for another host")
	}

	var cookies []string
	for name, value := range app.cookies {
		cookies = append(cookies, name+"="+value)
	}
	for _, path := range []string{"/x", "/auth/me", asks.RequestURI()} {
		for _, host := range []string{app.host, fmt.Sprintf("app.localhost:%d", g.Port2), "app.localhost"} {
			a := g.rawTo(t, fmt.Sprintf("127.0.0.1:%d", g.Port2), "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\nCookie: "+
				strings.Join(cookies, "; ")+"\r\nConnection: close\r\n\r\n")
			if a.status < 300 && path != asks.RequestURI() || strings.Contains(string(a.body), "Remote-Sub") || strings.Contains(a.header.Get("Location"), "code=") {
				t.Errorf("a site for any name, asked as %s, answers %s with %d", host, path, a.status)
			}
		}
	}
	if !app.in(t) {
		t.Error("the child session is not good at its own host any more")
	}
}

// TestS04_ChildKnowsNoPorts: browsers bring a host's cookies to all its ports, so a child session is good at all of them, and a visit
// to one signs nobody out at another.
func TestS04_ChildKnowsNoPorts(t *testing.T) {
	t.Parallel()
	more := childHosts()
	more.clock = true
	g := start(t, more)
	login, app, _, _ := g.newSurfer(t, "http")
	app.arrive(t, login)
	other := &surfer{g, "http", fmt.Sprintf("app.localhost:%d", g.Port3), app.cookies}
	visit := func() answer {
		return g.do(t, call{base: fmt.Sprintf("http://127.0.0.1:%d", g.Port3), path: "/x", host: other.host, cookies: app.cookies})
	}
	visit().want(t, http.StatusOK, "")
	g.advance(t, 6*time.Minute) // to be renewed there
	a := visit()
	a.want(t, http.StatusOK, "")
	for name, c := range a.setCookies(t) {
		app.cookies[name] = c.Value
	}
	if !app.in(t) {
		t.Error("after a visit to another port nobody is signed in at the first")
	}
}
