package e2e

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// until moves the gateway's clock to an instant of it.
func (g *gateway) until(t testing.TB, at time.Time) {
	t.Helper()
	g.advance(t, time.Until(at)-g.offset)
}

// instant reads a time from the gateway's database.
func (g *gateway) instant(t testing.TB, statement string) time.Time {
	t.Helper()
	return time.UnixMicro(g.count(t, statement))
}

func (g *gateway) sessionEnd(t testing.TB, u *user) time.Time {
	t.Helper()
	return g.instant(t, "select expires_at from sessions where id = '"+u.sid+"'")
}

// near is how long before an end a test looks at what still holds: the real time that a busy machine takes for a call
// passes on the moved clock as well.
const near = 10 * time.Second

// TestT23_AbsoluteLife: refreshed every five minutes, a session ends at its cap, and so does every token of it.
func TestT23_AbsoluteLife(t *testing.T) {
	t.Parallel()
	cap, option := 2*time.Hour, "\t\trefresh_lifetime 30m\n\t\tsession_lifetime 2h"
	if soak.Long() {
		cap, option = 90*24*time.Hour, ""
	}
	g := start(t, plan{clock: true, global: option})
	u, b := g.newUser(t), g.newBrowser(t)
	end := g.sessionEnd(t, u)
	if life := end.Sub(g.instant(t, "select created_at from sessions where id = '"+u.sid+"'")); life > cap || life < cap-time.Second {
		t.Fatalf("a session of %s, the cap is %s", life, cap)
	}
	refreshes := 0
	for at := time.Now().Add(5 * time.Minute); at.Before(end.Add(-near)); at = at.Add(5 * time.Minute) {
		g.until(t, at)
		a := g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh})
		u.take(t, a.must(t, 200, ""))
		if refreshes++; refreshes%4 == 0 { // a browser in between: it is renewed in place
			b.takeCookies(t, g.do(t, call{path: "/app", cookies: b.cookies}).must(t, 200, ""))
		}
		g.outlivesNothing(t, u, end)
	}
	if want := int(cap/(5*time.Minute)) - 2; refreshes < want {
		t.Fatalf("%d refreshes", refreshes)
	}
	g.until(t, end.Add(-near))
	u.take(t, g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
	g.outlivesNothing(t, u, end)
	g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
	g.do(t, call{path: "/app", cookies: b.cookies}).must(t, 200, "")

	g.until(t, maxTime(end, g.sessionEnd(t, b)).Add(time.Second))
	g.do(t, call{path: "/app", bearer: u.access}).want(t, 401, "invalid_token")
	g.do(t, call{path: "/app", cookies: b.cookies}).want(t, 401, "invalid_token")
	g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).want(t, 401, "invalid_refresh_token")
	again := g.signIn(t, u, false)
	if again.sid == u.sid {
		t.Error("signing in again gave the session that had ended")
	}
	g.do(t, call{path: "/app", bearer: again.access}).must(t, 200, "")
}

// outlivesNothing checks that no token of u is good past the end of its session.
func (g *gateway) outlivesNothing(t testing.TB, u *user, end time.Time) {
	t.Helper()
	exp, _ := claims(t, u.access)["exp"].(float64)
	if at := time.Unix(int64(exp), 0); exp == 0 || at.After(end) {
		t.Errorf("an access token until %s, its session ends %s", at, end)
	}
	if at := g.instant(t, "select refresh_expires_at from sessions where id = '"+u.sid+"'"); at.After(end) {
		t.Errorf("a refresh token until %s, its session ends %s", at, end)
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// TestS10_AbsoluteEnd: whatever was issued last, nothing is accepted after the end, and everything up to it. The access
// lifetime is longer than what is left, so that it is the session's end that counts.
func TestS10_AbsoluteEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{clock: true, global: "\t\taccess_lifetime 20m\n\t\trefresh_lifetime 1h\n\t\tsession_lifetime 1h"}, func(t *testing.T, g *gateway) {
		u, b := g.newUser(t), g.newBrowser(t)
		end := g.sessionEnd(t, u)
		g.until(t, end.Add(-time.Minute))
		u.take(t, g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
		g.outlivesNothing(t, u, end)
		b.takeCookies(t, g.do(t, call{path: "/app", cookies: b.cookies}).must(t, 200, "")) // renewed in place
		for _, c := range []call{{bearer: u.access}, {cookies: b.cookies}} {
			c.path = "/app"
			g.do(t, c).want(t, 200, "")
			c.path = "/auth/me"
			g.do(t, c).want(t, 200, "")
		}
		g.until(t, maxTime(end, g.sessionEnd(t, b)).Add(time.Second))
		for _, c := range []call{{bearer: u.access}, {cookies: b.cookies}} {
			c.path = "/app"
			g.do(t, c).want(t, 401, "invalid_token")
			c.path = "/auth/me"
			g.do(t, c).want(t, 401, "invalid_token")
		}
		g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).want(t, 401, "invalid_refresh_token")
		for _, token := range []string{u.access, u.refresh} {
			g.inactive(t, "a token of a session that has ended", token)
		}
	})
}

