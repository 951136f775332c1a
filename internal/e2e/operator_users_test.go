package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestS08_Disabled: whatever an account is used with ends on every node within a second, and comes back by no enabling.
func TestS08_Disabled(t *testing.T) {
	t.Parallel()
	up := newLiveUpstream(t)
	c := startCluster(t, plan{site: strings.ReplaceAll(liveSites[:strings.Index(liveSites, "https:")], "<service>", up.addr)})
	u, other := c.a.newUser(t), c.a.newUser(t)
	browser := c.b.signIn(t, u, true)
	open, stays := c.b.both(t, u.access), c.b.both(t, other.access)
	for _, g := range []*gateway{c.a, c.b} {
		g.do(t, call{path: "/x", bearer: u.access}).must(t, 404, "") // by the service
	}
	c.a.api(t, "POST", "/password/forgot", object{"login": u.email}).must(t, 202, "")
	reset := c.a.waitMail(t, u.email, 2)

	said := c.a.operatorJSON(t, "user", "disable", u.email)
	since := time.Now()
	if said["id"] != u.id || said["disabled"] != true {
		t.Errorf("the command says %v", said)
	}
	c.a.do(t, call{path: "/x", bearer: u.access}).want(t, 401, "invalid_token")
	if took := c.b.refusedAfter(t, u.access, since); took > time.Second {
		t.Errorf("the other node refuses after %s", took)
	}
	up.wantClosed(t, since, 1008, open...)
	wantOpen(t, "after it", stays...)
	for _, g := range []*gateway{c.a, c.b} {
		g.signedOut(t, u)
		g.signedOut(t, browser)
		g.api(t, "POST", "/login", object{"login": u.email, "password": u.password}).want(t, 401, "invalid_credentials")
	}
	c.b.api(t, "POST", "/password/reset", object{"token": reset.token, "new_password": "another lantern 12"}).want(t, 400, "invalid_code")

	c.b.operatorJSON(t, "user", "enable", u.id)
	c.b.signedOut(t, u)
	c.b.api(t, "POST", "/password/reset", object{"token": reset.token, "new_password": "another lantern 12"}).want(t, 400, "invalid_code")
	c.a.signIn(t, u, false)
	c.b.api(t, "POST", "/refresh", object{"refresh_token": other.refresh}).want(t, 200, "")
}

// blockCommands adds, tries, lists and removes a block rule by the command line.
func (g *gateway) blockCommands(t *testing.T, where string) {
	t.Helper()
	added := g.operatorJSON(t, "block", "add", "email", "*@"+where+".example", "--for", "signup,login", "--expires", "1h", "--reason", "bots")
	if added["pattern"] != "*@"+where+".example" || added["source"] != "runtime" || added["reason"] != "bots" || added["created_by"] != nil || added["expires_at"] == nil ||
		!slices.Equal(added["for"].([]any), []any{"signup", "login"}) {
		t.Errorf("%s: added %v", where, added)
	}
	if where == "running" {
		g.api(t, "POST", "/register", object{"email": "x@running.example", "password": password}).want(t, 403, "blocked")
	}
	if found := g.operatorJSON(t, "block", "test", "email", "X@"+where+".example")["matches"].([]any); len(found) != 1 {
		t.Errorf("%s: %v match", where, found)
	}
	if all := g.operatorJSON(t, "block", "list")["blocks"].([]any); len(all) != 1 || all[0].(map[string]any)["id"] != added["id"] {
		t.Errorf("%s: the list is %v", where, all)
	}
	g.operatorJSON(t, "block", "remove", added["id"].(string))
	if where == "running" {
		g.api(t, "POST", "/register", object{"email": "x@running.example", "password": password}).want(t, 202, "")
	}
	for _, args := range [][]string{{"3", "remove", added["id"].(string)}, {"2", "add", "ip", "300.1.1.1"}, {"2", "add", "email", "x@fine.example", "--for", "all"},
		{"2", "add", "email", "x@fine.example", "--expires", "soon"}} {
		_, errs, code := g.Command(t, append([]string{"block"}, append(args[1:], "--config", "Caddyfile", "--json")...)...)
		if fmt.Sprint(code) != args[0] || !json.Valid([]byte(errs)) {
			t.Errorf("%s: %v ends with %d: %s", where, args[1:], code, errs)
		}
	}
}

