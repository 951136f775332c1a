package e2e

import (
	"fmt"
	"testing"
	"time"
)

// wrongCode is a code of as many digits that is not the right one.
func wrongCode(right string, i int) string {
	for {
		if code := fmt.Sprintf("%0*d", len(right), i); code != right {
			return code
		}
		i += 1000
	}
}

// TestO01_GuessingACode: after five wrong codes the code is dead, also for who has the right one. The link, which cannot be
// guessed, is not: else anybody could take it from its owner.
func TestO01_GuessingACode(t *testing.T) {
	t.Parallel()
	g := shared(t)
	t.Run("verify", func(t *testing.T) {
		t.Parallel()
		email := freshEmail()
		proof := g.register(t, object{"email": email, "password": password}).text("registration")
		letter := g.waitMail(t, email, 1)
		for i := range 5 {
			g.api(t, "POST", "/verify", object{"email": email, "otp": wrongCode(letter.code, i), "registration": proof}).problem(t, 400, "invalid_code")
		}
		a := g.api(t, "POST", "/verify", object{"email": email, "otp": letter.code, "registration": proof})
		a.problem(t, 429, "too_many_attempts")
		if a.header.Get("Retry-After") == "" {
			t.Error("there is no Retry-After")
		}
		g.api(t, "POST", "/verify", object{"token": letter.token, "registration": proof}).pair(t, false)
	})
	t.Run("reset", func(t *testing.T) {
		t.Parallel()
		u := g.newUser(t)
		g.api(t, "POST", "/password/forgot", object{"login": u.email}).must(t, 202, "")
		letter := g.waitMail(t, u.email, 2)
		for i := range 5 {
			// By either name of the account: it is one budget.
			login := []string{u.email, u.username}[i%2]
			g.api(t, "POST", "/password/reset", object{"login": login, "otp": wrongCode(letter.code, i), "new_password": chosenPassword}).problem(t, 400, "invalid_code")
		}
		for _, right := range []object{{"login": u.email, "otp": letter.code}, {"login": u.username, "otp": letter.code}} {
			right["new_password"] = chosenPassword
			g.api(t, "POST", "/password/reset", right).problem(t, 429, "too_many_attempts")
		}
		g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
		g.api(t, "POST", "/password/reset", object{"token": letter.token, "new_password": chosenPassword}).empty(t, 204)
	})
	t.Run("in parallel", func(t *testing.T) {
		t.Parallel()
		email := freshEmail()
		proof := g.register(t, object{"email": email, "password": password}).text("registration")
		code := g.waitMail(t, email, 1).code
		got := tally(g.atOnce(t, 60, func(i int) call {
			return call{method: "POST", path: "/auth/verify", body: object{"email": email, "otp": wrongCode(code, i), "registration": proof}}
		}))
		if got["400 invalid_code"] != 5 || got["429 too_many_attempts"] != 55 {
			t.Errorf("answers %v", got)
		}
	})
	t.Run("where nothing was sent", func(t *testing.T) {
		t.Parallel()
		email := freshEmail()
		for i := range 5 {
			g.api(t, "POST", "/verify", object{"email": email, "otp": fmt.Sprint(100000 + i), "password": password}).problem(t, 400, "invalid_code")
		}
		g.api(t, "POST", "/verify", object{"email": email, "otp": "123456", "password": password}).problem(t, 429, "too_many_attempts")
	})
}

// TestO03_Resend: a new code kills the one before, buys no new guesses, and no more than five mails an hour go out.
func TestO03_Resend(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true, global: "\t\trate_limit mail 5/1h"})
	email := freshEmail()
	proof := g.register(t, object{"email": email, "password": password}).text("registration")
	verify := func(code string) answer {
		return g.api(t, "POST", "/verify", object{"email": email, "otp": code, "registration": proof})
	}
	codes := []string{g.waitMail(t, email, 1).code}
	limited := 0
	for i := range 11 { // one more would be due after twelve minutes
		if i < 3 {
			verify(wrongCode(codes[len(codes)-1], i)).want(t, 400, "invalid_code")
		}
		g.advance(t, 61*time.Second)
		a := g.api(t, "POST", "/verify/resend", object{"email": email})
		switch a.status {
		case 202:
			if i < 4 {
				codes = append(codes, g.waitMail(t, email, i+2).code)
			}
		default:
			a.want(t, 429, "rate_limited")
			limited++
		}
	}
	g.settle(t)
	live := g.mails(t, email)
	if len(live) != 5 || limited != 7 {
		t.Fatalf("%d mails went out, %d calls were limited", len(live), limited)
	}
	right := live[len(live)-1].code
	old := codes[0]
	if old == right {
		old = codes[1]
	}
	// Three guesses are spent: the two that are left are not refilled by the resends.
	verify(old).want(t, 400, "invalid_code")
	verify(wrongCode(right, 77)).want(t, 400, "invalid_code")
	verify(right).want(t, 429, "too_many_attempts")
	g.advance(t, time.Hour+time.Minute)
	g.api(t, "POST", "/verify/resend", object{"email": email}).must(t, 202, "")
	verify(g.waitMail(t, email, 6).code).pair(t, false)
}

