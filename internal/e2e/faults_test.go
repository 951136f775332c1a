package e2e

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// closed demands that everything that has to write says so: 503 with Retry-After, soon, and no cookie taken back.
func closed(t *testing.T, g *gateway, u, b *user) {
	t.Helper()
	for what, c := range map[string]call{
		"login":        {method: "POST", path: "/auth/login", body: map[string]any{"login": u.email, "password": u.password}},
		"refresh":      {method: "POST", path: "/auth/refresh", body: map[string]any{"refresh_token": u.refresh}},
		"logout":       {method: "POST", path: "/auth/logout", bearer: u.access},
		"renewal":      {path: "/x", cookies: map[string]string{"gatehouse_refresh": b.cookies["gatehouse_refresh"]}},
		"a navigation": {path: "/x", cookies: map[string]string{"gatehouse_refresh": b.cookies["gatehouse_refresh"]}, header: page},
	} {
		began := time.Now()
		a := g.do(t, c)
		said := a.code() == "unavailable" || what == "a navigation" && strings.HasPrefix(a.header.Get("Content-Type"), "text/html")
		if a.status != 503 || !said || a.header.Get("Retry-After") == "" || len(a.header.Values("Set-Cookie")) != 0 {
			t.Errorf("%s: %d %s, Retry-After %q, cookies %q", what, a.status, a.body, a.header.Get("Retry-After"), a.header.Values("Set-Cookie"))
		}
		if d := time.Since(began); d > 5*time.Second { // about one second on an idle machine
			t.Errorf("%s took %s to say so", what, d)
		}
	}
}

// open demands that the guard serves from memory.
func open(t *testing.T, g *gateway, u, b, out *user) {
	t.Helper()
	for range 20 {
		g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
		g.do(t, call{path: "/x", cookies: b.cookies}).must(t, 200, "")
		g.do(t, call{path: "/x", bearer: out.access}).must(t, 401, "invalid_token")
		g.do(t, call{path: "/x"}).must(t, 401, "authentication_required")
	}
}

// resumes demands that everything works again, without a restart and with nothing lost.
func resumes(t *testing.T, g *gateway, u, b *user) {
	t.Helper()
	eventually(t, "the gateway writes again", func() bool {
		a, err := g.try(call{method: "POST", path: "/auth/login", body: map[string]any{"login": u.email, "password": u.password}})
		return err == nil && a.status == 200
	})
	u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
	b.takeCookies(t, g.do(t, call{path: "/x", cookies: map[string]string{"gatehouse_refresh": b.cookies["gatehouse_refresh"]}}).must(t, 200, ""))
	g.api(t, "POST", "/logout", nil, call{bearer: u.access}).must(t, 204, "")
	if strings.Contains(g.logs(), "panic") {
		t.Error("something panicked")
	}
}

func TestF14_ForeignExclusiveLock(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u, b, out := g.newUser(t), g.newBrowser(t), g.newUser(t)
	g.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
	conn, err := g.openSQLite(t).Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "begin exclusive"); err != nil {
		t.Fatal(err)
	}
	open(t, g, u, b, out)
	closed(t, g, u, b)
	open(t, g, u, b, out)
	if _, err := conn.ExecContext(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	resumes(t, g, u, b)
}

func TestF14_FullDisk(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u, b, out := g.newUser(t), g.newBrowser(t), g.newUser(t)
	g.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
	users := g.count(t, "select count(*) from users")
	unlimited := ^uint64(0)
	g.limitFiles(t, 1) // from now on no file grows
	open(t, g, u, b, out)
	closed(t, g, u, b)
	a := g.api(t, "POST", "/register", map[string]any{"email": "half@example.com", "password": password})
	a.want(t, 503, "unavailable")
	open(t, g, u, b, out)
	g.limitFiles(t, unlimited)
	resumes(t, g, u, b)
	if n := g.count(t, "select count(*) from users") - users; n != 0 {
		t.Errorf("%d accounts came of a full disk", n)
	}
	if n := g.count(t, "select count(*) from registrations"); n != 0 {
		t.Errorf("%d halves of a registration", n)
	}
	g.newUser(t, profile{email: "whole@example.com", username: "half"})
}

// limitFiles sets how large a file the process may write (RLIMIT_FSIZE): as good as a full disk, and needs no rights.
func (g *gateway) limitFiles(t testing.TB, size uint64) {
	t.Helper()
	limit := syscall.Rlimit{Cur: size, Max: ^uint64(0)}
	const rlimitFsize = 1
	_, _, errno := syscall.Syscall6(syscall.SYS_PRLIMIT64, uintptr(g.PID()), rlimitFsize, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		t.Fatalf("prlimit: %v", errno)
	}
}