// TestUser_Commands: accounts, roles, lost factors and the last administrator, at a running gateway and without one.
func TestUser_Commands(t *testing.T) {
	t.Parallel()
	g := start(t, plan{guard: "require role admin"})
	made := g.operatorJSON(t, "user", "create", "--email", "Ops@Example.com", "--username", "ops", "--role", "staff", "--admin")
	if made["email"] != "ops@example.com" || made["email_verified"] != true || made["username"] != "ops" ||
		!slices.Equal(made["roles"].([]any), []any{"admin", "staff"}) {
		t.Errorf("created: %v", made)
	}
	link, err := url.Parse(made["link"].(string))
	if err != nil || link.Host != g.Host() || link.Path != "/auth/reset" {
		t.Fatalf("the link is %v", made["link"])
	}
	g.api(t, "POST", "/password/reset", object{"token": link.Query().Get("token"), "new_password": password}).must(t, 204, "")
	ops := &user{email: "ops@example.com", password: password}
	ops.take(t, g.api(t, "POST", "/login", object{"login": "ops", "password": password}).must(t, 200, ""))
	g.do(t, call{path: "/x", bearer: ops.access}).want(t, 200, "")

	u := g.newUser(t)
	refused := func(code int, problem string, args ...string) {
		t.Helper()
		out, errs, got := g.Command(t, append(args, "--config", "Caddyfile", "--json")...)
		var body map[string]any
		if err := json.Unmarshal([]byte(errs), &body); err != nil || out != "" || got != code || body["code"] != problem {
			t.Errorf("%v ends with %d: %q %q", args, got, out, errs)
		}
	}
	for _, where := range []string{"running", "stopped"} {
		if where == "stopped" {
			g.terminate(t)
			g.client.CloseIdleConnections()
			refused(5, "unavailable", "user", "factors", "reset", u.email) // the mail to its owner could have no link
			g.edit(t, "\t\trate_limit login off\n", "\t\trate_limit login off\n\t\tissuer https://auth.example.com\n")
		}
		g.withEmailFactor(t, u)
		refused(3, "not_found", "user", "factors", "reset", "nobody-of-this-name")
		if said := g.operatorJSON(t, "user", "factors", "reset", u.email); said["factors_removed"] != 1.0 {
			t.Errorf("%s: %v", where, said)
		}
		refused(4, "last_admin", "user", "disable", "ops")
		refused(4, "last_admin", "user", "role", "remove", "ops", "admin")
		refused(4, "last_admin", "user", "delete", "ops", "--yes")
		refused(4, "conflict", "user", "create", "--email", u.email)
		refused(3, "not_found", "user", "enable", "nobody-of-this-name")
		refused(2, "invalid_fields", "user", "role", "add", u.email, "Not A Role")
		refused(2, "invalid_fields", "user", "create", "--email", "nobody")
		if said := g.operatorJSON(t, "user", "role", "add", u.username, "admin", "staff"); len(said["roles"].([]any)) != 2 {
			t.Errorf("%s: roles are %v", where, said)
		}
		refused(3, "not_found", "user", "get", "nobody@example.com")
		refused(3, "not_found", "session", "list", "--user", "nobody-of-this-name")
		refused(2, "invalid_fields", "user", "update", "ops", "--username", "!")
		one := g.operatorJSON(t, "user", "get", u.email)
		if again := g.operatorJSON(t, "user", "get", fmt.Sprint(one["number"])); again["id"] != u.id || again["kind"] != "person" {
			t.Errorf("%s: number %v is %v", where, one["number"], again)
		}
		if list := g.operatorJSON(t, "user", "list", "--q", u.username); len(list["users"].([]any)) != 1 || list["next"] != nil {
			t.Errorf("%s: the list is %v", where, list)
		}
		if said := g.operatorJSON(t, "user", "update", u.id, "--first-name", where); said["first_name"] != where {
			t.Errorf("%s: updated %v", where, said)
		}
		g.operatorJSON(t, "user", "unlock", u.id)
		g.eventCommands(t, where, u)
		g.sessionCommands(t, where, u)
		service := g.operatorJSON(t, "user", "create", "--service", "--username", "service-"+where, "--role", "staff")
		if service["kind"] != "service" || service["link"] != nil {
			t.Errorf("%s: a service is %v", where, service)
		}
		refused(2, "invalid_fields", "user", "create", "--service", "--username", "robot", "--email", "robot@example.com")
		refused(2, "invalid_fields", "user", "update", fmt.Sprint(service["number"]), "--email", "robot@example.com")
		refused(4, "conflict", "user", "reset", "service-"+where)
		if said := g.operatorJSON(t, "user", "disable", fmt.Sprint(service["number"])); said["disabled"] != true {
			t.Errorf("%s: disabled %v", where, said)
		}
		if said := g.operatorJSON(t, "user", "update", "ops", "--email", "ops-"+where+"@example.com"); said["email"] != "ops-"+where+"@example.com" || said["email_verified"] != false {
			t.Errorf("%s: updated %v", where, said)
		}
		robot := g.operatorJSON(t, "user", "create", "--username", "short-lived-"+where)["id"].(string)
		if said := g.operatorJSON(t, "user", "delete", robot, "--yes"); said["id"] != robot {
			t.Errorf("%s: deleted %v", where, said)
		}
		refused(3, "not_found", "user", "get", robot)
		g.blockCommands(t, where)
		g.operatorJSON(t, "user", "disable", "ops") // there is another one now
		refused(4, "last_admin", "user", "role", "remove", u.email, "admin")
		g.operatorJSON(t, "user", "enable", "ops")
		g.operatorJSON(t, "user", "role", "remove", u.email, "admin", "staff")
	}
	for line, want := range map[string]int{"user": 0, "user disable": 2, "user role add ops": 2, "user create": 2, "user create --email a@example.com surplus": 2} {
		if _, errs, code := g.Command(t, strings.Fields(line)...); code != want {
			t.Errorf("%q ends with %d: %s", line, code, errs)
		}
	}
	if n := g.count(t, "select count(*) from outbox where kind = 'factor_removed'"); n != 2 {
		t.Errorf("the owner of the factors gets %d mails", n)
	}
	for kind, want := range map[string]int64{"factor.removed": 2, "mfa.disabled": 2, "account.disabled": 4, "account.enabled": 2, "account.roles_changed": 4} {
		if n := g.count(t, "select count(*) from events where method = 'operator' and kind = '"+kind+"'"); n != want {
			t.Errorf("%d events %s, want %d", n, kind, want)
		}
	}
}
