package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/fcgi"
	"strings"
	"testing"
	"time"
)

// readingsGateway guards by method on its first port, by host on its second, by path on its third; the sites answer to any name.
func readingsGateway(t testing.TB) *gateway {
	t.Helper()
	site := func(port, matcher string) string {
		return "http://:<" + port + "> {\n\tbind 127.0.0.1\n\tgatehouse\n\t@a " + matcher + "\n\tgatehouse_guard @a\n\treverse_proxy <upstream>\n}\n"
	}
	return sharedAs(t, "readings", plan{global: "issuer http://127.0.0.1:<port>",
		site: site("port", "method POST PUT DELETE") + site("port2", "host admin.example.com") + site("port3", "not path /public/*")})
}

// TestP14_P16_ReadingsOfServices: what a service may read as a method, host or path that the guard's matcher is there for needs a
// sign-in; what has one reading does not.
func TestP14_P16_ReadingsOfServices(t *testing.T) {
	t.Parallel()
	g := readingsGateway(t)
	try := func(port int, method, target, host, lines string) int {
		a := g.rawTo(t, fmt.Sprintf("127.0.0.1:%d", port), method+" "+target+" HTTP/1.1\r\nHost: "+host+"\r\n"+closing+lines+"\r\n")
		return a.status
	}
	for method, want := range map[string]int{"GET": 200, "PROPFIND": 200, "POST": 401, "post": 401, "pOST": 401, "Delete": 401, "put": 401, "get": 401} {
		if got := try(g.Port, method, "/x", "a.test", ""); got != want {
			t.Errorf("%s: %d, expected %d", method, got, want)
		}
	}
	for _, line := range []string{"X-HTTP-Method-Override: DELETE\r\n", "X-Method-Override: PUT\r\n"} {
		if got := try(g.Port, "GET", "/x", "a.test", line); got != 401 && got != 400 {
			t.Errorf("GET with %q: %d", line, got)
		}
	}
	for host, want := range map[string]int{"public.example.com": 200, "PUBLIC.example.com": 200, "public.example.com:80": 200, "127.0.0.1": 200, "[::1]": 200,
		"admin.example.com": 401, "ADMIN.example.com": 401, "admin.example.com:80": 401} {
		if got := try(g.Port2, "GET", "/x", host, ""); got != want {
			t.Errorf("Host %q: %d, expected %d", host, got, want)
		}
	}
	for _, host := range []string{"admin.example.com.", "admin.example.com..", "admin%2eexample.com", "admin.example.com%00", "admin.example.com.:80", ".admin.example.com",
		"admin.example.com:", "x@admin.example.com", "admin.example.com@x", "admin.example.com,x", "admin.example.com%20", "xn--admin-.example.com"} {
		if got := try(g.Port2, "GET", "/x", host, ""); got != 401 && got != 400 {
			t.Errorf("Host %q: %d", host, got)
		}
	}
	// In absolute form the target's host is the only one.
	if got := try(g.Port2, "GET", "http://admin.example.com./x", "public.example.com", ""); got != 401 && got != 400 {
		t.Errorf("absolute form: %d", got)
	}
	for target, want := range map[string]int{"/public/x": 200, "/public/a%20b": 200, "/public/%C3%BC": 200, "/public/~me/.well-known": 200, "/private": 401} {
		if got := try(g.Port3, "GET", target, "a.test", ""); got != want {
			t.Errorf("%s: %d, expected %d", target, got, want)
		}
	}
	for _, target := range []string{"/public/..%20/admin", "/public/%20../admin", "/public/x%20", "/public/x.", "/public/x%09", "/public/x%C2%A0", "/public/..%EF%BC%8Fadmin",
		"/public/%EF%BC%8E%EF%BC%8E/admin", "/public/index.php/admin", "/public/%61", "/public/x::$DATA", "/public/PRIVAT~1", "http:public/x"} {
		if got := try(g.Port3, "GET", target, "a.test", ""); got != 401 && got != 400 {
			t.Errorf("%s: %d", target, got)
		}
	}
	for _, line := range []string{"X-Original-URL: /admin\r\n", "Script-Name: /public\r\n", "Destination: /admin\r\n"} {
		if got := try(g.Port3, "GET", "/public/x", "a.test", line); got != 401 {
			t.Errorf("with %q: %d", line, got)
		}
	}
}

