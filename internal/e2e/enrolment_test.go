package e2e

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// TestO04_EnrolmentOverTwoNodes: a sign-in that requires a factor adds one, each step on the other node. Nothing can be added before the code
// to the proven address; of a hundred who confirm the factor at once, over both nodes, one is signed in; another program that has
// the token gets no further.
func TestO04_EnrolmentOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "factors totp recovery\nmfa required role ops"})
	u := c.a.newUser(t)
	c.a.exec(t, `update users set roles = '["ops"]' where id = '`+u.id+`'`)
	token, code := c.a.waiting(t, u, nil)
	enrol := object{"mfa_token": token, "type": "totp"}
	c.b.api(t, "POST", "/login/mfa/enrol", enrol, call{}).must(t, 403, "forbidden")
	a := c.b.api(t, "POST", "/login/mfa", object{"mfa_token": token, "code": code}, call{}).must(t, 200, "")
	shape{"mfa_required": "bool", "mfa_token": "text", "expires_in": "number", "methods": "list", "enrol": "list"}.check(t, "what is left", a.json(t))
	if offered, _ := a.json(t)["enrol"].([]any); len(offered) != 1 || offered[0] != "totp" {
		t.Fatalf("got %s", a.body)
	}
	c.a.api(t, "POST", "/login/mfa/enrol", enrol, call{header: map[string]string{"User-Agent": "another program"}}).must(t, 401, "invalid_mfa_token")
	added := c.a.api(t, "POST", "/login/mfa/enrol", enrol, call{}).must(t, 201, "")
	right := testotp.Code(t, added.text("secret"), time.Now())
	signedIn := 0
	for _, a := range c.overBoth(t, race, func(int) call {
		return call{method: "POST", path: "/auth/login/mfa", body: object{"mfa_token": token, "method": "totp", "code": right}}
	}) {
		if a.status != 200 {
			continue
		}
		signedIn++
		if codes, _ := a.json(t)["recovery_codes"].([]any); len(codes) != 10 {
			t.Errorf("got %s", a.body)
		}
		now := c.b.api(t, "GET", "/2fa", nil, call{bearer: a.text("access_token")}).must(t, 200, "").json(t)
		if now["enabled"] != true || now["required_by"] != "role:ops" || now["recovery_codes_left"] != 10.0 {
			t.Errorf("got %v", now)
		}
	}
	if signedIn != 1 {
		t.Errorf("%d of %d are signed in by one code", signedIn, race)
	}
}
