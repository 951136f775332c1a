package e2e

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestM06_SecretsInLogs: a full run at debug level with the access log on leaves none of its secrets in logs, metrics or
// the database.
func TestM06_SecretsInLogs(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true, caddy: "log {\n\t\tlevel DEBUG\n\t}\n\tmetrics", guard: "headers remote x_auth",
		site: strings.Replace(defaultSite, "gatehouse\n", "log\n\tgatehouse\n", 1)})
	found := map[string]string{} // secret to what it is
	keep := func(what string, values ...string) {
		t.Helper()
		for _, v := range values {
			if len(v) < 6 {
				t.Fatalf("%s is %q", what, v)
			}
			found[v] = what
		}
	}
	const first, second, wrong = "first pineapple password 1", "second pineapple password 2", "wrong pineapple password 3"
	keep("a password", first, second, wrong)
	session := func(what string, s *user) {
		if s.access != "" {
			keep(what, s.access, s.refresh, strings.Split(s.access, ".")[2])
		}
		for _, v := range s.cookies {
			keep(what, v)
		}
	}

	u := &user{email: "secrets@example.com", password: first}
	registered := g.api(t, "POST", "/register", map[string]any{"email": u.email, "username": "secrets", "password": first}).must(t, 202, "")
	keep("a registration", registered.text("registration"))
	l := g.waitMail(t, u.email, 1)
	keep("a code", l.code)
	keep("a link's token", l.token)
	g.api(t, "POST", "/verify", map[string]any{"email": u.email, "otp": wrongCode(l.code, 1), "registration": registered.text("registration")}).want(t, 400, "invalid_code")
	u.take(t, g.api(t, "POST", "/verify", map[string]any{"token": l.token, "registration": registered.text("registration")}).must(t, 200, ""))
	session("a token", u)
	g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": wrong}).want(t, 401, "invalid_credentials")
	b := g.signIn(t, u, true)
	session("a cookie", b)
	g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
	g.do(t, call{path: "/x", bearer: u.access + "x"}).want(t, 401, "invalid_token")
	g.do(t, call{path: "/x", cookies: b.cookies}).must(t, 200, "")
	g.api(t, "POST", "/token/verify", map[string]any{"token": u.refresh}).must(t, 200, "")
	g.advance(t, 6*time.Minute)
	b.takeCookies(t, g.do(t, call{path: "/x", cookies: b.cookies}).must(t, 200, ""))
	session("a renewed cookie", b)
	old := u.refresh
	u.take(t, g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).must(t, 200, ""))
	session("a renewed token", u)
	g.api(t, "POST", "/password/forgot", map[string]any{"login": u.email}).must(t, 202, "")
	l = g.waitMail(t, u.email, 2)
	keep("a reset's code", l.code)
	keep("a reset link's token", l.token)
	g.api(t, "POST", "/password/reset", map[string]any{"token": l.token, "new_password": second}).must(t, 204, "")
	g.api(t, "POST", "/refresh", map[string]any{"refresh_token": old}).want(t, 401, "invalid_refresh_token")
	u.password = second
	session("a token after the reset", g.signIn(t, u, false))
	// Inside things break, too.
	g.exec(t, "alter table sessions rename to gone_sessions")
	g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": second})
	g.exec(t, "alter table gone_sessions rename to sessions")
	g.mustReload(t, plan{clock: true, caddy: "log {\n\t\tlevel DEBUG\n\t}\n\tmetrics"})
	secretText, err := os.ReadFile(filepath.Join(g.Dir, "data", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	keep("the node's secret", strings.TrimSpace(string(secretText)))

	places := map[string][]byte{"the log": []byte(g.logs())}
	resp, err := g.Admin.Get("http://admin/metrics")
	if err != nil {
		t.Fatal(err)
	}
	places["the metrics"], _ = io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp, err = g.Admin.Get("http://admin/config/")
	if err != nil {
		t.Fatal(err)
	}
	places["the configuration"], _ = io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(g.sqlitePath() + suffix)
		if err != nil {
			t.Fatal(err)
		}
		places["the database file"+suffix] = text
	}
	for place, content := range places {
		if len(content) == 0 {
			t.Errorf("%s is empty", place)
		}
		for value, what := range found {
			if len(value) < 12 && strings.HasPrefix(place, "the database") {
				continue // six digits are in any large file by chance; that no code lies there is tested at the store
			}
			if i := bytes.Index(content, []byte(value)); i >= 0 {
				if len(value) < 12 && !standsAlone(content, i, len(value)) {
					continue
				}
				t.Errorf("%s has %s: …%.200s", place, what, content[max(0, i-100):])
			}
		}
	}
	// The log names nobody by address either, apart from what Caddy itself logs of proxied requests at this level.
	for line := range strings.Lines(g.logs()) {
		if strings.Contains(line, u.email) && strings.Contains(line, `"logger":"gatehouse`) {
			t.Errorf("an e-mail address in our log: %s", line)
		}
	}
}

// standsAlone reports whether digits are not just a piece of a longer number.
func standsAlone(content []byte, at, length int) bool {
	digit := func(i int) bool { return i >= 0 && i < len(content) && content[i] >= '0' && content[i] <= '9' }
	return !digit(at-1) && !digit(at+length)
}
