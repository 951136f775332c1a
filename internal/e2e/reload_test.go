package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

var goroutineTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)

// holdings are the goroutines and the open files of the process.
func (g *gateway) holdings(t testing.TB) (goroutines, files int) {
	t.Helper()
	resp, err := g.Admin.Get("http://admin/debug/pprof/goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	head, _ := io.ReadAll(resp.Body)
	m := goroutineTotal.FindSubmatch(head)
	if m == nil {
		t.Fatalf("no goroutine profile: %.200s", head)
	}
	goroutines, _ = strconv.Atoi(string(m[1]))
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.PID()))
	if err != nil {
		t.Fatal(err)
	}
	return goroutines, len(entries)
}

// withoutIdle lets the sites keep no idle connections to the upstream: those of an old configuration live on in Caddy for
// two minutes, where a test counts what is left.
func withoutIdle(sites string) string {
	return strings.ReplaceAll(sites, "reverse_proxy <upstream>", "reverse_proxy <upstream> {\n\t\ttransport http {\n\tkeepalive off\n\t}\n\t}")
}

// TestM01_ReloadUnderLoad: every reload changes the configuration; nobody notices.
func TestM01_ReloadUnderLoad(t *testing.T) {
	t.Parallel()
	heavy(t)
	// Without idle connections to the upstream: those of an old configuration live on in Caddy for two minutes.
	site := strings.Replace(defaultSite, "reverse_proxy <upstream>", "reverse_proxy <upstream> {\n\ttransport http {\n\tkeepalive off\n\t}\n\t}", 1)
	g := start(t, plan{site: site})
	u, b, out, outBrowser := g.newUser(t), g.newBrowser(t), g.newUser(t), g.newBrowser(t)
	g.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
	g.api(t, "POST", "/logout", nil, call{cookies: outBrowser.cookies}).must(t, 204, "")
	round := func(n int) plan {
		return plan{site: site, guard: fmt.Sprintf("header X-Round-%d {http.auth.user.id}", n), global: fmt.Sprintf("access_lifetime %dm\nremote_user %s", 5+n%3, []string{"email", "sub"}[n%2])}
	}
	for n := range 3 { // what is made once is made now
		g.mustReload(t, round(100+n))
	}
	g.client.CloseIdleConnections()
	goroutines, files := g.holdings(t)

	// What fails before an answer is tried again: at a reload Caddy opens a new socket on the same port (SO_REUSEPORT), and
	// Linux resets connections that still waited to be accepted by the old one, unless net.ipv4.tcp_migrate_req is 1; and
	// an idle connection may be closed while a request is on its way. No answer may be wrong.
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, CheckRedirect: g.client.CheckRedirect, Timeout: 30 * time.Second}
	var again atomic.Int64
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: g.client.CheckRedirect, Timeout: 30 * time.Second}
	send := func(c call) (a answer, err error) {
		c.client = client
		for range 5 {
			if a, err = g.try(c); err == nil {
				return a, nil
			}
			c.client = fresh
			again.Add(1)
		}
		return a, err
	}
	expect := func(c call, status int) error {
		a, err := send(c)
		if err == nil && a.status != status {
			err = fmt.Errorf("%d, expected %d: %.200s", a.status, status, a.body)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", c.method, c.path, err)
		}
		return nil
	}
	flows := g.beginFlows(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var served atomic.Int64
	refresh := u.refresh
	load := []func() error{
		func() error { return expect(call{path: "/x", bearer: u.access}, 200) },
		func() error { return expect(call{path: "/x", cookies: b.cookies}, 200) },
		func() error { return expect(call{path: "/x", bearer: out.access}, 401) },
		func() error { return expect(call{path: "/x", cookies: outBrowser.cookies}, 401) },
		func() error { return expect(call{path: "/x"}, 401) },
		func() error {
			return expect(call{method: "POST", path: "/x", bearer: u.access, body: strings.Repeat("b", 100_000)}, 200)
		},
		func() error {
			a, err := send(call{method: "POST", path: "/auth/refresh", body: map[string]any{"refresh_token": refresh}})
			if err == nil && a.status != 200 {
				err = fmt.Errorf("refresh: %d %s", a.status, a.body)
			}
			refresh = a.text("refresh_token")
			return err
		},
	}
	for _, do := range load {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := do(); err != nil {
					t.Error(err)
					return
				}
				served.Add(1)
			}
		})
	}
	tick := time.NewTicker(200 * time.Millisecond)
	reloads := soak.N(20, 100)
	for n := range reloads {
		<-tick.C
		g.mustReload(t, round(n))
	}
	tick.Stop()
	close(stop)
	wg.Wait()
	if n := served.Load(); n < 200 || again.Load() > n/20 {
		t.Errorf("%d requests, %d of them sent again", n, again.Load())
	}
	client.CloseIdleConnections()
	var nowGoroutines, nowFiles int
	deadline := time.Now().Add(30 * time.Second)
	for nowGoroutines, nowFiles = g.holdings(t); nowGoroutines > goroutines+10 || nowFiles > files+10; nowGoroutines, nowFiles = g.holdings(t) {
		if time.Now().After(deadline) {
			t.Fatalf("%d reloads took %d goroutines to %d and %d open files to %d", reloads, goroutines, nowGoroutines, files, nowFiles)
		}
		<-time.After(50 * time.Millisecond)
	}
	u.refresh = refresh
	g.survives(t, u, b, out, outBrowser)
	flows.finish(t)

	// The same after the end of the process, in order and not.
	g.terminate(t)
	g.restart(t)
	g.survives(t, u, b, out, outBrowser)
	g.Kill()
	g.restart(t)
	g.survives(t, u, b, out, outBrowser)
}

