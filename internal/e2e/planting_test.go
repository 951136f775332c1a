package e2e

import (
	"testing"
)

const (
	mallorysPassword = "crimson ladder opera 3"
	chosenPassword   = "velvet harbour comet 9"
)

// mallory registers somebody else's address.
func (g *gateway) mallory(t testing.TB, address string) (proof string) {
	t.Helper()
	return g.register(t, object{"email": address, "password": mallorysPassword, "first_name": "Mallory", "phone": "+43 1 2345678"}).text("registration")
}

// owned checks whose account an address has become: the owner's password signs in and nothing of Mallory's is left.
func (g *gateway) owned(t testing.TB, address, ownersPassword string) {
	t.Helper()
	g.api(t, "POST", "/login", object{"login": address, "password": mallorysPassword}).want(t, 401, "invalid_credentials")
	account := g.api(t, "POST", "/login", object{"login": address, "password": ownersPassword}).pair(t, false)
	if account["first_name"] == "Mallory" || account["phone"] != "" {
		t.Errorf("the account keeps what a stranger said: %v", account)
	}
}

// TestPlanting_NobodyPlantsAPassword: whoever else registered the address and when, who proves it gets an account with
// their own password and nothing of anybody else's.
func TestPlanting_NobodyPlantsAPassword(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\totp {\n\t\t\tresend_after 1s\n\t\t}"})
	own := func(t *testing.T, address string) string {
		return g.register(t, object{"email": address, "password": password}).text("registration")
	}
	for name, steps := range map[string]func(t *testing.T, address string) (verify object, owners string){
		"stranger first": func(t *testing.T, address string) (object, string) {
			g.mallory(t, address)
			return object{"registration": own(t, address)}, password
		},
		"stranger second": func(t *testing.T, address string) (object, string) {
			proof := own(t, address)
			g.mallory(t, address)
			return object{"registration": proof}, password
		},
		"stranger on both sides, by password": func(t *testing.T, address string) (object, string) {
			g.mallory(t, address)
			own(t, address)
			g.mallory(t, address)
			return object{"password": password}, password
		},
		"stranger alone": func(t *testing.T, address string) (object, string) {
			g.mallory(t, address)
			return object{"new_password": chosenPassword}, chosenPassword
		},
		"stranger's proof slipped in beside a new password": func(t *testing.T, address string) (object, string) {
			return object{"registration": g.mallory(t, address), "new_password": chosenPassword}, chosenPassword
		},
		"a flood that pushes the owner out": func(t *testing.T, address string) (object, string) {
			proof := own(t, address)
			for range 10 {
				g.mallory(t, address)
			}
			return object{"registration": proof, "new_password": chosenPassword}, chosenPassword
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := freshEmail()
			verify, owners := steps(t, address)
			verify["token"] = g.liveToken(t, address)
			g.api(t, "POST", "/verify", verify).pair(t, false)
			g.owned(t, address, owners)
		})
	}
}

// settle waits until no mail is on its way.
func (g *gateway) settle(t testing.TB) {
	t.Helper()
	eventually(t, "every mail has left", func() bool {
		return g.count(t, "select count(*) from outbox where due_at is not null") == 0
	})
}

// liveToken returns the token of the last mail to an address once no other is on its way.
func (g *gateway) liveToken(t testing.TB, address string) string {
	t.Helper()
	g.waitMail(t, address, 1)
	g.settle(t)
	all := g.mails(t, address)
	return all[len(all)-1].token
}

// TestPlanting_OwnerProvesWithoutOwnRegistration: code or link alone, without proof of having registered, opens nothing.
func TestPlanting_OwnerProvesWithoutOwnRegistration(t *testing.T) {
	t.Parallel()
	g, address := shared(t), freshEmail()
	proof := g.mallory(t, address)
	letter := g.waitMail(t, address, 1)
	g.api(t, "POST", "/verify", object{"token": letter.token}).problem(t, 403, "registration_proof_required")
	g.api(t, "POST", "/verify", object{"token": letter.token, "password": password}).problem(t, 403, "registration_proof_required")
	// The stranger has the proof, but no code.
	g.api(t, "POST", "/verify", object{"email": address, "otp": "000000", "registration": proof})
	g.api(t, "POST", "/login", object{"login": address, "password": mallorysPassword}).problem(t, 403, "account_not_verified")
	g.api(t, "POST", "/verify", object{"token": letter.token, "new_password": chosenPassword}).pair(t, false)
	g.owned(t, address, chosenPassword)
	g.api(t, "POST", "/verify", object{"token": letter.token, "registration": proof}).want(t, 400, "invalid_code")
}

