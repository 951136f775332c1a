package e2e

import (
	"strings"
	"testing"
)

// TestInvite_Commands: whoever runs the gateway invites at a running gateway and without one; what is made without one is sent when it starts.
func TestInvite_Commands(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tsignup invite\n\t\tissuer https://auth.example.com\n"})
	refused := func(code int, problem string, args ...string) {
		t.Helper()
		if _, errs, got := g.Command(t, append(args, "--config", "Caddyfile", "--json")...); got != code || !strings.Contains(errs, `"`+problem+`"`) {
			t.Errorf("%v ends with %d: %q", args, got, errs)
		}
	}
	var waiting []string
	for _, where := range []string{"running", "stopped"} {
		if where == "stopped" {
			g.terminate(t)
			g.client.CloseIdleConnections()
		}
		to := freshEmail()
		if made := g.operatorJSON(t, "invite", "create", "--email", to, "--role", "staff"); made["email"] != to || made["url"] != nil || made["status"] != "pending" {
			t.Errorf("%s: made %v", where, made)
		}
		waiting = append(waiting, to)
		made := g.operatorJSON(t, "invite", "create")
		if url, _ := made["url"].(string); !strings.HasPrefix(url, "https://auth.example.com/auth/invitation?token=") {
			t.Errorf("%s: the link is %v", where, made["url"])
		}
		id := made["id"].(string)
		g.operatorJSON(t, "invite", "revoke", id)
		refused(3, "not_found", "invite", "revoke", id)
		refused(3, "not_found", "invite", "revoke", "x")
		refused(2, "invalid_fields", "invite", "create", "--email", "nobody")
		refused(3, "not_found", "invite", "create", "--phone", "+436641234567") // numbers do not sign in here
		page := g.operatorJSON(t, "invite", "list")
		if next, has := page["next"]; !has || next != nil {
			t.Errorf("%v has no next", page)
		}
		if list := page["invitations"].([]any); len(list) != 2*len(waiting) || list[0].(map[string]any)["status"] != "revoked" {
			t.Errorf("%s: listed are %v", where, list)
		}
	}
	g.edit(t, "\t\tissuer https://auth.example.com\n", "")
	refused(5, "unavailable", "invite", "create", "--email", freshEmail())
	g.restart(t)
	for _, to := range waiting {
		a := g.api(t, "POST", "/register", object{"invitation": g.waitMail(t, to, 1).token, "password": password}).must(t, 201, "")
		if u, _ := a.json(t)["user"].(map[string]any); u["email"] != to || u["email_verified"] != true {
			t.Errorf("the account is %v", a.json(t))
		}
	}
}
