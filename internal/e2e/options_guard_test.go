package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// as gives a user roles and returns the user with a token that knows them.
func (g *gateway) as(t testing.TB, u *user, roles ...string) *user {
	t.Helper()
	g.exec(t, `update users set roles = '["`+strings.Join(roles, `","`)+`"]', roles_version = roles_version + 1 where id = '`+u.id+`'`)
	u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
	return u
}

func TestOption_guard_optional(t *testing.T) {
	t.Parallel()
	g := start(t, plan{guard: "optional"})
	u, b := g.newUser(t), g.newBrowser(t)
	for what, c := range map[string]call{
		"nothing": {}, "a bad bearer": {bearer: "x"}, "a bad cookie": {cookies: map[string]string{"gatehouse": "x"}}, "a dead refresh cookie": {cookies: map[string]string{"gatehouse_refresh": "x"}},
		"a navigation": {header: page}, "a post": {method: "POST", body: "x"},
	} {
		c.path = "/x"
		if e := g.do(t, c).must(t, 200, "").echo(t); len(e.like("Remote-User"))+len(e.like("Remote-Sub")) != 0 {
			t.Errorf("%s: the upstream got %v", what, e.Headers)
		}
	}
	for _, c := range []call{{bearer: u.access}, {cookies: b.cookies}} {
		if g.do(t, c).must(t, 200, "").echo(t).get(t, "Remote-Sub") == "" {
			t.Error("who is signed in is not told to the upstream")
		}
	}
	// What went wrong otherwise is not made better by calling the visitor anonymous.
	g.do(t, call{method: "POST", path: "/x", cookies: b.cookies, header: map[string]string{"Origin": "https://evil.test"}}).want(t, 403, "cross_origin")
	g.raw(t, "GET /x HTTP/1.1\r\nHost: "+g.Host()+"\r\n"+closing+"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n").want(t, 400, "invalid_request")
	g.mustReload(t, plan{})
	g.do(t, call{path: "/x"}).want(t, 401, "authentication_required")
}

func TestOption_guard_require_role(t *testing.T) {
	t.Parallel()
	g := start(t, plan{guard: "require role editor admin\nrequire role staff"})
	plain, editor, both := g.newUser(t), g.newUser(t), g.newUser(t)
	editor, both = g.as(t, editor, "editor"), g.as(t, both, "staff", "admin")
	g.do(t, call{path: "/x"}).want(t, 401, "authentication_required")
	g.do(t, call{path: "/x", bearer: plain.access}).want(t, 403, "forbidden")
	g.do(t, call{path: "/x", bearer: editor.access}).want(t, 403, "forbidden") // several lines: all of them
	g.do(t, call{path: "/x", bearer: both.access}).want(t, 200, "")            // words in a line: any
	// A rule that fails is no matter of signing in, for a person neither.
	g.do(t, call{path: "/x", bearer: plain.access, header: page}).want(t, 403, "forbidden")
	g.mustReload(t, plan{guard: "require role editor"})
	g.do(t, call{path: "/x", bearer: editor.access}).want(t, 200, "")
	g.do(t, call{path: "/x", bearer: both.access}).want(t, 403, "forbidden")
	g.mustReload(t, plan{guard: "optional\nrequire role editor"})
	g.do(t, call{path: "/x", bearer: plain.access}).want(t, 403, "forbidden")
	g.do(t, call{path: "/x"}).want(t, 200, "")
}

func TestOption_guard_require_verified(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "signup open", guard: "require verified"})
	g.api(t, "POST", "/register", map[string]any{"email": "new@example.com", "username": "new", "password": password}).must(t, 201, "")
	u := g.signIn(t, &user{email: "new@example.com", password: password}, false)
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 403, "forbidden")
	g.exec(t, "update users set email_verified_at = 1")
	u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
}

func TestOption_guard_require_user(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "signup open"})
	verified := func(name string) *user {
		g.api(t, "POST", "/register", map[string]any{"email": name + "@example.com", "username": name, "password": password}).must(t, 201, "")
		g.exec(t, "update users set email_verified_at = 1 where email = '"+name+"@example.com'")
		return g.signIn(t, &user{email: name + "@example.com", password: password}, false)
	}
	byID, byEmail, other := verified("byid"), verified("byemail"), verified("other")
	g.api(t, "POST", "/register", map[string]any{"email": "unproven@example.com", "username": "unproven", "password": password}).must(t, 201, "")
	unproven := g.signIn(t, &user{email: "unproven@example.com", password: password}, false)
	g.mustReload(t, plan{global: "signup open", guard: "require user " + byID.id + " byemail@example.com unproven@example.com"})
	g.do(t, call{path: "/x", bearer: byID.access}).want(t, 200, "")
	g.do(t, call{path: "/x", bearer: byEmail.access}).want(t, 200, "")
	g.do(t, call{path: "/x", bearer: other.access}).want(t, 403, "forbidden")
	g.do(t, call{path: "/x", bearer: unproven.access}).want(t, 403, "forbidden") // an address that nobody proved names nobody
}

