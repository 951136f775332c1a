package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// guardedHosts are one sign-in page and two guarded hosts that have none. A scheme of https is one that a proxy in front ends.
func guardedHosts(scheme string, more plan) plan {
	more.global += "\n\t\tissuer " + scheme + "://auth.localhost:<port>\n"
	more.site = strings.ReplaceAll(`http://auth.localhost:<port>, http://127.0.0.1:<port> {
	gatehouse
	gatehouse_guard
	reverse_proxy <upstream>
}
http://app.localhost:<port>, http://wiki.localhost:<port> {
	@private path /private/*
	gatehouse_guard @private {
		login_url <scheme>://auth.localhost:<port>/auth/login
	}
	reverse_proxy <upstream>
}
`, "<scheme>", scheme)
	return more
}

// surfer is one browser at one host; every host has cookies of its own.
type surfer struct {
	g       *gateway
	scheme  string
	host    string
	cookies map[string]string
}

func (g *gateway) surfer(scheme, name string) *surfer {
	return &surfer{g, scheme, fmt.Sprintf("%s.localhost:%d", name, g.Port), map[string]string{}}
}

func (s *surfer) origin() string { return s.scheme + "://" + s.host }

// open asks for an address, as somebody who types it or follows a redirect.
func (s *surfer) open(t testing.TB, address string) answer {
	t.Helper()
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	a := s.g.do(t, call{path: to.RequestURI(), host: s.host, cookies: s.cookies, header: page})
	for name, c := range a.setCookies(t) {
		if c.MaxAge < 0 {
			delete(s.cookies, name)
		} else {
			s.cookies[name] = c.Value
		}
	}
	return a
}

// led is open that must lead on, and returns where.
func (s *surfer) led(t testing.TB, status int, address string) string {
	t.Helper()
	a := s.open(t, address)
	if a.status != status {
		t.Fatalf("%s%s: %d, want %d: %.300s", s.host, address, a.status, status, a.body)
	}
	return a.header.Get("Location")
}

// handed goes every step from a guarded page to the code.
func (s *surfer) handed(t testing.TB, login *surfer, wanted string) (code string) {
	t.Helper()
	asked := s.led(t, http.StatusFound, wanted)
	if want := login.origin() + "/auth/login?rd=" + url.QueryEscape(s.origin()+wanted); asked != want {
		t.Fatalf("sent to %s, want %s", asked, want)
	}
	begin := login.led(t, http.StatusSeeOther, asked)
	if want := s.origin() + "/.gatehouse/handover?rd=" + url.QueryEscape(s.origin()+wanted); begin != want {
		t.Fatalf("handed to %s, want %s", begin, want)
	}
	return login.led(t, http.StatusSeeOther, s.led(t, http.StatusSeeOther, begin))
}

// fresh is an address that no browser was at before: who is sent to sign in for one address again and again is told so.
func fresh() string { return fmt.Sprintf("/private/%d", userNumber.Add(1)) }

// arrive is handed with the last step.
func (s *surfer) arrive(t testing.TB, login *surfer) {
	t.Helper()
	if got := s.led(t, http.StatusSeeOther, s.handed(t, login, "/private/x?y=z")); got != s.origin()+"/private/x?y=z" {
		t.Fatalf("arrived at %s", got)
	}
}

func (s *surfer) in(t testing.TB) bool {
	t.Helper()
	return s.g.do(t, call{path: "/private/", host: s.host, cookies: s.cookies}).status == http.StatusOK
}

// refused checks that a code is no good, that nothing leads on and that no cookie changes.
func (s *surfer) refused(t testing.TB, what, code string) {
	t.Helper()
	to, err := url.Parse(code)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []map[string]string{page, nil} {
		a := s.g.do(t, call{path: to.RequestURI(), host: s.host, cookies: s.cookies, header: header})
		if a.status != http.StatusBadRequest || a.header.Get("Location") != "" || len(a.header["Set-Cookie"]) != 0 {
			t.Errorf("%s: %d %v %.200s", what, a.status, a.header, a.body)
		}
		if header == nil && a.code() != "invalid_code" {
			t.Errorf("%s: code %q", what, a.code())
		}
	}
}

