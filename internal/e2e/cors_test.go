package e2e

import (
	"strings"
	"testing"
)

const spa = "https://spa.example.com"

// TestB09_CORSAtGuardedPaths: a guard answers the preflights of trusted origins and lets them read its refusals; others get
// neither, and what the service answers is its own (contract §3.5).
func TestB09_CORSAtGuardedPaths(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\ttrusted_origins " + spa, site: `http://127.0.0.1:<port> {
	gatehouse
	handle /twice/* {
		gatehouse_guard /twice/a/*
		gatehouse_guard
		reverse_proxy <upstream>
	}
	handle /optional {
		gatehouse_guard {
			optional
		}
		reverse_proxy <upstream>
	}
	handle /posts {
		@posts method POST
		gatehouse_guard @posts
		reverse_proxy <upstream>
	}
	handle {
		gatehouse_guard /app*
		reverse_proxy <upstream>
	}
}
`})
	asks := func(path, origin, method string) answer {
		return g.do(t, call{method: "OPTIONS", path: path, header: map[string]string{"Origin": origin, "Access-Control-Request-Method": method,
			"Access-Control-Request-Headers": "authorization,x-custom", "Access-Control-Request-Private-Network": "true", "Sec-Fetch-Mode": "cors"}})
	}
	for _, c := range []struct {
		path, method string
		answers      bool // the guard does
	}{
		{"/app/x", "DELETE", true}, {"/app", "PATCH", true}, {"/twice/a/b", "POST", true}, {"/twice/c", "GET", true}, {"/optional", "PUT", true},
		{"/posts", "POST", true}, {"/posts", "GET", false}, {"/open", "DELETE", false}, {"/app%2f..%2fopen", "PUT", true},
	} {
		a := asks(c.path, spa, c.method)
		if !c.answers {
			if e := a.must(t, 200, "").echo(t); e.Method != "OPTIONS" || a.header.Get("Access-Control-Allow-Origin") != "" || strings.Contains(vary(a), "Origin") {
				t.Errorf("%s %s: the service has not answered: %v", c.method, c.path, a.header)
			}
			continue
		}
		a.must(t, 204, "")
		for name, want := range map[string]string{"Allow-Origin": spa, "Allow-Credentials": "true", "Allow-Methods": c.method, "Allow-Headers": "authorization,x-custom", "Allow-Private-Network": "true"} {
			if got := a.header.Values("Access-Control-" + name); len(got) != 1 || got[0] != want {
				t.Errorf("%s %s: %s is %q", c.method, c.path, name, got)
			}
		}
		if !strings.Contains(vary(a), "Origin") || !strings.Contains(vary(a), "Access-Control-Request-Headers") {
			t.Errorf("%s %s: Vary %s", c.method, c.path, vary(a))
		}
	}
	u := g.newUser(t)
	for _, origin := range []string{"https://evil.test", "null", spa + ".evil.test", "http://spa.example.com", spa + "/", ""} {
		a := asks("/app", origin, "PUT").want(t, 401, "authentication_required")
		readable(t, "a preflight of "+origin, a, "")
		readable(t, "refused to "+origin, g.do(t, call{path: "/app", header: map[string]string{"Origin": origin}}).want(t, 401, "authentication_required"), "")
	}
	readable(t, "nothing asked", g.do(t, call{method: "OPTIONS", path: "/app", header: map[string]string{"Origin": spa}}).want(t, 401, "authentication_required"), spa)
	readable(t, "several lines asked", g.do(t, call{method: "OPTIONS", path: "/app", header: map[string]string{"Origin": spa, "Access-Control-Request-Method": "PUT;x"}}).want(t, 401, "authentication_required"), spa)
	from := map[string]string{"Origin": spa, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site"}
	readable(t, "anonymous", g.do(t, call{path: "/app", header: from}).want(t, 401, "authentication_required"), spa)
	readable(t, "a bad token", g.do(t, call{path: "/app", bearer: "x", header: from}).want(t, 401, "invalid_token"), spa)
	readable(t, "a method that is not passed on", g.do(t, call{method: "TRACE", path: "/app", header: from}).want(t, 405, "method_not_allowed"), spa)
	a := g.do(t, call{method: "POST", path: "/app", bearer: u.access, header: from}).must(t, 200, "")
	if a.echo(t); a.header.Get("Access-Control-Allow-Origin") != "" || strings.Contains(vary(a), "Origin") {
		t.Errorf("the service's answer has %v", a.header)
	}
}

func vary(a answer) string { return strings.Join(a.header.Values("Vary"), ", ") }

// readable checks that a refusal may be read by the origin alone, "" being none, and that no cache takes it for another's.
func readable(t *testing.T, what string, a answer, origin string) {
	t.Helper()
	credentials := ""
	if origin != "" {
		credentials = "true"
	}
	if a.header.Get("Access-Control-Allow-Origin") != origin || a.header.Get("Access-Control-Allow-Credentials") != credentials || !strings.Contains(vary(a), "Origin") {
		t.Errorf("%s: %v", what, a.header)
	}
	if a.header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("%s is permitted: %v", what, a.header)
	}
}

// Who gets a page and who a problem body: a browser that sends a form is told how to send it again, and a script never gets a
// page into its own (contract §3.3).
func TestFormsAndFragmentsRefused(t *testing.T) {
	t.Parallel()
	g := start(t, plan{site: `http://127.0.0.1:<port> {
	gatehouse
	gatehouse_guard /admin* {
		require role admin
	}
	gatehouse_guard
	reverse_proxy <upstream>
}
`})
	b := g.newBrowser(t)
	const text = "application/x-www-form-urlencoded"
	form := func(more ...string) map[string]string {
		h := map[string]string{"Accept": page["Accept"], "Content-Type": text, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", "Referer": g.url("/write?x=1")}
		for i := 0; i+1 < len(more); i += 2 {
			h[more[i]] = more[i+1]
		}
		return h
	}
	pages := func(what string, a answer, status int, says ...string) {
		t.Helper()
		if a.status != status || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", what, a.status, a.header)
		}
		for _, s := range says {
			if !strings.Contains(string(a.body), s) {
				t.Errorf("%s does not say %q:\n%s", what, s, a.body)
			}
		}
	}
	a := g.do(t, call{method: "POST", path: "/send", body: "a=b", header: form()})
	pages("a form", a, 401, "Your form was not sent on", "reload this page", `target="_blank"`, "/auth/login?rd=http%3A%2F%2F127.0.0.1")
	if a.header.Get("WWW-Authenticate") != "Bearer" || a.header.Get("Location") != "" {
		t.Errorf("a form: %v", a.header)
	}
	pages("a form in German", g.do(t, call{method: "POST", path: "/send", body: "a=b", header: form("Accept-Language", "de")}), 401, "Ihr Formular wurde nicht weitergeleitet")
	pages("a form after the end", g.do(t, call{method: "POST", path: "/send", body: "a=b", header: form(), cookies: map[string]string{"gatehouse": "x"}}), 401, "in a new tab")
	pages("a form that a rule refuses", g.do(t, call{method: "POST", path: "/admin", body: "a=b", header: form(), cookies: b.cookies}), 403, "You don&#39;t have access to this page", "Your form was not sent on")
	pages("a form of a foreign page", g.do(t, call{method: "POST", path: "/send", body: "a=b", header: form("Sec-Fetch-Site", "cross-site"), cookies: b.cookies}), 403, "This form was not sent from one of our pages")
	g.do(t, call{method: "POST", path: "/send", body: "a=b", header: form(), cookies: b.cookies}).must(t, 200, "").echo(t)
	for what, h := range map[string]map[string]string{
		"by script":          {"Sec-Fetch-Mode": "cors"},
		"by jQuery":          {"X-Requested-With": "XMLHttpRequest"},
		"by a program":       {"Accept": "*/*"},
		"by a program's own": {"Authorization": "Bearer x"},
	} {
		sent := form()
		for name, value := range h {
			sent[name] = value
		}
		g.do(t, call{method: "POST", path: "/send", body: "a=b", header: sent}).want(t, 401, map[bool]string{true: "invalid_token", false: "authentication_required"}[sent["Authorization"] != ""])
		delete(sent, "Content-Type")
		if what != "by a program's own" {
			g.do(t, call{path: "/read", header: sent}).want(t, 401, "authentication_required")
		}
	}
}
