package e2e

import (
	"strings"
	"syscall"
	"testing"
)

// simplejwtPlan is a plan with simplejwt and its options.
func simplejwtPlan(options ...string) plan {
	directive := "simplejwt {\n\t\t" + strings.Join(options, "\n\t\t") + "\n\t}"
	return plan{site: strings.ReplaceAll(dialectSite, "<dialect>", directive),
		env: []string{"DIALECT_KEY=" + dialectKey, "DIALECT_NEXT_KEY=the key after that 0123456789012345"}}
}

// wantToken asks a guard and the dialect whether they take tokens.
func (g *gateway) wantToken(t *testing.T, when string, good bool, access, refresh string) {
	t.Helper()
	guarded, renewed := 401, 401
	if good {
		guarded, renewed = 200, 200
	}
	if a := g.do(t, call{path: "/app/x", header: map[string]string{"Authorization": access}}); a.status != guarded {
		t.Errorf("%s: a guard answered %d %s, want %d", when, a.status, a.body, guarded)
	}
	if a := g.do(t, call{method: "POST", path: simplePairs.renew, body: object{"refresh": refresh}}); a.status != renewed {
		t.Errorf("%s: the refresh answered %d %s, want %d", when, a.status, a.body, renewed)
	}
}

// TestDialect_KeysLast: tokens are good as long as their key is the dialect's. The gateway's own key outlives a killed process, a reload, and
// the time in which another key is given.
func TestDialect_KeysLast(t *testing.T) {
	t.Parallel()
	g := start(t, simplejwtPlan())
	u := g.newUser(t)
	own, ownRefresh := simplePairs.signIn(t, g, u)
	g.wantToken(t, "at first", true, own, ownRefresh)
	g.signal(t, syscall.SIGKILL)
	g.WaitExit(t)
	g.client.CloseIdleConnections()
	g.restart(t)
	g.wantToken(t, "after a kill", true, own, ownRefresh)
	g.mustReload(t, simplejwtPlan("access_lifetime 4m"))
	g.wantToken(t, "after a reload", true, own, ownRefresh)

	g.mustReload(t, simplejwtPlan("key {env.DIALECT_KEY}"))
	g.wantToken(t, "once a key is given", false, own, ownRefresh)
	first, firstRefresh := simplePairs.signIn(t, g, u)
	g.wantToken(t, "under the key", true, first, firstRefresh)
	g.mustReload(t, simplejwtPlan("key {env.DIALECT_NEXT_KEY} {env.DIALECT_KEY}"))
	g.wantToken(t, "while the former key still checks", true, first, firstRefresh)
	g.mustReload(t, simplejwtPlan("key {env.DIALECT_NEXT_KEY}"))
	g.wantToken(t, "once the key is another", false, first, firstRefresh)
	g.mustReload(t, simplejwtPlan())
	g.wantToken(t, "once no key is given", false, first, firstRefresh)
	g.wantToken(t, "under the gateway's own key again", true, own, ownRefresh)
}

// TestSimplejwt_OptionsOverReloads: rotate, blacklist and revoke_on_password_change hold from the reload on, for the sessions that are there.
func TestSimplejwt_OptionsOverReloads(t *testing.T) {
	t.Parallel()
	g := start(t, simplejwtPlan("rotate off", "blacklist on", "revoke_on_password_change off"))
	u := g.newUser(t)
	_, refresh := simplePairs.signIn(t, g, u)
	for _, c := range []struct {
		options []string
		rotates bool
		former  int // what the former refresh token is answered once the next has been used
	}{
		{[]string{"rotate off", "blacklist off"}, false, 0},
		{[]string{"rotate on", "blacklist off"}, true, 200},
		{[]string{"rotate on", "blacklist on"}, true, 401},
		{[]string{"rotate off", "blacklist on"}, false, 0},
	} {
		when := strings.Join(c.options, ", ")
		g.mustReload(t, simplejwtPlan(c.options...))
		next, rotates := simplePairs.renewed(t, g, 200, refresh)["refresh"].(string)
		if rotates != c.rotates {
			t.Errorf("%s: the refresh answers another refresh token: %v", when, rotates)
		}
		if !rotates {
			continue
		}
		last := simplePairs.renewed(t, g, 200, next)["refresh"]
		if says := simplePairs.renewed(t, g, c.former, refresh); c.former == 200 {
			refresh = says["refresh"].(string)
			continue
		}
		simplePairs.renewed(t, g, 401, last.(string)) // for the session has ended
		_, refresh = simplePairs.signIn(t, g, u)
	}
	_, refresh = simplePairs.signIn(t, g, u)
	g.api(t, "POST", "/me/password", object{"current_password": password, "new_password": "another lantern 12"}, call{bearer: u.access}).must(t, 204, "")
	for option, detail := range map[string]string{"off": "Token is blacklisted", "on": "The user's password has been changed."} {
		g.mustReload(t, simplejwtPlan("revoke_on_password_change "+option))
		if says := simplePairs.renewed(t, g, 401, refresh); says["detail"] != detail {
			t.Errorf("revoke_on_password_change %s: %v", option, says)
		}
	}
}