// signOut is what a form on a page of this host does.
func (s *surfer) signOut(t testing.TB, body any) answer {
	t.Helper()
	return s.g.do(t, call{method: "POST", path: "/.gatehouse/sign-out", host: s.host, cookies: s.cookies, body: body,
		header: map[string]string{"Origin": s.origin(), "Sec-Fetch-Site": "same-origin"}})
}

// newSurfer is a browser that is signed in at the sign-in page, and the same browser at two hosts where it is not.
func (g *gateway) newSurfer(t testing.TB, scheme string) (login, app, wiki *surfer, u *user) {
	t.Helper()
	u = g.newBrowser(t)
	login, app, wiki = g.surfer(scheme, "auth"), g.surfer(scheme, "app"), g.surfer(scheme, "wiki")
	login.cookies = maps.Clone(u.cookies)
	return login, app, wiki, u
}

// TestHandover: one sign-in, every host with tokens of its own, renewal in place at each, and an end for all of them.
func TestHandover(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scheme string
		plan   plan
	}{"sqlite": {"http", plan{clock: true}}, "postgres": {"http", plan{clock: true, postgres: true}}, "https": {"https", plan{clock: true}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, guardedHosts(c.scheme, c.plan))
			login, app, wiki, u := g.newSurfer(t, c.scheme)
			app.arrive(t, login)
			wiki.arrive(t, login)
			prefix := map[string]string{"https": "__Host-"}[c.scheme]
			for _, s := range []*surfer{app, wiki} {
				if names := slices.Sorted(maps.Keys(s.cookies)); !slices.Equal(names, []string{prefix + "gatehouse", prefix + "gatehouse_refresh"}) {
					t.Errorf("%s keeps %v", s.host, names)
				}
				got := g.do(t, call{path: "/private/", host: s.host, cookies: s.cookies}).must(t, http.StatusOK, "").echo(t)
				if got.get(t, "Remote-Sub") != u.id || strings.Contains(got.get(t, "Cookie"), "gatehouse") {
					t.Errorf("the upstream got %+v", got.Headers)
				}
			}
			list := g.do(t, call{path: "/auth/sessions", host: login.host, cookies: login.cookies}).must(t, http.StatusOK, "").json(t)
			found := map[any]any{}
			for _, v := range list["sessions"].([]any) {
				s := v.(object)
				found[s["host"]] = s["parent"]
			}
			if len(found) != 3 || found["app.localhost"] != u.sid || found["wiki.localhost"] != u.sid || found[""] != nil {
				t.Errorf("sessions by host and parent: %v", found)
			}
			// A renewal in place, with the request's method and body.
			g.advance(t, 6*time.Minute)
			a := g.do(t, call{method: "POST", path: "/private/", host: app.host, cookies: app.cookies, body: "kept",
				header: map[string]string{"Origin": app.origin(), "Sec-Fetch-Site": "same-origin"}}).must(t, http.StatusOK, "")
			renewed := a.setCookies(t)[prefix+"gatehouse_refresh"]
			if got := a.echo(t); got.Method != "POST" || got.Body != "kept" || renewed == nil || a.header.Get("Cache-Control") != "private, no-store" {
				t.Errorf("renewed: %+v, headers %v", got, a.header)
			}
			app.open(t, "/private/")
			app.signOut(t, object{}).must(t, http.StatusNoContent, "")
			if app.in(t) || !wiki.in(t) || !login.in(t) {
				t.Error("signed out at one host: not there alone")
			}
			app.cookies = map[string]string{}
			app.arrive(t, login)
			wiki.open(t, "/private/")
			wiki.signOut(t, object{"everywhere": true}).must(t, http.StatusNoContent, "")
			if app.in(t) || wiki.in(t) || login.in(t) {
				t.Error("signed out everywhere: not everywhere")
			}
			if n := g.count(t, "select count(*) from events where kind = 'session.handed_over'"); n != 3 {
				t.Errorf("%d events tell of three hand-overs", n)
			}
		})
	}
}