func TestOption_guard_headers(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.as(t, g.newUser(t, profile{firstName: "Ada", lastName: "Lovelace"}), "a", "b")
	families := map[string]map[string]string{
		"remote":         {"Remote-User": u.email, "Remote-Sub": u.id, "Remote-Email": u.email, "Remote-Name": "Ada Lovelace", "Remote-Groups": "a,b"},
		"x_auth":         {"X-Auth-User-Id": u.id, "X-Auth-Username": u.username, "X-Auth-Email": u.email, "X-Auth-Name": "Ada Lovelace", "X-Auth-Roles": "a,b", "X-Auth-Session-Id": u.sid},
		"x_auth_request": {"X-Auth-Request-User": u.email, "X-Auth-Request-Email": u.email, "X-Auth-Request-Preferred-Username": u.username, "X-Auth-Request-Groups": "a,b"},
		"x_forwarded":    {"X-Forwarded-User": u.email, "X-Forwarded-Email": u.email, "X-Forwarded-Preferred-Username": u.username, "X-Forwarded-Groups": "a,b"},
		"webauth":        {"X-WEBAUTH-USER": u.email, "X-WEBAUTH-EMAIL": u.email, "X-WEBAUTH-NAME": "Ada Lovelace", "X-WEBAUTH-GROUPS": "a,b"},
	}
	for _, chosen := range []string{"", "remote", "x_auth", "x_auth_request", "x_forwarded", "webauth", "none", "remote webauth", "x_forwarded x_auth remote"} {
		p := plan{guard: "headers " + chosen}
		if chosen == "" {
			p.guard, chosen = "", "remote"
		}
		g.mustReload(t, p)
		want := map[string]string{}
		for _, family := range strings.Fields(chosen) {
			for name, value := range families[family] {
				want[name] = value
			}
		}
		// The former servers may take a connection for a moment longer.
		eventually(t, "the headers "+chosen, func() bool {
			e := g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "").echo(t)
			return !slices.ContainsFunc(identityNames, func(name string) bool { return e.get(t, name) != want[name] })
		})
	}
}

func TestOption_guard_header(t *testing.T) {
	t.Parallel()
	g := start(t, plan{guard: "headers none\nheader X-User-Id {http.auth.user.id}\nheader Kennung.Eins {http.auth.user.username}\nheader X-Path {http.request.uri.path}"})
	u := g.newUser(t)
	e := g.do(t, call{path: "/a/b", bearer: u.access, header: map[string]string{"x_user.id": "spoofed", "X-Path": "spoofed", "Kennung-Eins": "spoofed", "KENNUNG_EINS": "spoofed"}}).must(t, 200, "").echo(t)
	for name, want := range map[string]string{"X-User-Id": u.id, "Kennung.Eins": u.username, "X-Path": "/a/b"} {
		if got := e.get(t, name); got != want || len(e.like(name)) != 1 {
			t.Errorf("%s is %q in %v", name, got, e.Headers)
		}
	}
	g.mustReload(t, plan{guard: "headers none\nheader X-Other {http.auth.user.email}"})
	e = g.do(t, call{path: "/", bearer: u.access, header: map[string]string{"X-User-Id": "theirs"}}).must(t, 200, "").echo(t)
	if e.get(t, "X-Other") != u.email || e.get(t, "X-User-Id") != "theirs" {
		t.Errorf("the upstream got %v", e.Headers)
	}
}

func TestOption_guard_forward_token(t *testing.T) {
	t.Parallel()
	g := start(t, plan{guard: "forward_token"})
	u, b := g.newUser(t), g.newBrowser(t)
	if got := g.do(t, call{path: "/", bearer: u.access}).must(t, 200, "").echo(t).get(t, "Authorization"); got != "Bearer "+u.access {
		t.Errorf("with forward_token the upstream got Authorization %.20q", got)
	}
	e := g.do(t, call{path: "/", cookies: b.cookies}).must(t, 200, "").echo(t)
	if len(e.all("Authorization"))+len(e.all("Cookie")) != 0 {
		t.Errorf("a cookie is no token to forward: %v", e.Headers)
	}
	g.mustReload(t, plan{})
	if got := g.do(t, call{path: "/", bearer: u.access}).must(t, 200, "").echo(t).all("Authorization"); len(got) != 0 {
		t.Errorf("without forward_token the upstream got Authorization %.20q", got)
	}
}

