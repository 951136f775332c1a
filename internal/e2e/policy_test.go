package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// chosen is a text of n characters that nobody would guess and that repeats nothing.
func chosen(n int) string {
	const words = "Quartz owls juggle vivid plums; five zebras mix kelp broth, damp foxes hum 93 odd tunes! Why did Grumpy Jack box two newts? " +
		"Cobalt sphinx, judge my vow: pack thirty liquor jugs. Bright vixens jump 48 dozy fowl & quack. Amazingly few discotheques provide jukeboxes; " +
		"mild wizards brew thick ginger ales, crafty llamas nibble 71 soft pears"
	return words[:n]
}

// refusedPasswords are refused wherever a password is set.
func refusedPasswords(u *user) map[string]string {
	local, _, _ := strings.Cut(u.email, "@")
	return map[string]string{
		"7 characters": chosen(7), "8 characters, below the least": chosen(8), "11 characters": chosen(11), "257 characters": chosen(257),
		"11 emoji": "🦊🐢🎈🚲🌋🍇🧲🪁🎲🛶🪐", "only spaces": strings.Repeat(" ", 14), "one letter": strings.Repeat("a", 64), "a walk over the keyboard": "qwertyuiopasdf",
		"digits in order": "123456789012", "a common one": "password1234", "a common one, dressed up": "P@ssw0rd1234!", "a common one, doubled": "iloveyouiloveyou",
		"the product": "gatehouse2026!", "the product's name, twice": "Gatehouse gatehouse", "the address": u.email, "the name in the address": local + "-" + local + "1",
		"the username": u.username + " " + u.username, "empty": "",
	}
}

// acceptedPasswords are accepted wherever one is set.
var acceptedPasswords = map[string]string{
	"12 characters": chosen(12), "14 characters": chosen(14), "15 characters": chosen(15), "64 characters": chosen(64), "256 characters": chosen(256),
	"12 emoji": "🦊🐢🎈🚲🌋🍇🧲🪁🎲🛶🪐🧭", "spaces": "  spaces   around a lemon  ", "lower case alone": "lemon kite river oboe", "no Latin letters": "пингвин читает газету",
	"a tab and a line break": "lemon\tkite\nriver oboe",
}

// TestL16_OneRuleEverywhere: registering, proving, resetting and changing refuse the same passwords and say why.
func TestL16_OneRuleEverywhere(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true})
	u := g.newUser(t)
	g.advance(t, 61*time.Second)
	g.api(t, "POST", "/password/forgot", object{"login": u.email}).must(t, 202, "")
	reset := g.waitMail(t, u.email, 2)
	waiting := freshEmail()
	g.register(t, object{"email": waiting, "password": password})
	verify := g.waitMail(t, waiting, 1)
	for name, bad := range refusedPasswords(u) {
		says := map[string]string{}
		ask := func(what, method, path, field string, body object, more ...call) {
			t.Helper()
			body[field] = bad
			rules, _ := g.api(t, method, path, body, more...).problem(t, 422, "invalid_fields")[field].([]any)
			if len(rules) == 0 {
				t.Errorf("%s: nothing is said of %s on %s", name, field, path)
			}
			says[what] = fmt.Sprint(rules...)
		}
		ask("register", "POST", "/register", "password", object{"email": u.email, "username": u.username})
		ask("change", "POST", "/me/password", "new_password", object{"current_password": password}, call{bearer: u.access})
		ask("reset by code", "POST", "/password/reset", "new_password", object{"login": u.email, "otp": reset.code})
		if bad != "" { // without a new password another proof is looked for
			if !strings.Contains(name, "the address") && !strings.Contains(name, "username") && !strings.Contains(name, "name in") { // it is another address there
				ask("verify", "POST", "/verify", "new_password", object{"email": waiting, "otp": verify.code})
				ask("verify by link", "POST", "/verify", "new_password", object{"token": verify.token})
			}
		}
		ask("reset by link", "POST", "/password/reset", "new_password", object{"token": reset.token})
		for what, said := range says {
			if said != says["register"] {
				t.Errorf("%s: %s says %q, register %q", name, what, said, says["register"])
			}
			if len(bad) > 3 && strings.Contains(said, bad) {
				t.Errorf("%s: %s quotes the password", name, what)
			}
		}
	}
	// Nothing of it has cost an attempt, a code or the old password.
	g.attempt(t, u.email, password).pair(t, false)
	g.api(t, "POST", "/verify", object{"email": waiting, "otp": verify.code, "new_password": chosenPassword}).pair(t, false)
	g.api(t, "POST", "/password/reset", object{"login": u.email, "otp": reset.code, "new_password": chosenPassword}).empty(t, 204)
}