// TestM10_Errors: what breaks inside is told to nobody outside, and the process lives on.
func TestM10_Errors(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	g.exec(t, "alter table sessions rename to gone_sessions")
	for what, c := range map[string]call{
		"refresh": {method: "POST", path: "/auth/refresh", body: map[string]any{"refresh_token": u.refresh}},
		"list":    {path: "/auth/sessions", bearer: u.access},
		"renewal": {path: "/x", cookies: map[string]string{"gatehouse_refresh": u.refresh}},
	} {
		a := g.do(t, c)
		if a.status != 500 && a.status != 503 {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
		lower := strings.ToLower(string(a.body))
		for _, word := range []string{"table", "sql", "select", "sessions", ".go:", "goroutine", "panic", g.Dir} {
			if strings.Contains(lower, word) {
				t.Errorf("%s tells of %q: %s", what, word, a.body)
			}
		}
		if a.status == 500 {
			id := strings.TrimPrefix(a.text("instance"), "urn:uuid:")
			if id == "" || !strings.Contains(a.text("detail"), id) {
				t.Errorf("%s: the answer has no id: %s", what, a.body)
			}
			eventually(t, what+": the answer's id is in the log", func() bool { return strings.Contains(g.logs(), id) })
		}
		if len(a.header.Values("Set-Cookie")) != 0 {
			t.Errorf("%s: a fault took cookies back: %v", what, a.header)
		}
	}
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
	g.exec(t, "alter table gone_sessions rename to sessions")
	u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
}

// setUpNotice is what a start without accounts prints for a person.
var setUpNotice = regexp.MustCompile("\n\nThere is no account yet\\. Make the first administrator within 24 hours at\n\n    http://\\S+\n\n")

// TestI11_LogInjection: every line of the log is one JSON object, whatever users write.
func TestI11_LogInjection(t *testing.T) {
	t.Parallel()
	g := start(t, plan{caddy: "log {\n\t\tlevel DEBUG\n\t}", site: strings.Replace(defaultSite, "gatehouse\n", "log\n\tgatehouse\n", 1)})
	nasty := "x\n{\"level\":\"error\",\"msg\":\"forged\"}\r\n\x1b[31mred\x1b[0m\u2028\x00"
	g.newUser(t, profile{firstName: "forged{env.HOME}"})
	for _, c := range []call{
		{method: "POST", path: "/auth/login", body: map[string]any{"login": nasty, "password": nasty}},
		{method: "POST", path: "/auth/register", body: map[string]any{"email": nasty, "username": nasty, "password": nasty, "first_name": nasty}},
		{method: "POST", path: "/auth/verify", body: map[string]any{"email": nasty, "otp": nasty, "registration": nasty}},
		{method: "POST", path: "/auth/refresh", body: map[string]any{"refresh_token": "ghr_" + nasty}},
		{method: "POST", path: "/auth/password/forgot", body: map[string]any{"login": nasty}},
		{method: "POST", path: "/auth/login", body: "{\"login\":\"\n" + strings.Repeat("A", 1<<20), header: map[string]string{"Content-Type": "application/json"}},
		{path: "/x?a=%0a%7b%22level%22%3a%22error%22%7d%1b%5b31m", bearer: "x"},
		{path: "/x", header: map[string]string{"User-Agent": strings.Repeat("U", 500_000), "Referer": "\x1b[31m"}},
		{method: "POST", path: "/auth/login", body: map[string]any{"login": "nobody", "password": "x"}, header: map[string]string{"User-Agent": strings.Repeat("U", 500_000)}},
	} {
		_, _ = g.try(c) // a header that is refused is no matter here
	}
	_ = g.raw(t, "GET /x HTTP/1.1\r\nHost: "+g.Host()+"\r\nUser-Agent: \x1b[31m\xff\"}\\n{\r\n"+closing+"\r\n")
	_ = g.raw(t, "GET /x\x1b[31m HTTP/1.1\r\nHost: "+g.Host()+"\r\n"+closing+"\r\n")
	g.do(t, call{path: "/x"}).want(t, 401, "authentication_required")
	logs := setUpNotice.ReplaceAllString(g.logs(), "\n")
	lines := strings.Split(strings.TrimSpace(logs), "\n")
	if len(lines) < 20 {
		t.Fatalf("only %d lines: the access log is not on", len(lines))
	}
	for _, line := range lines {
		var entry struct{ Level, Logger, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("no JSON object: %.200q", line)
		}
		if entry.Msg == "forged" || strings.ContainsAny(line, "\x1b\x00\r") {
			t.Errorf("a line that somebody else wrote: %.200q", line)
		}
		if strings.HasPrefix(entry.Logger, "gatehouse") && len(line) > 4096 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}