// TestO04_DoubleSpend: of many who show one right code at once exactly one succeeds.
func TestO04_DoubleSpend(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{}, func(t *testing.T, g *gateway) {
		for _, n := range []int{16, 100} {
			email := freshEmail()
			proof := g.register(t, object{"email": email, "password": password}).text("registration")
			letter := g.waitMail(t, email, 1)
			answers := g.atOnce(t, n, func(i int) call {
				body := object{"email": email, "otp": letter.code, "registration": proof}
				if i%2 == 1 {
					body = object{"token": letter.token, "registration": proof}
				}
				return call{method: "POST", path: "/auth/verify", body: body}
			})
			// The code is gone for all others; who comes after that guesses.
			got := tally(answers)
			if refused := got["400 invalid_code"] + got["429 too_many_attempts"] + got["403 registration_proof_required"]; got["200"] != 1 || refused != n-1 {
				t.Errorf("%d at once verify: %v", n, got)
			}
			if got := g.count(t, "select count(*) from users where email = '"+email+"'"); got != 1 {
				t.Errorf("%d accounts", got)
			}
			if got := g.count(t, "select count(*) from sessions"); n == 16 && got != 1 {
				t.Errorf("%d sessions", got)
			}
		}
		u := g.newUser(t)
		g.api(t, "POST", "/password/forgot", object{"login": u.email}).must(t, 202, "")
		letter := g.waitMail(t, u.email, 2)
		answers := g.atOnce(t, 16, func(i int) call {
			return call{method: "POST", path: "/auth/password/reset", body: object{"login": u.email, "otp": letter.code,
				"new_password": fmt.Sprintf("velvet harbour comet %d", i)}}
		})
		got := tally(answers)
		if got["204"] != 1 || got["400 invalid_code"]+got["429 too_many_attempts"]+got["503 unavailable"] != 15 {
			t.Errorf("16 at once reset: %v", got)
		}
		for i, a := range answers {
			if a.status == 204 { // the answer and the stored password are one caller's
				g.attempt(t, u.email, fmt.Sprintf("velvet harbour comet %d", i)).pair(t, false)
			}
		}
	})
}

// TestO12_PurposeAndSubject: a code or link is worth nothing for another purpose or another person.
func TestO12_PurposeAndSubject(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tsignup open"})
	open := func() (email string, letter letter) {
		email = freshEmail()
		g.api(t, "POST", "/register", object{"email": email, "password": password}).must(t, 201, "")
		return email, g.waitMail(t, email, 1)
	}
	alice, verifyAlice := open()
	bob, verifyBob := open()
	g.api(t, "POST", "/password/forgot", object{"login": alice}).must(t, 202, "")
	g.api(t, "POST", "/password/forgot", object{"login": bob}).must(t, 202, "")
	resetAlice, resetBob := g.waitMail(t, alice, 2), g.waitMail(t, bob, 2)
	verify := func(body object) answer {
		body["password"] = password
		return g.api(t, "POST", "/verify", body)
	}
	reset := func(body object) answer {
		body["new_password"] = chosenPassword
		return g.api(t, "POST", "/password/reset", body)
	}
	reset(object{"token": verifyAlice.token}).problem(t, 400, "invalid_code")
	verify(object{"token": resetAlice.token}).problem(t, 400, "invalid_code")
	if resetAlice.code != verifyAlice.code {
		reset(object{"login": alice, "otp": verifyAlice.code}).problem(t, 400, "invalid_code")
		verify(object{"email": alice, "otp": resetAlice.code}).problem(t, 400, "invalid_code")
	}
	if resetAlice.code != resetBob.code {
		reset(object{"login": bob, "otp": resetAlice.code}).problem(t, 400, "invalid_code")
	}
	if verifyAlice.code != verifyBob.code {
		verify(object{"email": bob, "otp": verifyAlice.code}).problem(t, 400, "invalid_code")
	}
	// An access or refresh token is no code, and a code no token.
	tokens := g.attempt(t, bob, password)
	reset(object{"token": tokens.text("refresh_token")}).problem(t, 400, "invalid_code")
	verify(object{"token": tokens.text("access_token")}).problem(t, 400, "invalid_code")
	g.api(t, "GET", "/me", nil, call{bearer: resetBob.token}).problem(t, 401, "invalid_token")
	g.api(t, "POST", "/refresh", object{"refresh_token": resetBob.token}).problem(t, 401, "invalid_refresh_token")
	// Each is still good where it belongs.
	verify(object{"token": verifyAlice.token}).pair(t, false)
	reset(object{"login": bob, "otp": resetBob.code}).empty(t, 204)
}
