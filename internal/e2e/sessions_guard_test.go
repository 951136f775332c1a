package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// dead demands that nothing of a session works any more, at the guard and at the API.
func dead(t *testing.T, g *gateway, what string, s *user) {
	t.Helper()
	if s.access != "" {
		g.do(t, call{path: "/x", bearer: s.access}).want(t, 401, "invalid_token")
		g.api(t, "GET", "/me", nil, call{bearer: s.access}).want(t, 401, "invalid_token")
		if a := g.api(t, "POST", "/refresh", map[string]any{"refresh_token": s.refresh}); a.status != 401 {
			t.Errorf("%s: the refresh token still works: %d", what, a.status)
		}
	}
	for _, drop := range []string{"", "gatehouse", "gatehouse_refresh"} {
		cookies := map[string]string{}
		for name, value := range s.cookies {
			if name != drop {
				cookies[name] = value
			}
		}
		if a := g.do(t, call{path: "/x", cookies: cookies}); a.status != 401 {
			t.Errorf("%s: cookies without %q pass: %d", what, drop, a.status)
		}
	}
}

func TestT14_BoundToALiveSession(t *testing.T) {
	t.Parallel()
	g := shared(t)
	for what, end := range map[string]func(*user) answer{
		"logout": func(u *user) answer {
			return g.api(t, "POST", "/logout", nil, call{bearer: u.access, cookies: u.cookies})
		},
		"its own deletion": func(u *user) answer {
			return g.api(t, "DELETE", "/sessions/"+u.sid, nil, call{bearer: u.access, cookies: u.cookies})
		},
		"revoke all": func(u *user) answer {
			return g.api(t, "POST", "/sessions/revoke", map[string]any{"all": true}, call{bearer: u.access, cookies: u.cookies})
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			for _, u := range []*user{g.newUser(t), g.newBrowser(t)} {
				// Twice, so that the token is in the cache of verified ones.
				for range 2 {
					g.do(t, call{path: "/x", bearer: u.access, cookies: u.cookies}).must(t, 200, "")
				}
				if a := end(u); a.status != 204 && a.status != 200 {
					t.Fatalf("%d %s", a.status, a.body)
				}
				dead(t, g, what, u) // with the answer, not some time later
			}
		})
	}
}

func TestT14_SessionPastItsLife(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true, global: "access_lifetime 10m\nrefresh_lifetime 1h\nsession_lifetime 2h"})
	u, b := g.newUser(t), g.newBrowser(t)
	g.advance(t, 50*time.Minute)
	again := g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, "")
	u.take(t, again)
	b.takeCookies(t, g.do(t, call{path: "/x", cookies: b.cookies}).must(t, 200, ""))
	g.advance(t, 50*time.Minute)
	u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
	b.takeCookies(t, g.do(t, call{path: "/x", cookies: b.cookies}).must(t, 200, ""))
	g.advance(t, 15*time.Minute)
	u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
	b.takeCookies(t, g.do(t, call{path: "/x", cookies: b.cookies}).must(t, 200, ""))
	// The tokens are minutes old, but the session has lived its two hours, however often it was renewed.
	g.advance(t, 5*time.Minute+2*time.Second)
	dead(t, g, "past the absolute life", u)
	dead(t, g, "past the absolute life", b)
}

func TestS01_Fixation(t *testing.T) {
	t.Parallel()
	g := shared(t)
	attacker, victim := g.newBrowser(t), g.newUser(t)
	// The attacker's cookies are in the victim's browser when the victim signs in.
	a := g.api(t, "POST", "/login", map[string]any{"login": victim.email, "password": victim.password, "cookies": true},
		call{cookies: attacker.cookies, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}).must(t, 200, "")
	got := &user{}
	got.take(t, a)
	if got.sid == attacker.sid || got.sid == victim.sid || got.sid == "" {
		t.Errorf("the session's id is not new: %q", got.sid)
	}
	for _, name := range []string{"gatehouse", "gatehouse_refresh"} {
		if got.cookies[name] == "" || got.cookies[name] == attacker.cookies[name] {
			t.Errorf("the cookie %s was not replaced", name)
		}
	}
	if sub := g.do(t, call{path: "/x", cookies: got.cookies}).must(t, 200, "").echo(t).get(t, "Remote-Sub"); sub != victim.id {
		t.Errorf("the new cookies speak for %s", sub)
	}
	// What the attacker knows never becomes the victim's.
	if a := g.do(t, call{path: "/x", cookies: attacker.cookies}); a.status == 200 && a.echo(t).get(t, "Remote-Sub") != attacker.id {
		t.Error("the planted cookie speaks for the victim")
	}
	// Made-up cookies are of no use before or after a sign-in.
	planted := map[string]string{"gatehouse": "planted", "gatehouse_refresh": "ghr_planted", "gatehouse_registration": "planted"}
	g.do(t, call{path: "/x", cookies: planted}).want(t, 401, "invalid_token")
	a = g.api(t, "POST", "/login", map[string]any{"login": victim.email, "password": victim.password, "cookies": true}, call{cookies: planted}).must(t, 200, "")
	if strings.Contains(fmt.Sprint(a.header), "planted") {
		t.Error("a planted value was taken over")
	}
	g.do(t, call{path: "/x", cookies: planted}).want(t, 401, "invalid_token")
}