// flows are what people had begun before something happened to the gateway, and what it had counted against them.
type flows struct {
	g            *gateway
	email, proof string // of a registration that waits for its code
	forgetful    *user  // waits for a code to reset their password
	resetCode    string
	guessed      string // a name that four wrong passwords were tried on
}

// beginFlows begins them. The gateway has `lockout` and `otp` by default.
func (g *gateway) beginFlows(t testing.TB) *flows {
	t.Helper()
	f := &flows{g: g, email: freshEmail(), guessed: freshEmail(), forgetful: g.newUser(t)}
	f.proof = g.api(t, "POST", "/register", map[string]any{"email": f.email, "password": password}).must(t, 202, "").text("registration")
	letters := len(g.mails(t, f.forgetful.email))
	g.api(t, "POST", "/password/forgot", map[string]any{"login": f.forgetful.email}).must(t, 202, "")
	f.resetCode = g.waitMail(t, f.forgetful.email, letters+1).code
	for range 4 {
		g.api(t, "POST", "/login", map[string]any{"login": f.guessed, "password": "wrong wrong wrong"}).must(t, 401, "invalid_credentials")
	}
	return f
}

// finish demands that every flow goes on where it was.
func (f *flows) finish(t testing.TB) {
	t.Helper()
	f.g.api(t, "POST", "/verify", map[string]any{"email": f.email, "otp": f.g.waitMail(t, f.email, 1).code, "registration": f.proof}).want(t, 200, "")
	f.g.api(t, "POST", "/password/reset", map[string]any{"login": f.forgetful.email, "otp": f.resetCode, "new_password": password + " anew"}).want(t, 204, "")
	f.g.api(t, "POST", "/login", map[string]any{"login": f.guessed, "password": "wrong wrong wrong"}).want(t, 401, "invalid_credentials")
	f.g.api(t, "POST", "/login", map[string]any{"login": f.guessed, "password": "wrong wrong wrong"}).want(t, 429, "account_locked")
}

// survives demands that who was signed in still is, and who was signed out still is.
func (g *gateway) survives(t *testing.T, u, b, out, outBrowser *user) {
	t.Helper()
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
	g.do(t, call{path: "/x", cookies: b.cookies}).want(t, 200, "")
	u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
	delete(b.cookies, "gatehouse")
	b.takeCookies(t, g.do(t, call{path: "/x", cookies: b.cookies}).must(t, 200, ""))
	dead(t, g, "signed out before", out)
	dead(t, g, "signed out before", outBrowser)
}

// shortSecret is one that must never be shown.
const shortSecret = "tooshort-pineapple"