// TestL16_AcceptedEverywhere: what is long enough and no list has is taken as it is, without rules of composition, and
// signs in.
func TestL16_AcceptedEverywhere(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true})
	u := g.newUser(t)
	present, mails := password, 1
	for name, good := range acceptedPasswords {
		g.register(t, object{"email": freshEmail(), "password": good})
		g.api(t, "POST", "/me/password", object{"current_password": present, "new_password": good}, call{bearer: u.access}).empty(t, 204)
		mails++
		a := g.attempt(t, u.email, good)
		if a.status != 200 {
			t.Fatalf("%s: signing in after the change: %d %s", name, a.status, a.code())
		}
		u.take(t, a)
		present = good
	}
	for _, name := range []string{"256 characters", "12 emoji", "spaces"} {
		g.advance(t, 61*time.Second)
		g.api(t, "POST", "/password/forgot", object{"login": u.email}).must(t, 202, "")
		mails++
		l := g.waitMail(t, u.email, mails)
		g.api(t, "POST", "/password/reset", object{"token": l.token, "new_password": acceptedPasswords[name]}).empty(t, 204)
		mails++ // the notice
		g.waitMail(t, u.email, mails)
		g.attempt(t, u.email, acceptedPasswords[name]).pair(t, false)
	}
}

// TestL16_ListsAreEnforced: with the least length that can be set, what common and breached lists lead with is refused all
// the same, and with nothing but the files in the binary.
func TestL16_ListsAreEnforced(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tpassword {\n\t\t\tmin_length 8\n\t\t}"})
	u := g.newUser(t)
	for _, common := range []string{"password", "12345678", "sunshine", "trustno1", "1qaz2wsx", "iloveyou", "princess", "football", "baseball", "superman",
		"starwars", "whatever", "computer", "michelle", "corvette", "qwertyui", "asdfghjk", "jennifer", "11111111", "87654321", "letmein1", "Password1", "PASSWORD",
		"sunshine99", "princess!!", "football2026", "charlie1", "liverpool", "dragon12", "welcome1"} {
		fields := g.api(t, "POST", "/register", object{"email": freshEmail(), "password": common}).problem(t, 422, "invalid_fields")
		g.api(t, "POST", "/me/password", object{"current_password": password, "new_password": common}, call{bearer: u.access}).invalid(t, "new_password")
		rules, _ := fields["password"].([]any)
		if slices.Contains(rules, any("Use at least 8 characters.")) {
			t.Errorf("%q is refused for its length", common)
		}
	}
	const eight = "kX9#mQ2v"
	g.register(t, object{"email": freshEmail(), "password": eight})
	rules, _ := g.api(t, "POST", "/register", object{"email": freshEmail(), "password": eight[:7]}).problem(t, 422, "invalid_fields")["password"].([]any)
	if !slices.Contains(rules, any("Use at least 8 characters.")) {
		t.Errorf("7 characters: %v", rules)
	}
	g.restartWith(t, plan{global: "\t\tpassword {\n\t\t\tmin_length 15\n\t\t\tmax_length 64\n\t\t}"})
	for n, want := range map[int]int{14: 422, 15: 202, 64: 202, 65: 422} {
		if a := g.api(t, "POST", "/register", object{"email": freshEmail(), "password": chosen(n)}); a.status != want {
			t.Errorf("%d characters where 15 to 64 are asked for: %d %s", n, a.status, a.body)
		}
	}
}