func TestS04_LogoutIsReal(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u, b := g.newUser(t), g.newBrowser(t)
	other := g.signIn(t, u, false)
	g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
	g.do(t, call{path: "/x", cookies: b.cookies}).must(t, 200, "")
	older := g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, "")
	fresh := &user{}
	fresh.take(t, older)
	g.api(t, "POST", "/logout", nil, call{bearer: fresh.access}).must(t, 204, "")
	dead(t, g, "signed out by bearer", fresh)
	dead(t, g, "an earlier token of the same session", u)
	g.do(t, call{path: "/x", bearer: other.access}).want(t, 200, "")

	a := g.api(t, "POST", "/logout", nil, call{cookies: b.cookies, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}).must(t, 204, "")
	for name, c := range a.setCookies(t) {
		if c.MaxAge >= 0 || c.Value != "" {
			t.Errorf("the cookie %s is not taken back", name)
		}
	}
	dead(t, g, "signed out by cookie", b)
	g.api(t, "POST", "/logout", map[string]any{"refresh_token": other.refresh}).must(t, 204, "")
	dead(t, g, "signed out by refresh token", other)
}

func TestT24_RefreshAfterChange(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u, b, off := g.newUser(t), g.newBrowser(t), g.newUser(t)
	offBrowser := g.signIn(t, off, true)
	g.exec(t, `update users set roles = '["editor","admin"]', roles_version = roles_version + 1 where id in ('`+u.id+`','`+b.id+`')`)
	u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
	if got := g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "").echo(t).get(t, "Remote-Groups"); got != "editor,admin" {
		t.Errorf("after a refresh the roles are %q", got)
	}
	delete(b.cookies, "gatehouse")
	if got := g.do(t, call{path: "/x", cookies: b.cookies}).must(t, 200, "").echo(t).get(t, "Remote-Groups"); got != "editor,admin" {
		t.Errorf("after a renewal in place the roles are %q", got)
	}
	g.exec(t, "update users set disabled_at = 1 where id = '"+off.id+"'")
	g.api(t, "POST", "/refresh", map[string]any{"refresh_token": off.refresh}).want(t, 401, "invalid_refresh_token")
	delete(offBrowser.cookies, "gatehouse")
	g.do(t, call{path: "/x", cookies: offBrowser.cookies}).want(t, 401, "invalid_token")
}

func TestT25_KeyRotation(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true, global: "access_lifetime 10m"})
	u, b := g.newUser(t), g.newBrowser(t)
	old := g.signingKey(t, "bearer")
	oldCookie := g.signingKey(t, "cookie")
	jwks := func() string { return string(g.api(t, "GET", "/.well-known/jwks.json", nil).must(t, 200, "").body) }

	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, c := range []call{{path: "/x", bearer: u.access}, {path: "/x", cookies: map[string]string{"gatehouse": b.cookies["gatehouse"]}}} {
		for range 2 {
			wg.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						if n < 100 {
							t.Errorf("only %d requests", n)
						}
						return
					default:
					}
					if a, err := g.try(c); err != nil || a.status != 200 {
						t.Errorf("a good token was refused while keys rotated: %d %v", a.status, err)
						return
					}
				}
			})
		}
	}
	for range 3 {
		resp, err := g.Admin.Post("http://admin/gatehouse/keys/rotate", "", nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("rotate: %v", err)
		}
		drain(resp)
		fresh := g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, "")
		u.take(t, fresh)
		kid := members(t, u.access, 0)["kid"].(string)
		if kid == old.kid || !strings.Contains(jwks(), kid) || !strings.Contains(jwks(), old.kid) {
			t.Errorf("after a rotation tokens are signed by %s; the JWKS has %s", kid, jwks())
		}
		for range soak.N(50, 8_000) { // a hundred thousand with those of the others
			g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
		}
	}
	close(stop)
	wg.Wait()

	// Whoever has the old key can no longer use it, once its last token has ended.
	longLived := func(k signingKey, token string) string {
		return k.sign(t, k.alg, k.header(), text(t, with(members(t, token, 1), "exp", time.Now().Add(24*time.Hour).Unix())))
	}
	forged, forgedCookie := longLived(old, u.access), longLived(oldCookie, b.cookies["gatehouse"])
	g.do(t, call{path: "/x", bearer: forged}).want(t, 200, "")
	g.do(t, call{path: "/x", cookies: map[string]string{"gatehouse": forgedCookie}}).want(t, 200, "")
	g.advance(t, 12*time.Minute)
	g.do(t, call{path: "/x", bearer: forged}).want(t, 401, "invalid_token") // also from the cache
	g.do(t, call{path: "/x", cookies: map[string]string{"gatehouse": forgedCookie}}).want(t, 401, "invalid_token")
	if strings.Contains(jwks(), old.kid) {
		t.Error("the JWKS still has the removed key")
	}
	fresh := g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, "")
	g.do(t, call{path: "/x", bearer: fresh.text("access_token")}).want(t, 200, "")
}
