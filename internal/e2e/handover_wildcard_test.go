package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestC13_WildcardHosts: a site's wildcard names hosts, so a sign-in leads to each of them, and to the exact names beside it, and
// is handed over there. What the wildcard does not stand for it leads to no more than before.
func TestC13_WildcardHosts(t *testing.T) {
	t.Parallel()
	more := guardedHosts("http", plan{})
	more.site = strings.Replace(more.site, "http://wiki.localhost:<port>", "http://*.wild.localhost:<port>", 1)
	g := start(t, more)
	login, app, _, _ := g.newSurfer(t, "http")
	for _, s := range []*surfer{app, g.surfer("http", "one.wild"), g.surfer("http", "two.wild")} {
		s.arrive(t, login)
		if !s.in(t) {
			t.Errorf("nobody is signed in at %s", s.host)
		}
	}
	for _, origin := range []string{
		"http://wild.localhost:<port>", "http://.wild.localhost:<port>", "http://a.b.wild.localhost:<port>", "http://evil-wild.localhost:<port>",
		"http://one.wild.localhost", "http://one.wild.localhost:<port2>", "http://evil.test@one.wild.localhost:<port>",
		"http://one.wild.localhost:<port>@evil.test", "ftp://one.wild.localhost:<port>", "http://wiki.localhost:<port>",
	} {
		rd := g.fill(origin) + "/private/"
		if got := login.led(t, http.StatusSeeOther, "/auth/login?rd="+url.QueryEscape(rd)); got != "/auth/account" {
			t.Errorf("rd=%s leads to %s", rd, got)
		}
	}
}

// TestS04_WildcardChildIsOfItsHost: the child session of a wildcard's name is good at that name alone, as any other.
func TestS04_WildcardChildIsOfItsHost(t *testing.T) {
	t.Parallel()
	more := guardedHosts("http", plan{})
	more.site = strings.Replace(more.site, "http://wiki.localhost:<port>", "http://*.wild.localhost:<port>", 1)
	g := start(t, more)
	login, app, _, _ := g.newSurfer(t, "http")
	one := g.surfer("http", "one.wild")
	one.arrive(t, login)
	for _, host := range []string{fmt.Sprintf("two.wild.localhost:%d", g.Port), app.host} {
		g.do(t, call{path: "/private/", host: host, cookies: one.cookies}).want(t, http.StatusUnauthorized, "invalid_token")
	}
}
