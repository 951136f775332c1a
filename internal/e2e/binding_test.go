package e2e

import (
	"fmt"
	"testing"
	"time"
)

// TestO13_VerifyIsTheOwners: codes, links and registrations of one address prove nothing for another, neither way round,
// nor by way of the database.
func TestO13_VerifyIsTheOwners(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{}, func(t *testing.T, g *gateway) {
		type waiting struct{ email, code, link, proof, password string }
		register := func(password string) waiting {
			w := waiting{email: freshEmail(), password: password}
			w.proof = g.register(t, object{"email": w.email, "password": password}).text("registration")
			l := g.waitMail(t, w.email, 1)
			w.code, w.link = l.code, l.token
			return w
		}
		a, b := register(mallorysPassword), register(password)
		for b.code == a.code {
			b = register(password)
		}
		verify := func(body object) answer { return g.api(t, "POST", "/verify", body) }
		// A's code in B's flow, with everything that else would be right.
		verify(object{"email": b.email, "otp": a.code, "registration": b.proof}).problem(t, 400, "invalid_code")
		verify(object{"email": b.email, "otp": a.code, "password": b.password}).problem(t, 400, "invalid_code")
		verify(object{"email": b.email, "otp": a.code, "new_password": chosenPassword}).problem(t, 400, "invalid_code")
		// A's registration with B's code or link: it takes over nothing.
		verify(object{"email": b.email, "otp": b.code, "registration": a.proof}).problem(t, 403, "registration_proof_required")
		verify(object{"token": b.link, "registration": a.proof}).problem(t, 403, "registration_proof_required")
		verify(object{"token": b.link, "password": a.password}).problem(t, 403, "registration_proof_required")
		// A's link with B's address beside it, and in one breath with B's code.
		verify(object{"token": a.link, "otp": b.code, "email": b.email, "registration": b.proof}).problem(t, 400, "invalid_request")
		verify(object{"token": a.link, "email": b.email, "registration": b.proof}).problem(t, 403, "registration_proof_required")
		// Somebody who can write to the database, but has no key, makes A's code B's: it is bound to its address.
		g.exec(t, "update challenges set code_digest = (select c.code_digest from challenges c where c.subject = '"+a.email+"') where subject = '"+b.email+"'")
		verify(object{"email": b.email, "otp": a.code, "registration": b.proof}).problem(t, 400, "invalid_code")
		// Each opens its own, and only that.
		if got := verify(object{"token": a.link, "email": b.email, "registration": a.proof}).pair(t, false); got["email"] != a.email {
			t.Errorf("A's link made an account of %v", got["email"])
		}
		if got := verify(object{"token": b.link, "registration": b.proof}).pair(t, false); got["email"] != b.email {
			t.Errorf("B's link made an account of %v", got["email"])
		}
		g.attempt(t, b.email, a.password).want(t, 401, "invalid_credentials")
		g.attempt(t, b.email, b.password).pair(t, false)
	})
}

// TestO13_ResetIsTheOwners: what was mailed to A resets A's password, whomever the caller names.
func TestO13_ResetIsTheOwners(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{clock: true}, func(t *testing.T, g *gateway) {
		a, b := g.newUser(t), g.newUser(t)
		var codeA, codeB letter
		for n := 2; n < 6 && codeA.code == codeB.code; n++ {
			g.advance(t, 61*time.Second)
			for _, u := range []*user{a, b} {
				g.api(t, "POST", "/password/forgot", object{"login": u.email}).must(t, 202, "")
			}
			codeA, codeB = g.waitMail(t, a.email, n), g.waitMail(t, b.email, n)
		}
		reset := func(body object) answer {
			body["new_password"] = chosenPassword
			return g.api(t, "POST", "/password/reset", body)
		}
		for _, login := range []string{b.email, b.username} {
			reset(object{"login": login, "otp": codeA.code}).problem(t, 400, "invalid_code")
		}
		reset(object{"email": b.email, "otp": codeA.code}).problem(t, 400, "invalid_code")
		reset(object{"login": b.email, "token": codeA.token, "otp": codeB.code}).problem(t, 400, "invalid_request")
		g.exec(t, "update challenges set code_digest = (select c.code_digest from challenges c where c.account_id = '"+a.id+"') where account_id = '"+b.id+"'")
		reset(object{"login": b.email, "otp": codeA.code}).problem(t, 400, "invalid_code")
		// Who is signed in as B cannot use it either, nor verify B's address by it.
		g.api(t, "POST", "/password/reset", object{"login": b.email, "otp": codeA.code, "new_password": chosenPassword}, call{bearer: b.access}).problem(t, 400, "invalid_code")
		g.api(t, "POST", "/verify", object{"token": codeA.token, "password": password}, call{bearer: b.access}).problem(t, 400, "invalid_code")
		g.do(t, call{path: "/app", bearer: b.access}).must(t, 200, "")
		// A link means who it was sent to, whatever name stands beside it.
		reset(object{"login": b.email, "token": codeA.token}).empty(t, 204)
		g.attempt(t, a.email, chosenPassword).pair(t, false)
		g.attempt(t, b.email, chosenPassword).want(t, 401, "invalid_credentials")
		g.attempt(t, b.email, password).pair(t, false)
		if n := g.count(t, fmt.Sprintf("select count(*) from events where kind = 'password.reset' and account_id = '%s'", b.id)); n != 0 {
			t.Errorf("%d events tell B of a reset", n)
		}
	})
}