func TestOption_guard_login_url(t *testing.T) {
	t.Parallel()
	g := start(t, plan{guard: "login_url /auth/enter"})
	for guard, want := range map[string]string{"login_url /auth/enter": "/auth/enter?rd=", "login_url https://auth.example.com/auth/login": "https://auth.example.com/auth/login?rd=",
		"login_url https://auth.example.com/?a=b": "https://auth.example.com/?a=b&rd=", "": "/auth/login?rd="} {
		g.mustReload(t, plan{guard: guard})
		a := g.do(t, call{path: "/x", header: page})
		if got := a.header.Get("Location"); a.status != 302 || !strings.HasPrefix(got, want+"http%3A%2F%2F127.0.0.1") {
			t.Errorf("%q: %d to %s", guard, a.status, got)
		}
	}
	// No page that the guard itself guards will do.
	if complaint, err := g.reload(plan{guard: "login_url /wrong/login"}); err != nil || !strings.Contains(complaint, "covered by this guard itself") {
		t.Errorf("a page that is guarded: %v %q", err, complaint)
	}
	// It must be given where the site has no portal.
	complaint, err := g.reload(plan{site: "http://127.0.0.1:<port> {\n\tgatehouse_guard\n\treverse_proxy <upstream>\n}\n"})
	if err != nil || !strings.Contains(complaint, "login_url") {
		t.Errorf("a guard without portal and login_url: %v %q", err, complaint)
	}
}

func TestOption_portal_prefix(t *testing.T) {
	t.Parallel()
	g := start(t, plan{site: "http://127.0.0.1:<port> {\n\tgatehouse /id/entity\n\tgatehouse_guard\n\treverse_proxy <upstream>\n}\n"})
	for path, status := range map[string]int{"/id/entity/healthz": 200, "/auth/healthz": 401, "/id/entity/nothing": 404, "/id/entityx/healthz": 401, "/ID/entity/healthz": 401} {
		a := g.raw(t, "GET "+path+" HTTP/1.1\r\nHost: "+g.Host()+"\r\n"+closing+"\r\n") // /auth is the service's here
		if a.status != status {
			t.Errorf("%s: %d, expected %d", path, a.status, status)
		}
	}
	a := g.do(t, call{path: "/x", header: page})
	if want := fmt.Sprintf("/id/entity/login?rd=http%%3A%%2F%%2F127.0.0.1%%3A%d%%2Fx", g.Port); a.header.Get("Location") != want {
		t.Errorf("the guard leads to %s", a.header.Get("Location"))
	}
	g.do(t, call{method: "POST", path: "/id/entity/register", body: map[string]any{"email": "p@example.com", "password": password}}).must(t, 202, "")
	if l := g.waitMail(t, "p@example.com", 1); !strings.HasPrefix(l.link, g.url("/id/entity/")) {
		t.Errorf("the mail links to %s", l.link)
	}
}

// shadow: what the guard would refuse goes on, without a word of who the user is, also where a client or a cookie says one; it is counted
// and logged once a second.
func TestOption_guard_shadow(t *testing.T) {
	t.Parallel()
	g := start(t, plan{guard: "shadow\nrequire role editor"})
	plain, editor := g.newUser(t), g.newUser(t)
	editor = g.as(t, editor, "editor")
	forged := map[string]string{"Remote-User": "root@example.com", "X-Auth-Request-Email": "root@example.com"}
	for what, c := range map[string]call{
		"nobody": {}, "a navigation": {header: page}, "a bad token": {bearer: "x"}, "no role": {bearer: plain.access}, "forged": {header: forged},
		"another origin": {method: "POST", cookies: g.newBrowser(t).cookies, header: map[string]string{"Origin": "https://evil.test"}},
	} {
		c.path = "/x"
		e := g.do(t, c).must(t, 200, "").echo(t)
		if said := len(e.like("Remote-User")) + len(e.like("Remote-Sub")) + len(e.like("X-Auth-Request-Email")) + len(e.like("Cookie")); said != 0 {
			t.Errorf("%s: the upstream got %v", what, e.Headers)
		}
		if c.bearer == plain.access && len(e.like("Authorization")) != 0 {
			t.Errorf("%s: the upstream got the token", what)
		}
	}
	if g.do(t, call{path: "/x", bearer: editor.access, header: forged}).must(t, 200, "").echo(t).get(t, "Remote-Sub") != editor.id {
		t.Error("who is let in is not told to the upstream")
	}
	for outcome, least := range map[string]float64{"authentication_required": 3, "forbidden": 1, "cross_origin": 1, "unavailable": 0} {
		if n := g.metric(t, `gatehouse_guard_shadow_refusals_total{outcome="`+outcome+`"}`); n < least {
			t.Errorf("%v of %s are counted", n, outcome)
		}
	}
	if log := g.logs(); !strings.Contains(log, "has shadow: it refuses nobody") || !strings.Contains(log, "would have refused a request") {
		t.Error("the log does not tell")
	}
	g.mustReload(t, plan{guard: "require role editor"})
	g.do(t, call{path: "/x", bearer: plain.access}).want(t, 403, "forbidden")
}