// TestPlanting_OpenSignup: with signup open a stranger has an unproven account at the address already, and is signed in.
// The owner's proof, or their reset, makes an account of their own, and closes the other, which only the address found.
func TestPlanting_OpenSignup(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tsignup open"})
	for name, take := range map[string]func(t *testing.T, address string){
		"verify": func(t *testing.T, address string) {
			token := g.waitMail(t, address, 1).token
			g.api(t, "POST", "/verify", object{"token": token}).problem(t, 403, "registration_proof_required")
			g.api(t, "POST", "/verify", object{"token": token, "new_password": chosenPassword}).pair(t, false)
		},
		"reset": func(t *testing.T, address string) {
			g.waitMail(t, address, 1)
			g.api(t, "POST", "/password/forgot", object{"login": address}).must(t, 202, "")
			g.api(t, "POST", "/password/reset", object{"token": g.waitMail(t, address, 2).token, "new_password": chosenPassword}).empty(t, 204)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := freshEmail()
			a := g.api(t, "POST", "/register", object{"email": address, "password": mallorysPassword}).must(t, 201, "")
			shape{"user": "object"}.check(t, "the answer", a.json(t))
			mallory := g.api(t, "POST", "/login", object{"login": address, "password": mallorysPassword})
			if account := mallory.pair(t, false); account["email_verified"] != false || claims(t, mallory.text("access_token"))["email"] != nil {
				t.Errorf("an unproven address is shown as proven: %v", account)
			}
			take(t, address)
			g.familyDead(t, []string{mallory.text("access_token")}, []string{mallory.text("refresh_token")})
			g.owned(t, address, chosenPassword)
			account := g.api(t, "POST", "/login", object{"login": address, "password": chosenPassword}).pair(t, false)
			if account["email_verified"] != true || account["id"] == a.json(t)["user"].(map[string]any)["id"] {
				t.Errorf("after the proof: %v", account)
			}
		})
	}
}

// TestRegisterRace: a hundred registrations of one address, in many spellings, make one account (K12).
func TestRegisterRace(t *testing.T) {
	t.Parallel()
	spellings := []string{"race@example.com", "Race@Example.com", " RACE@EXAMPLE.COM", "race@example.com."}
	race := func(t *testing.T, g *gateway) []answer {
		return g.atOnce(t, 100, func(i int) call {
			return call{method: "POST", path: "/auth/register", body: object{"email": spellings[i%len(spellings)],
				"password": password, "username": "racer"}}
		})
	}
	t.Run("open", func(t *testing.T) {
		t.Parallel()
		onBoth(t, plan{global: "\t\tsignup open"}, func(t *testing.T, g *gateway) {
			got := tally(race(t, g))
			if got["201"] != 1 || got["409 conflict"]+got["503 unavailable"] != 99 {
				t.Errorf("answers %v", got)
			}
			if n := g.count(t, "select count(*) from users"); n != 1 {
				t.Errorf("%d accounts", n)
			}
		})
	})
	t.Run("verified", func(t *testing.T) {
		t.Parallel()
		onBoth(t, plan{}, func(t *testing.T, g *gateway) {
			answers := race(t, g)
			if got := tally(answers); got["202"] == 0 || got["202"]+got["503 unavailable"] != 100 {
				t.Errorf("answers %v", got)
			}
			token := g.liveToken(t, "race@example.com")
			verified := g.atOnce(t, 100, func(i int) call {
				return call{method: "POST", path: "/auth/verify", body: object{"token": token, "registration": answers[i].text("registration")}}
			})
			got := tally(verified)
			if got["200"] != 1 || got["400 invalid_code"]+got["403 registration_proof_required"] != 99 {
				t.Errorf("answers %v", got)
			}
			if n := g.count(t, "select count(*) from users"); n != 1 {
				t.Errorf("%d accounts", n)
			}
		})
	})
}

// TestIdentifiersAreNeverGivenAway: a name or proven address once used stays with its account, also after a change and
// after the account is gone.
func TestIdentifiersAreNeverGivenAway(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tsignup open"})
	owner := g.api(t, "POST", "/register", object{"email": "owner@example.com", "username": "first.name", "password": password}).must(t, 201, "")
	id := owner.json(t)["user"].(object)["id"].(string)
	mine := g.api(t, "POST", "/login", object{"login": "first.name", "password": password}).text("access_token")
	g.api(t, "PATCH", "/me", object{"username": "second.name"}, call{bearer: mine}).must(t, 200, "")
	g.api(t, "POST", "/login", object{"login": "first.name", "password": password}).want(t, 401, "invalid_credentials")
	try := func(email, username string) answer {
		return g.api(t, "POST", "/register", object{"email": email, "username": username, "password": password})
	}
	for _, name := range []string{"first.name", "FIRST.name", "second.name"} {
		if fields := try(freshEmail(), name).problem(t, 409, "conflict"); fields["username"] == nil {
			t.Errorf("%s is taken, but the fields are %v", name, fields)
		}
	}
	try("OWNER@example.com", "third.name").problem(t, 409, "conflict")
	g.api(t, "PATCH", "/me", object{"username": "first.name"}, call{bearer: mine}).must(t, 200, "") // its owner may return to it
	g.exec(t, "delete from sessions where account_id = '"+id+"'")
	g.exec(t, "delete from users where id = '"+id+"'")
	try(freshEmail(), "second.name").problem(t, 409, "conflict")
	try(freshEmail(), "first.name").problem(t, 409, "conflict")
	try("owner@example.com", "fourth.name").problem(t, 409, "conflict")
}