// TestOption_guard_keep: another gateway's headers pass from a trusted peer alone, by the guard that keeps them alone, as they are
// written alone.
func TestOption_guard_keep(t *testing.T) {
	t.Parallel()
	p := func(trusted string) plan {
		return plan{caddy: "servers {\n\t\ttrusted_proxies static " + trusted + "\n\t}", site: `http://127.0.0.1:<port> {
	gatehouse
	gatehouse_guard /app/* {
		optional
		keep X-Authentik-Username X-Pomerium-Claim-Email
	}
	gatehouse_guard /other/* {
		optional
	}
	reverse_proxy <upstream>
}
`}
	}
	g := start(t, p("127.0.0.1/32"))
	u := g.newUser(t)
	lines := "X-Authentik-Username: ada\r\nX-Authentik!Username: eve\r\nX-Pomerium-Claim-Email: a@x.test\r\nX-Pomerium-Claim-Groups: g\r\nX-Remote-User: root\r\nRemote-User: root\r\n"
	ask := func(path, more string) *echo {
		var a answer
		inTime(t, 5*time.Second, "an answer", func() bool { // a connection that the listener of before a reload had not taken is closed
			a = g.raw(t, "GET "+path+" HTTP/1.1\r\nHost: "+g.Host()+"\r\n"+closing+lines+more+"\r\n")
			return a.status != 0
		})
		return a.must(t, 200, "").echo(t)
	}
	for _, more := range []string{"", "Authorization: Bearer " + u.access + "\r\n"} {
		e := ask("/app/x", more)
		if len(e.like("X-Authentik-Username")) != 1 || e.get(t, "X-Authentik-Username") != "ada" || e.get(t, "X-Pomerium-Claim-Email") != "a@x.test" {
			t.Errorf("what is kept did not arrive: %v", e.Headers)
		}
		for _, name := range []string{"X-Authentik!Username", "X-Pomerium-Claim-Groups", "X-Remote-User"} {
			if len(e.all(name)) != 0 {
				t.Errorf("the service got %s", name)
			}
		}
		if got := e.get(t, "Remote-User"); got == "root" {
			t.Errorf("the service got Remote-User %s", got)
		}
	}
	for _, path := range []string{"/other/x", "/x"} {
		if e := ask(path, ""); len(e.like("X-Authentik-Username"))+len(e.like("X-Pomerium-Claim-Email")) != 0 {
			t.Errorf("%s: the service got %v", path, e.Headers)
		}
	}
	g.mustReload(t, p("192.0.2.1/32"))
	if e := ask("/app/x", ""); len(e.like("X-Authentik-Username"))+len(e.like("X-Pomerium-Claim-Email")) != 0 {
		t.Errorf("from a peer that nobody trusts the service got %v", e.Headers)
	}
}

// TestOption_guard_header_encoding: UTF-8 as it is, without control characters, or percent-encoded.
func TestOption_guard_header_encoding(t *testing.T) {
	t.Parallel()
	g := start(t, plan{guard: "header_encoding utf8\nheader X-Roles {http.auth.user.roles}\nheader X-Name {http.auth.user.name}"})
	u := g.newUser(t)
	for name, want := range map[string]string{"Jörg 100%": "Jörg 100%", "日本語": "日本語", "a\r\nX-Role: admin": "aX-Role: admin", "a\u0085b\u009f\x7f\x00c": "abc", "e\u0301": "e\u0301"} {
		token := g.resign(t, u.access, func(m map[string]any) map[string]any {
			return with(with(m, "name", name), "roles", []string{"a,admin", "b"})
		})
		e := g.do(t, call{path: "/x", bearer: token}).must(t, 200, "").echo(t)
		if e.get(t, "Remote-Name") != want || e.get(t, "X-Name") != want || len(e.all("X-Role")) != 0 {
			t.Errorf("%q arrives as %q and %q", name, e.get(t, "Remote-Name"), e.get(t, "X-Name"))
		}
		for _, header := range []string{"Remote-Groups", "X-Roles"} {
			if got := e.get(t, header); strings.Count(got, ",") != 1 {
				t.Errorf("two roles arrive as %s: %q", header, got)
			}
		}
	}
	g.mustReload(t, plan{guard: "header_encoding percent"})
	token := g.resign(t, u.access, func(m map[string]any) map[string]any { return with(m, "name", "Jörg") })
	if got := g.do(t, call{path: "/x", bearer: token}).must(t, 200, "").echo(t).get(t, "Remote-Name"); got != "J%C3%B6rg" {
		t.Errorf("percent: %q", got)
	}
}

// TestOption_remote_user_fastcgi: REMOTE_USER is what remote_user says, and Caddy's own where no guard admitted anybody.
func TestOption_remote_user_fastcgi(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		_ = fcgi.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			env := fcgi.ProcessEnv(r)
			_, _ = fmt.Fprint(w, env["REMOTE_USER"]+"|"+r.Header.Get("Remote-User")+"|"+r.Header.Get("X-Id"))
		}))
	}()
	const basic = "basic_auth {\n\t\t\tann $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n\t\t}"
	site := "http://127.0.0.1:<port> {\n\tgatehouse\n\thandle /app/* {\n\t\tgatehouse_guard /app/own/* {\n\t\t\theader X-Id {http.auth.user.id}\n\t\t}\n\t\tphp_fastcgi " + l.Addr().String() +
		"\n\t}\n\thandle /set/* {\n\t\tgatehouse_guard\n\t\tphp_fastcgi " + l.Addr().String() + " {\n\t\t\tenv REMOTE_USER fixed\n\t\t}\n\t}\n" +
		"\thandle /basic/* {\n\t\tgatehouse_guard /never/*\n\t\t" + basic + "\n\t\tphp_fastcgi " + l.Addr().String() + "\n\t}\n}\n"
	g := start(t, plan{site: site})
	u := g.newUser(t)
	for _, c := range [][2]string{{"", u.email}, {"remote_user username", u.username}, {"remote_user sub", u.id}} {
		global, want := c[0], c[1]
		g.mustReload(t, plan{site: site, global: global})
		if got := string(g.do(t, call{path: "/app/own/x.php", bearer: u.access}).must(t, 200, "").body); got != want+"|"+want+"|"+u.id {
			t.Errorf("%q: the program got %q", global, got)
		}
	}
	for path, want := range map[string]string{"/app/x.php": "||", "/set/x.php": "fixed|" + u.id + "|"} {
		if got := string(g.do(t, call{path: path, bearer: u.access}).must(t, 200, "").body); got != want {
			t.Errorf("%s: the program got %q, expected %q", path, got, want)
		}
	}
	a := g.do(t, call{path: "/basic/x.php", header: map[string]string{"Authorization": "Basic YW5uOmhpY2NhcHk="}})
	if a.status == 200 && string(a.body) != "ann||" {
		t.Errorf("with basic_auth the program got %q", a.body)
	}
}
