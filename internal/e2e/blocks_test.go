package e2e

import (
	"net"
	"strings"
	"testing"
)

// A guard in one block of a site: what other blocks answer is stripped all the same.
func TestP01_GuardInABlock(t *testing.T) {
	t.Parallel()
	g := start(t, plan{site: `http://127.0.0.1:<port> {
	gatehouse
	handle /admin/* {
		gatehouse_guard {
			header X-User-Id {http.auth.user.id}
		}
		reverse_proxy <upstream>
	}
	handle {
		reverse_proxy <upstream>
	}
}
`})
	u := g.newUser(t)
	forged := map[string]string{"Remote-User": "root", "remote_email": "root@example.com", "X_User_Id": "1"}
	e := g.do(t, call{path: "/public", header: forged}).must(t, 200, "").echo(t)
	for name := range forged {
		if got := e.like(name); len(got) > 0 {
			t.Errorf("the upstream of another block got %v", got)
		}
	}
	e = g.do(t, call{path: "/admin/x", header: forged, bearer: u.access}).must(t, 200, "").echo(t)
	if e.get(t, "Remote-User") != u.email || e.get(t, "X-User-Id") != u.id {
		t.Errorf("the upstream of the guarded block got %v", e.Headers)
	}
	g.do(t, call{path: "/admin/x", header: forged}).want(t, 401, "authentication_required")
}

// Several guards on a request's way: it must pass every one that matches it, and none takes away what another set.
func TestGuard_severalOnASite(t *testing.T) {
	t.Parallel()
	for name, guards := range map[string]string{
		"wide first": "gatehouse_guard\ngatehouse_guard /admin/* {\nrequire role admin\nheaders x_auth\n}\n" +
			"gatehouse_guard /mine/* {\nrequire verified\nheaders x_auth\n}\n",
		"narrow first": "gatehouse_guard /admin/* {\nrequire role admin\nheaders x_auth\n}\n" +
			"gatehouse_guard /mine/* {\nrequire verified\nheaders x_auth\n}\ngatehouse_guard\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, plan{site: "http://127.0.0.1:<port> {\ngatehouse\n" + guards + "reverse_proxy <upstream>\n}\n"})
			for _, u := range []*user{g.newUser(t), g.newBrowser(t)} {
				c := call{bearer: u.access, cookies: u.cookies, header: map[string]string{"X-Auth-User-Id": "spoofed", "Remote-Sub": "spoofed"}}
				c.path = "/admin/x"
				g.do(t, c).want(t, 403, "forbidden")
				c.path = "/x"
				e := g.do(t, c).must(t, 200, "").echo(t)
				if e.get(t, "Remote-Sub") != u.id || e.get(t, "X-Auth-User-Id") != "" || e.get(t, "Authorization") != "" || e.get(t, "Cookie") != "" {
					t.Errorf("the upstream got %v", e.Headers)
				}
				c.path = "/mine/x"
				e = g.do(t, c).must(t, 200, "").echo(t)
				if e.get(t, "Remote-Sub") != u.id || e.get(t, "X-Auth-User-Id") != u.id {
					t.Errorf("the upstream got %v", e.Headers)
				}
			}
			g.do(t, call{path: "/x"}).want(t, 401, "authentication_required")
			g.do(t, call{path: "/mine/x"}).want(t, 401, "authentication_required")
		})
	}
}

// Headers that only the second of two guards sets are removed from what a client sends, whether it sets them or not.
func TestP02_AliasesOfALaterGuard(t *testing.T) {
	t.Parallel()
	g := start(t, plan{site: `http://127.0.0.1:<port> {
	gatehouse
	gatehouse_guard
	@told path /told/*
	gatehouse_guard @told {
		header X-Dept {http.auth.user.roles}
	}
	reverse_proxy <upstream>
}
`})
	u := g.newUser(t)
	for _, path := range []string{"/x", "/told/x"} {
		for _, name := range []string{"X-Dept", "x_dept", "X.Dept"} {
			e := g.do(t, call{path: path, bearer: u.access, header: map[string]string{name: "forged"}}).must(t, 200, "").echo(t)
			if got := e.like("X-Dept"); len(got) > 0 {
				t.Errorf("%s: the upstream got %v for %s", path, got, name)
			}
		}
	}
}

// Bytes that are no UTF-8 in a user agent fail nothing, on Postgres neither.
func TestI05_UserAgentOfAnyBytes(t *testing.T) {
	t.Parallel()
	g := start(t, plan{postgres: true})
	u := g.newUser(t)
	odd := call{header: map[string]string{"User-Agent": "a\xff\xc0b" + strings.Repeat("\xe9", 600)}}
	a := g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": u.password}, odd).must(t, 200, "")
	g.api(t, "POST", "/refresh", map[string]any{"refresh_token": a.text("refresh_token")}, odd).want(t, 200, "")
}

// A reload that Caddy rejects after Gatehouse's part has started leaves locks, keys and commands as they were.
func TestM02_ReloadRejectedLate(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "lockout {\nfailures 3\n}"})
	u := g.newUser(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	for range 3 { // apps start in random order
		bad := plan{global: "lockout off", site: defaultSite + "http://" + taken.Addr().String() + " {\nbind 127.0.0.1\nrespond ok\n}\n"}
		if complaint, err := g.reload(bad); err != nil || complaint == "" {
			t.Fatalf("a configuration with a taken port was accepted (%v)", err)
		}
	}
	wrong := map[string]any{"login": u.email, "password": "not the password at all"}
	for range 3 {
		g.api(t, "POST", "/login", wrong).must(t, 401, "invalid_credentials")
	}
	g.api(t, "POST", "/login", wrong).want(t, 429, "account_locked")
	for range 2 {
		if out, complaint, code := g.Command(t, "keys", "rotate"); code != 0 {
			t.Fatalf("keys rotate: %d %s %s", code, out, complaint)
		}
	}
	fresh := g.newUser(t)
	g.do(t, call{path: "/x", bearer: fresh.access}).want(t, 200, "")
	g.api(t, "GET", "/me", nil, call{bearer: fresh.access}).want(t, 200, "")
}

// A revocation that this node did not make, or made without learning that its commit went through, is read from the
// database within a moment.
func TestT14_RevokedBesideTheNode(t *testing.T) {
	t.Parallel()
	g := start(t, plan{postgres: true})
	u, other := g.newUser(t), g.newUser(t)
	g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
	g.exec(t, "insert into revocations (session_id, account_id, epoch, roles_version, until) select id, account_id, 0, 0, access_until from sessions where id = '"+u.sid+"'")
	eventually(t, "the session is refused", func() bool {
		return g.do(t, call{path: "/x", bearer: u.access}).status == 401
	})
	g.do(t, call{path: "/x", bearer: other.access}).want(t, 200, "")
}