// The sign-out of the sign-in page is that of every host, within the time of any revocation and for renewals too.
func TestS04_LogoutEndsChildren(t *testing.T) {
	t.Parallel()
	g := start(t, guardedHosts("http", plan{clock: true}))
	login, app, wiki, u := g.newSurfer(t, "http")
	app.arrive(t, login)
	wiki.arrive(t, login)
	g.do(t, call{method: "POST", path: "/auth/logout", host: login.host, cookies: login.cookies, body: object{}}).must(t, http.StatusNoContent, "")
	for _, s := range []*surfer{app, wiki} {
		a := g.do(t, call{path: "/private/", host: s.host, cookies: s.cookies})
		a.want(t, http.StatusUnauthorized, "invalid_token")
	}
	g.advance(t, 6*time.Minute)
	for _, s := range []*surfer{app, wiki} {
		g.do(t, call{path: "/private/", host: s.host, cookies: s.cookies}).want(t, http.StatusUnauthorized, "invalid_token")
	}
	if n := g.count(t, "select count(*) from revocations where account_id = '"+u.id+"'"); n != 3 {
		t.Errorf("%d revocations, want one for each session", n)
	}
}

// What a service gets hold of by its host's own browser code, such as the tokens of a child session, opens that host alone: no other
// host, not the sign-in page, and by no renewal.
func TestS04_ChildIsOfItsHost(t *testing.T) {
	t.Parallel()
	g := start(t, guardedHosts("http", plan{clock: true}))
	login, app, wiki, _ := g.newSurfer(t, "http")
	app.arrive(t, login)
	elsewhere := func(what string) {
		t.Helper()
		for path, host := range map[string]string{"/private/": wiki.host, "/x": login.host, "/auth/me": login.host} {
			a := g.do(t, call{path: path, host: host, cookies: app.cookies})
			if a.want(t, http.StatusUnauthorized, "invalid_token"); strings.Contains(string(a.body), "Remote-Sub") {
				t.Errorf("%s: %s%s lets it in", what, host, path)
			}
		}
	}
	elsewhere("at first")
	g.advance(t, 6*time.Minute)
	elsewhere("to be renewed")
	if !app.in(t) {
		t.Error("the child session is not renewed at its own host any more")
	}
}

// A site that answers to any name takes no code: a host of somebody else's, to which sign-ins may lead, could bring one there.
func TestC13_UnnamedHost(t *testing.T) {
	t.Parallel()
	more := guardedHosts("http", plan{})
	more.site = strings.Replace(more.site, "http://app.localhost:<port>, http://wiki.localhost:<port> {", "http://:<port> {", 1)
	g := start(t, more)
	for _, host := range []string{"partner.example.org", fmt.Sprintf("app.localhost:%d", g.Port)} {
		g.do(t, call{path: "/.gatehouse/handover?code=ghh_x.aaaaaaaa", host: host}).want(t, http.StatusBadRequest, "invalid_request")
	}
	// The person it happens to has just signed in, and is told why that was not enough.
	got := g.do(t, call{path: "/.gatehouse/handover?code=ghh_x.aaaaaaaa", host: "partner.example.org", header: page})
	if got.status != http.StatusBadRequest || !strings.Contains(string(got.body), "answers to any host name") {
		t.Errorf("a browser got %d: %s", got.status, got.body)
	}
}