// TestS10_Idle: a session that nobody renews ends with its refresh token, one that somebody does is as good as new.
func TestS10_Idle(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true, global: "\t\taccess_lifetime 1m\n\t\trefresh_lifetime 15m\n\t\tsession_lifetime 12h"})
	u, b := g.newUser(t), g.newBrowser(t)
	idleEnd := func(u *user) time.Time {
		return g.instant(t, "select refresh_expires_at from sessions where id = '"+u.sid+"'")
	}
	for range 3 { // in time, again and again, each way
		g.until(t, idleEnd(u).Add(-near))
		u.take(t, g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
		b.takeCookies(t, g.do(t, call{path: "/app", cookies: b.cookies}).must(t, 200, ""))
	}
	g.until(t, maxTime(idleEnd(u), idleEnd(b)).Add(time.Second))
	g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).want(t, 401, "invalid_refresh_token")
	g.do(t, call{path: "/app", bearer: u.access}).want(t, 401, "invalid_token")
	g.do(t, call{path: "/app", cookies: b.cookies}).want(t, 401, "invalid_token")
	if n := g.count(t, "select count(*) from sessions where revoked_at is not null"); n != 0 {
		t.Errorf("%d sessions were taken for stolen", n)
	}
}

// TestO15_CodeLifetimes: a code or link is good for ten minutes and not for a second longer; a link for a new password for an hour.
func TestO15_CodeLifetimes(t *testing.T) {
	t.Parallel()
	for name, link := range map[string]bool{"code": false, "link": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, plan{clock: true})
			g.verifyLifetime(t, link)
			g.resetLifetime(t, link)
		})
	}
}

// end is when what was sent last for a purpose expires, which is good for a while; all of the challenge must be kept for a time.
func (g *gateway) end(t testing.TB, purpose string, good, kept time.Duration) time.Time {
	t.Helper()
	of := " from challenges where purpose = '" + purpose + "' order by created_at desc limit 1"
	made, end := g.instant(t, "select created_at"+of), g.instant(t, "select expires_at"+of)
	if end.Sub(made) != kept {
		t.Errorf("a challenge for %s lives for %s", purpose, end.Sub(made))
	}
	return made.Add(good)
}

func (g *gateway) verifyLifetime(t testing.TB, link bool) {
	t.Helper()
	waiting := func() (object, answer) {
		email := freshEmail()
		a := g.register(t, object{"email": email, "password": password})
		l := g.waitMail(t, email, 1)
		shown := object{"email": email, "otp": l.code, "registration": a.text("registration")}
		if link {
			shown = object{"token": l.token, "registration": a.text("registration")}
		}
		return shown, a
	}
	late, said := waiting()
	if got := said.json(t)["expires_in"]; got != 600.0 {
		t.Errorf("expires_in is %v", got)
	}
	g.until(t, g.end(t, "verify_email", 10*time.Minute, 10*time.Minute).Add(time.Second))
	g.api(t, "POST", "/verify", late).problem(t, 400, "invalid_code")
	early, _ := waiting()
	g.until(t, g.end(t, "verify_email", 10*time.Minute, 10*time.Minute).Add(-near))
	g.api(t, "POST", "/verify", early).pair(t, false)
	g.api(t, "POST", "/verify", late).problem(t, 400, "invalid_code")
}

func (g *gateway) resetLifetime(t testing.TB, link bool) {
	t.Helper()
	good := 10 * time.Minute
	if link {
		good = time.Hour
	}
	u := g.newUser(t)
	n := 1
	asked := func() object {
		g.advance(t, 61*time.Second)
		g.api(t, "POST", "/password/forgot", object{"login": u.email}).must(t, 202, "")
		n++
		l := g.waitMail(t, u.email, n)
		if link {
			return object{"token": l.token, "new_password": chosenPassword}
		}
		return object{"login": u.email, "otp": l.code, "new_password": chosenPassword}
	}
	late := asked()
	g.until(t, g.end(t, "reset_password", good, time.Hour).Add(time.Second))
	g.api(t, "POST", "/password/reset", late).problem(t, 400, "invalid_code")
	g.attempt(t, u.email, password).pair(t, false)
	early := asked()
	g.until(t, g.end(t, "reset_password", good, time.Hour).Add(-near))
	g.api(t, "POST", "/password/reset", early).empty(t, 204)
	g.attempt(t, u.email, chosenPassword).pair(t, false)
}
