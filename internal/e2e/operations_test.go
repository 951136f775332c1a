package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestP17_HealthBypass: who calls itself a probe is a visitor as any other, and nothing but the exact path answers.
func TestP17_HealthBypass(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	for _, agent := range []string{"kube-probe/1.29", "GoogleHC/1.0", "ELB-HealthChecker/2.0", "Prometheus/2.50", "Consul Health Check", "Go-http-client/1.1"} {
		for _, path := range []string{"/", "/ping", "/healthz", "/readyz", "/health", "/x"} {
			g.do(t, call{path: path, header: map[string]string{"User-Agent": agent, "X-Health-Check": "1"}}).want(t, 401, "authentication_required")
		}
	}
	before := g.up.requests.Load()
	for _, path := range []string{
		"/auth/healthz/../admin", "/auth/healthz/../../admin", "/auth/healthz%2f..%2f..%2fadmin", "/auth/healthz/%2e%2e/%2e%2e/admin",
		"/auth/healthz;/../../admin", "/auth/healthz/", "/auth/healthz/x", "/auth//healthz", "/auth/./healthz", "//auth/healthz", "/AUTH/healthz",
		"/auth/HEALTHZ", "/auth/healthz.", "/auth/healthz%20", "/auth/healthz%00", "/auth/healthz\\..\\admin", "/auth/readyz/../x", "/x/auth/healthz",
		"/x/../auth/healthz", "/auth/healthz%2fx", "/authx/healthz", "/auth/ping", "/auth/status",
	} {
		a := g.raw(t, "GET "+path+" HTTP/1.1\r\nHost: "+g.Host()+"\r\n"+closing+"User-Agent: kube-probe/1.29\r\n\r\n")
		if a.status < 400 || strings.Contains(string(a.body), `"ok"`) || strings.Contains(string(a.body), `"ready"`) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if n := g.up.requests.Load(); n != before {
		t.Errorf("the upstream was asked %d times", n-before)
	}
	for path, body := range map[string]string{"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ready"}`, "/healthz?x=/../admin": `{"status":"ok"}`} {
		if a := g.api(t, "GET", path, nil); a.status != 200 || strings.TrimSpace(string(a.body)) != body {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	g.api(t, "POST", "/healthz", nil).want(t, 405, "method_not_allowed")
	// The word is nothing special elsewhere: a service's own health path is the service's.
	if e := g.do(t, call{path: "/healthz", bearer: u.access}).must(t, 200, "").echo(t); e.Target != "/healthz" {
		t.Errorf("/healthz arrived as %s", e.Target)
	}
}

// adminKeys is what the admin endpoint says of the signing keys.
func (g *gateway) adminKeys(t testing.TB) string {
	t.Helper()
	resp, err := g.Admin.Get("http://admin/gatehouse/keys")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(resp.Body)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("keys: %d %s", resp.StatusCode, b.String())
	}
	return b.String()
}

// TestP29_AdminPrefixTricks: an operation answers at its own path by its own method. Rights to the remote admin endpoint are
// given by path prefix and method, so a GET below /gatehouse/keys must change nothing.
func TestP29_AdminPrefixTricks(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	keys := g.adminKeys(t)
	send := func(method, path string) int {
		conn, err := net.Dial("unix", g.Dir+"/admin.sock")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", method, path)
		var b bytes.Buffer
		_, _ = b.ReadFrom(conn)
		status := 0
		_, _ = fmt.Sscanf(b.String(), "HTTP/1.1 %d", &status)
		return status
	}
	for _, path := range []string{
		"/gatehouse", "/gatehouse/", "/gatehouse/keys/", "/gatehouse/keys/x", "/gatehouse/keys/rotate/", "/gatehouse/keys/rotate/x", "/gatehouse/keysx", "/gatehouse/keys/../keys/rotate",
		"//gatehouse/keys/rotate", "/gatehouse//keys/rotate", "/./gatehouse/keys/rotate", "/gatehouse/keys%2frotate", "/gatehouse%2fkeys/rotate", "/GATEHOUSE/keys/rotate",
		"/gatehouse/keys/rotate;x", "/gatehouse/keys/rotate%00", "/config/../gatehouse/keys/rotate", "/gatehouse/keys/%2e%2e/%2e%2e/load", "/gatehouse/../load",
	} {
		for _, method := range []string{"GET", "POST", "PUT"} {
			if s := send(method, path); s >= 200 && s < 300 {
				t.Errorf("%s %s: %d", method, path, s)
			}
		}
	}
	for path, methods := range map[string][]string{"/gatehouse/keys": {"POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}, "/gatehouse/keys/rotate": {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}} {
		for _, method := range methods {
			if s := send(method, path); s != 405 {
				t.Errorf("%s %s: %d", method, path, s)
			}
		}
	}
	if now := g.adminKeys(t); now != keys {
		t.Errorf("the keys changed from\n%s\nto\n%s", keys, now)
	}
	// Nothing of it is on the ports that people reach.
	for _, path := range []string{"/load", "/config/", "/stop", "/gatehouse/keys", "/gatehouse/keys/rotate", "/auth/gatehouse/keys", "/metrics", "/debug/pprof/", "/debug/vars"} {
		for _, method := range []string{"GET", "POST"} {
			if a := g.do(t, call{method: method, path: path}); a.status != 401 && a.status != 404 {
				t.Errorf("%s %s from outside: %d", method, path, a.status)
			}
		}
	}
	if send("POST", "/gatehouse/keys/rotate") != 200 || g.adminKeys(t) == keys {
		t.Error("the real path does not rotate")
	}
}

// TestP29_AdminOverTCP: where the admin endpoint is on a port, a page that a browser of that machine opens must not command
// the gateway.
func TestP29_AdminOverTCP(t *testing.T) {
	t.Parallel()
	g := start(t, plan{failing: true, caddy: "admin 127.0.0.1:<port3>"})
	addr := fmt.Sprintf("127.0.0.1:%d", g.Port3)
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}}}
	defer client.CloseIdleConnections()
	send := func(method, path, host, body string, header map[string]string) int {
		req, err := http.NewRequest(method, "http://"+addr+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		for name, value := range header {
			req.Header.Set(name, value)
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0
		}
		drain(resp)
		return resp.StatusCode
	}
	eventually(t, "the admin endpoint answers", func() bool { return send("GET", "/gatehouse/keys", addr, "", nil) == 200 })
	eventually(t, "the site answers", func() bool {
		_, err := g.try(call{path: "/x"})
		return err == nil
	})
	config, _ := json.Marshal(map[string]any{"apps": map[string]any{}})
	for what, c := range map[string]struct {
		host   string
		header map[string]string
	}{
		"another origin":               {addr, map[string]string{"Origin": "https://evil.test", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site"}},
		"another origin, old browser":  {addr, map[string]string{"Origin": "http://evil.test"}},
		"origin null":                  {addr, map[string]string{"Origin": "null"}},
		"a form or an image":           {addr, map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site"}},
		"a navigation without Origin":  {addr, map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}},
		"a name that was rebound":      {"evil.test", nil},
		"a name that was rebound, too": {fmt.Sprintf("evil.test:%d", g.Port3), map[string]string{"Origin": fmt.Sprintf("http://evil.test:%d", g.Port3)}},
	} {
		for path, method := range map[string]string{"/load": "POST", "/gatehouse/keys/rotate": "POST", "/gatehouse/keys": "GET", "/stop": "POST"} {
			header := map[string]string{"Content-Type": "application/json"}
			for name, value := range c.header {
				header[name] = value
			}
			if s := send(method, path, c.host, string(config), header); s < 400 || s >= 500 {
				t.Errorf("%s: %s %s: %d", what, method, path, s)
			}
		}
	}
	g.do(t, call{path: "/x"}).want(t, 401, "authentication_required") // the old configuration serves on
}

// adminLine is where the admin endpoint is: in a Caddyfile, there as what stands for a variable that is not set, or in the
// environment. Deeper it is an option of something else.
var adminLine = regexp.MustCompile(`^(?:\t| *)(?:admin|NODE_ADMIN:)\s+(?:\{\$\w+:)?([^\s}]+)\}?\s*$`)

// shippedCaddyfiles are all in the repository that are not made for one test.
func shippedCaddyfiles(t testing.TB) (files []string) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && (name == "testdata" || name != ".." && strings.HasPrefix(name, ".")):
			return fs.SkipDir
		case !entry.IsDir() && (name == "Caddyfile" || strings.HasSuffix(name, ".caddyfile")):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestP29_SocketByDefault: what we ship and what the manual shows keeps the admin endpoint from other users of the machine.
func TestP29_SocketByDefault(t *testing.T) {
	t.Parallel()
	files := shippedCaddyfiles(t)
	if len(files) < 5 {
		t.Fatalf("only %v were found", files)
	}
	for _, file := range append(files, "../../README.md", "../../examples/cluster/compose.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for line := range strings.Lines(string(text)) {
			if m := adminLine.FindStringSubmatch(line); m != nil {
				found++
				if !strings.HasPrefix(m[1], "unix/") && m[1] != "off" {
					t.Errorf("%s: %s", file, line)
				}
			}
		}
		if found == 0 {
			t.Errorf("%s says nothing of the admin endpoint", file)
		}
	}
}

// TestB09_CrossOriginReading: pages of listed origins may read answers with credentials, no other ones, and never all.
func TestB09_CrossOriginReading(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "trusted_origins https://app.example.com"})
	b := g.newBrowser(t)
	paths := []call{{path: "/auth/me", cookies: b.cookies}, {path: "/auth/me"}, {path: "/auth/sessions", cookies: b.cookies}, {path: "/auth/.well-known/jwks.json"}, {path: "/auth/healthz"}, {path: "/auth/nowhere"},
		{path: "/auth/login", header: page}, {path: "/x", cookies: b.cookies}, {path: "/x"}, {method: "OPTIONS", path: "/auth/login"}, {method: "OPTIONS", path: "/auth/me"},
		{method: "POST", path: "/auth/login", body: map[string]any{"login": "nobody", "password": "wrong wrong wrong"}}}
	for _, origin := range []string{"https://evil.test", "null", "https://app.example.com.evil", "https://evilapp.example.com", "http://app.example.com", "https://sub.app.example.com", "https://example.com",
		"https://app.example.com:8443", "https://app.example.com/", "https://app.example.com@evil.test", "*", "https://app.example.com https://evil.test", "file://"} {
		for _, c := range paths {
			header := map[string]string{"Origin": origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
			for name, value := range c.header {
				header[name] = value
			}
			c.header = header
			if a := g.do(t, c); len(a.header.Values("Access-Control-Allow-Origin")) != 0 || len(a.header.Values("Access-Control-Allow-Credentials")) != 0 {
				t.Errorf("%s %s from %s: %d %v", c.method, c.path, origin, a.status, a.header)
			}
		}
	}
	listed := map[string]string{"Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"}
	for _, path := range []string{"/auth/me", "/auth/sessions", "/auth/healthz"} {
		a := g.do(t, call{path: path, cookies: b.cookies, header: listed}).must(t, 200, "")
		if a.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" || a.header.Get("Access-Control-Allow-Credentials") != "true" || !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
			t.Errorf("%s from the listed origin: %v", path, a.header)
		}
	}
	// Who is not asked may still not read: caches must keep the answers apart.
	if a := g.api(t, "GET", "/healthz", nil); !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
		t.Errorf("without Origin: %v", a.header)
	}
	g.api(t, "PATCH", "/me", map[string]any{"first_name": "Ada"}, call{cookies: b.cookies, header: listed}).want(t, 200, "")
	g.api(t, "PATCH", "/me", map[string]any{"first_name": "Eve"}, call{cookies: b.cookies, header: map[string]string{"Origin": "https://evil.test"}}).want(t, 403, "cross_origin")
}
