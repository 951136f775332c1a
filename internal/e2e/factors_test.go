package e2e

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// TestO17_FactorsOverTwoNodes: a factor is added at one node and confirmed at the other; a recovery set that is made anew there is the one that
// counts; the operator takes all of it away, and the sessions end on both.
func TestO17_FactorsOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{})
	u := c.a.newUser(t)
	as := call{bearer: u.access}
	added := c.a.api(t, "POST", "/factors", object{"type": "totp", "name": "Phone"}, as).must(t, 201, "")
	id := added.text("id")
	c.b.api(t, "GET", "/factors", nil, as).must(t, 200, "")
	code := testotp.Code(t, added.text("secret"), time.Now())
	on := c.b.api(t, "POST", "/factors/"+id+"/confirm", object{"code": code, "enable_2fa": true}, as).must(t, 200, "")
	c.a.api(t, "POST", "/factors/"+id+"/confirm", object{"code": code}, as).must(t, 400, "invalid_code")
	// A session from before is not enough any more: beside its password a code is asked for, and each is good once on both.
	c.a.api(t, "DELETE", "/factors/"+id, nil, as).must(t, 403, "mfa_required")
	codes := on.json(t)["recovery_codes"].([]any)
	proof := object{"password": u.password, "otp": codes[0]}
	c.a.api(t, "DELETE", "/factors/"+id, proof, as).must(t, 409, "last_factor")
	c.b.api(t, "DELETE", "/factors/"+id, proof, as).must(t, 400, "invalid_code")
	if me := c.b.api(t, "GET", "/me", nil, as).must(t, 200, ""); me.json(t)["mfa_enabled"] != true {
		t.Errorf("got %s", me.body)
	}
	// A step-up by both, begun at one node and finished at the other: its session is fresh at the first, and the token from before is dead there.
	before := as
	waits := c.a.api(t, "POST", "/reauthenticate", object{"password": u.password}, as).must(t, 200, "").json(t)
	given := object{"mfa_token": waits["mfa_token"], "method": "recovery", "code": codes[1]}
	as = call{bearer: c.b.api(t, "POST", "/login/mfa", given).must(t, 200, "").text("access_token")}
	c.a.api(t, "POST", "/login/mfa", given).must(t, 401, "invalid_mfa_token")
	inTime(t, time.Second, "the other node refuses the token from before", func() bool {
		return c.b.api(t, "GET", "/me", nil, before).status == 401
	})
	c.b.api(t, "POST", "/factors", object{"type": "recovery"}, as).must(t, 201, "")
	if got := c.a.api(t, "GET", "/2fa", nil, as).must(t, 200, "").json(t); got["recovery_codes_left"] != 10.0 || got["enabled"] != true {
		t.Errorf("got %v", got)
	}
	said := c.a.operatorJSON(t, "user", "factors", "reset", u.email)
	if said["factors_removed"] != 2.0 {
		t.Errorf("the command said %v", said)
	}
	c.a.api(t, "GET", "/me", nil, as).must(t, 401, "invalid_token")
	inTime(t, time.Second, "the other node refuses the token", func() bool {
		return c.b.api(t, "GET", "/me", nil, as).status == 401
	})
	v := c.b.signIn(t, u, false)
	if got := c.b.api(t, "GET", "/2fa", nil, call{bearer: v.access}).must(t, 200, "").json(t); got["enabled"] != false {
		t.Errorf("got %v", got)
	}
}

// TestOption_factors: what is offered can be added, and nothing else.
func TestOption_factors(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tfactors totp recovery\n"})
	offer := g.api(t, "GET", "/config", nil).must(t, 200, "").json(t)
	if got := offer["factors"].([]any); len(got) != 2 || got[0] != "totp" {
		t.Errorf("offered: %v", got)
	}
	if got := offer["sign_in"].([]any); len(got) != 1 || got[0] != "password" {
		t.Errorf("without passkeys the ways to sign in are %v", got)
	}
	g.api(t, "POST", "/passkeys/options", object{}).want(t, 404, "not_found")
	u := g.newUser(t)
	g.api(t, "POST", "/factors", object{"type": "email"}, call{bearer: u.access}).must(t, 422, "invalid_fields")
	g.api(t, "POST", "/factors", object{"type": "totp"}, call{bearer: u.access}).must(t, 201, "")
	g.api(t, "PUT", "/2fa", nil, call{bearer: u.access}).must(t, 409, "no_factor")
}