// Codes that somebody else shows, shows again, late or elsewhere open nothing (RFC 9700 §4.5, §4.7).
func TestB04_Handover(t *testing.T) {
	t.Parallel()
	g := start(t, guardedHosts("http", plan{clock: true}))
	login, app, wiki, _ := g.newSurfer(t, "http")
	evil, evilApp, _, _ := g.newSurfer(t, "http")

	foreign := evilApp.handed(t, evil, fresh())
	app.refused(t, "another browser's code", foreign)
	code := app.handed(t, login, fresh())
	app.refused(t, "another browser's code, with a verifier at hand", foreign)
	evilApp.refused(t, "a stolen code", code)
	elsewhere := &surfer{g, "http", wiki.host, app.cookies}
	elsewhere.refused(t, "a code at another host", code)
	before := maps.Clone(app.cookies)
	for _, rd := range []string{"https://evil.example/", "//evil.example", wiki.origin() + "/", "javascript:alert(1)"} {
		at := strings.Index(code, "&rd=")
		spoilt := code[:at] + "&rd=" + url.QueryEscape(rd)
		if got := app.led(t, http.StatusSeeOther, spoilt); got != app.origin()+"/" {
			t.Errorf("rd %s: led to %s", rd, got)
		}
		app.cookies = maps.Clone(before)
		app.refused(t, "a code that was used", spoilt)
		app.cookies = map[string]string{}
		code = app.handed(t, login, fresh())
		before = maps.Clone(app.cookies)
	}
	g.advance(t, 61*time.Second)
	app.refused(t, "an old code", code)
	code = app.handed(t, login, fresh())
	g.do(t, call{method: "POST", path: "/auth/logout", host: login.host, cookies: login.cookies, body: object{}}).must(t, http.StatusNoContent, "")
	app.refused(t, "a code of a session that has ended", code)
	for _, secret := range []string{"ghh_", "handover="} {
		if strings.Contains(g.logs(), secret) {
			t.Errorf("%s stands in the log", secret)
		}
	}
	evilApp.cookies = map[string]string{}
	foreign = evilApp.handed(t, evil, fresh())
	evilApp.led(t, http.StatusSeeOther, foreign)
	for _, from := range []map[string]string{{"Origin": "http://evil.localhost", "Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}} {
		g.do(t, call{method: "POST", path: "/.gatehouse/sign-out", host: app.host, cookies: evilApp.cookies, body: object{}, header: from}).
			want(t, http.StatusForbidden, "cross_origin")
		if !evilApp.in(t) {
			t.Error("another page signed somebody out")
		}
	}
}

// TestK04_HandoverRace: of a hundred that show one code, over two nodes at once, one gets a session.
func TestK04_HandoverRace(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{site: guardedHosts("http", plan{}).site})
	login, _, _, u := c.a.newSurfer(t, "http")
	for range soak.N(2, 20) {
		app := c.a.surfer("http", "app")
		// A cluster's issuer is the first node's own address.
		asked := app.led(t, http.StatusSeeOther, "/.gatehouse/handover?rd=/private/")
		code, err := url.Parse(login.led(t, http.StatusSeeOther, asked))
		if err != nil {
			t.Fatal(err)
		}
		before := c.a.count(t, "select count(*) from sessions where account_id = '"+u.id+"'")
		got := c.a.atOnce(t, 100, func(i int) call {
			node := []*gateway{c.a, c.b}[i%2]
			return call{path: code.RequestURI(), host: app.host, cookies: app.cookies, base: "http://" + node.Host()}
		})
		won := 0
		for _, a := range got {
			switch {
			case a.status == http.StatusSeeOther && a.header.Get("Location") == app.origin()+"/private/":
				won++
			case a.status == http.StatusServiceUnavailable: // a busy machine: nobody was let in
			case a.status != http.StatusBadRequest || a.code() != "invalid_code":
				t.Errorf("answered %d %.200s", a.status, a.body)
			}
		}
		after := c.a.count(t, "select count(*) from sessions where account_id = '"+u.id+"'")
		if won != 1 || after != before+1 {
			t.Errorf("%d won, %d sessions more", won, after-before)
		}
	}
}