// badPlans are configurations that must not run, and what the complaint has to name.
var badPlans = map[string]struct {
	p     plan
	names string
}{
	"unknown option":         {plan{global: "colour blue"}, "colour"},
	"unknown guard option":   {plan{guard: "colour blue"}, "colour"},
	"no such algorithm":      {plan{global: "algorithm none"}, "algorithm"},
	"missing secret":         {plan{global: "secret {env.NO_SUCH_SECRET}"}, "NO_SUCH_SECRET"},
	"short secret":           {plan{global: "secret {env.SHORT_SECRET}"}, "secret"},
	"missing secret file":    {plan{global: "secret {file./nonexistent/secret}"}, "secret"},
	"secret in clear":        {plan{global: "secret " + shortSecret + "-0123456789-0123456789"}, "secret"},
	"unreachable database":   {plan{global: "database {env.DEAD_DATABASE}\nsecret {env.GOOD_SECRET}"}, "database"},
	"postgres, no secret":    {plan{global: "database {env.DEAD_DATABASE}"}, "secret"},
	"bad lifetime":           {plan{global: "access_lifetime 31d"}, "access_lifetime"},
	"negative lifetime":      {plan{global: "refresh_lifetime -5m"}, "refresh_lifetime"},
	"empty audience":         {plan{global: "audience \"\""}, "audience"},
	"bad role":               {plan{guard: "require role Admin!"}, "role"},
	"no role":                {plan{guard: "require role"}, "role"},
	"unknown rule":           {plan{guard: "require group staff"}, "group"},
	"unknown family":         {plan{guard: "headers remotes"}, "remotes"},
	"header of the framing":  {plan{guard: "header Content-Length {http.auth.user.id}"}, "Content-Length"},
	"header without braces":  {plan{guard: "header X-Id fixed"}, "X-Id"},
	"header of a bad field":  {plan{guard: "header X-Id {http.auth.user.password}"}, "password"},
	"javascript login_url":   {plan{guard: "login_url javascript:alert(1)"}, "login_url"},
	"unknown matcher":        {plan{site: "http://127.0.0.1:<port> {\n\tgatehouse\n\tgatehouse_guard @nothing\n\treverse_proxy <upstream>\n}\n"}, "nothing"},
	"wildcard, no issuer":    {plan{site: "http://*.example.com:<port> {\n\tgatehouse\n\tgatehouse_guard\n\treverse_proxy <upstream>\n}\n"}, "issuer"},
	"no host, no issuer":     {plan{site: "http://:<port> {\n\tgatehouse\n\tgatehouse_guard\n\treverse_proxy <upstream>\n}\n"}, "issuer"},
	"wildcard origin":        {plan{global: "trusted_origins https://*.example.com"}, "trusted_origins"},
	"issuer with a password": {plan{global: "issuer https://ops:pineapple@auth.example.com"}, "issuer"},
}

var badEnv = []string{"SHORT_SECRET=" + shortSecret, "GOOD_SECRET=" + testSecret, "DEAD_DATABASE=postgres://ops:pineapple@127.0.0.1:1/none?sslmode=disable&connect_timeout=1"}

func TestM02_BadReloadKeepsTheOld(t *testing.T) {
	t.Parallel()
	g := start(t, plan{env: badEnv})
	u, out := g.newUser(t), g.newUser(t)
	g.api(t, "POST", "/logout", nil, call{bearer: out.access}).must(t, 204, "")
	g.mustReload(t, plan{guard: "headers x_auth"})
	for what, bad := range badPlans {
		complaint, err := g.reload(bad.p)
		if err != nil || complaint == "" {
			t.Errorf("%s: accepted (%v)", what, err)
			continue
		}
		if !strings.Contains(complaint, bad.names) || strings.Contains(complaint, "pineapple") {
			t.Errorf("%s: the complaint should name %s and no secret: %s", what, bad.names, complaint)
		}
		e := g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "").echo(t)
		if e.get(t, "X-Auth-User-Id") != u.id {
			t.Errorf("%s: the old configuration is not in force: %v", what, e.Headers)
		}
		g.do(t, call{path: "/x", bearer: out.access}).must(t, 401, "invalid_token")
		g.api(t, "GET", "/me", nil, call{bearer: u.access}).must(t, 200, "")
	}
	u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
	if strings.Contains(g.logs(), "pineapple") {
		t.Error("a secret is in the log")
	}
	g.mustReload(t, plan{})
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
}

func TestM03_RefusesToStart(t *testing.T) {
	t.Parallel()
	for what, bad := range badPlans {
		bad.p.failing, bad.p.env = true, badEnv
		g := start(t, bad.p)
		if err := g.WaitExit(t); err == nil {
			t.Errorf("%s: ended as if all were well", what)
		}
		logs := g.logs()
		if !strings.Contains(logs, bad.names) || strings.Contains(logs, "pineapple") || strings.Contains(logs, "panic") {
			t.Errorf("%s: it should name %s and no secret:\n%s", what, bad.names, g.Log.Tail(5))
		}
	}
	// A database with keys whose secret is gone, changed or cut short: never new keys in silence.
	g := start(t, plan{})
	u := g.newUser(t)
	g.terminate(t)
	file := g.Dir + "/data/secret"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, content := range map[string][]byte{"gone": nil, "short": text[:10], "another": bytes.Repeat([]byte("x"), 43)} {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if content != nil {
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Launch(); err != nil {
			t.Fatal(err)
		}
		if err := g.WaitExit(t); err == nil {
			t.Errorf("secret %s: it started", what)
		}
		if content == nil {
			if _, err := os.Stat(file); err == nil {
				t.Error("it made a new secret over a database with keys")
			}
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.restart(t)
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
	second := start(t, plan{global: "database sqlite:" + g.sqlitePath(), failing: true})
	if err := second.WaitExit(t); err == nil || !strings.Contains(second.logs(), "in use by another") {
		t.Errorf("a second process on one file: %v\n%s", err, second.Log.Tail(3))
	}
}
