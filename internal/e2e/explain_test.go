package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// lineOf is the number of the line of the gateway's Caddyfile that has a text.
func (g *gateway) lineOf(t *testing.T, text string) int {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(g.Dir, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	return 1 + slices.IndexFunc(strings.Split(string(file), "\n"), func(l string) bool { return strings.Contains(l, text) })
}

// TestExplain: what is explained is what happens, by API and command, and nothing changes by it.
func TestExplain(t *testing.T) {
	t.Parallel()
	g := start(t, plan{guard: "require role editor", global: "\t\tadmins boss@example.com"})
	plain, editor := g.newUser(t), g.newUser(t)
	editor = g.as(t, editor, "editor")
	auditor := g.as(t, g.newUser(t), "auditor")
	url := "http://" + g.Host() + "/x?a=1"
	guard, rule := fmt.Sprint("Caddyfile:", g.lineOf(t, "gatehouse_guard")), fmt.Sprint("Caddyfile:", g.lineOf(t, "require role"))
	explain := func(want int, args ...string) (x struct {
		Decision, Code, Guard, Rule, Site string
		Status                            int
		Headers                           map[string]string
		Shadow                            bool
	}) {
		t.Helper()
		out, errs, code := g.Command(t, append([]string{"explain", "--json", "--config", "Caddyfile", "GET", url}, args...)...)
		if code != want {
			t.Errorf("%q ends with %d: %s %s", args, code, out, errs)
		}
		if want != 3 && json.Unmarshal([]byte(out), &x) != nil {
			t.Errorf("%q says %s", args, out)
		}
		return x
	}
	if x := explain(4, "--user", plain.email); x.Decision != "deny" || x.Status != 403 || x.Code != "forbidden" || x.Guard != guard || x.Rule != rule || len(x.Headers) != 0 {
		t.Errorf("no role: %+v, want guard %s and rule %s", x, guard, rule)
	}
	if x := explain(0, "--user", editor.id); x.Decision != "allow" || x.Headers["Remote-Sub"] != editor.id || x.Headers["Remote-Email"] != editor.email || x.Guard != guard || x.Rule != "" {
		t.Errorf("a role: %+v", x)
	}
	if x := explain(0, "--token", editor.access); x.Headers["Remote-Sub"] != editor.id {
		t.Errorf("a token: %+v", x)
	}
	if x := explain(4); x.Decision != "login" || x.Status != 401 || x.Code != "authentication_required" {
		t.Errorf("nobody: %+v", x)
	}
	if x := explain(4, "--header", "Sec-Fetch-Mode: navigate", "--header", "Sec-Fetch-Dest: document", "--header", "Accept: text/html"); x.Decision != "login" || x.Status != 302 {
		t.Errorf("a navigation: %+v", x)
	}
	if x := explain(4, "--token", "x"); x.Decision != "login" || x.Code != "invalid_token" {
		t.Errorf("a bad token: %+v", x)
	}
	explain(3, "--user", "nobody@example.com")
	if out, _, code := g.Command(t, "explain", "--config", "Caddyfile", "GET", url, "--user", plain.email); code != 4 || !strings.Contains(out, "guard: "+guard+"\n") {
		t.Errorf("in words: %d %s", code, out)
	}
	ask := func(body object) answer {
		return g.api(t, "POST", "/admin/explain", body, call{bearer: auditor.access})
	}
	ask(object{"method": "GET", "url": url, "user": plain.id}).must(t, 200, "")
	ask(object{"method": "GET", "url": "http://" + g.Host() + "/auth/login"}).must(t, 200, "")
	ask(object{"method": "GET", "url": url, "headers": object{"Cookie": "gatehouse_refresh=" + plain.refresh}}).must(t, 422, "invalid_fields")
	g.api(t, "POST", "/refresh", object{"refresh_token": plain.refresh}).must(t, 200, "")

	// The doctor asks the running gateway too: who administers is in its database.
	doctor := func(args ...string) string {
		t.Helper()
		out, errs, code := g.Command(t, append([]string{"doctor", "--json", "--config", "Caddyfile"}, args...)...)
		if code != 0 {
			t.Errorf("doctor ends with %d: %s %s", code, out, errs)
		}
		return out
	}
	if out := doctor(); !strings.Contains(out, `"no_admin"`) || !strings.Contains(out, `"limits_off"`) {
		t.Errorf("the doctor says %s", out)
	}
	if out := doctor("--offline"); strings.Contains(out, `"no_admin"`) {
		t.Errorf("offline the doctor says %s", out)
	}
	g.as(t, plain, "admin")
	if out := doctor(); strings.Contains(out, `"no_admin"`) {
		t.Errorf("with an administrator the doctor says %s", out)
	}
}
