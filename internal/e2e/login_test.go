package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// attempt is a sign-in.
func (g *gateway) attempt(t testing.TB, login, password string) answer {
	t.Helper()
	return g.api(t, "POST", "/login", object{"login": login, "password": password})
}

// look is everything of an answer that an observer can compare, but for the clock.
func look(a answer) string {
	h := maps.Clone(a.header)
	h.Del("Date")
	return fmt.Sprint(a.status, len(a.body), string(a.body), sortedHeader(h))
}

func sortedHeader(h http.Header) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		fmt.Fprint(&b, name, h[name], ";")
	}
	return b.String()
}

func TestL01_EqualAnswers(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	known, disabled, waiting := g.newUser(t), g.newUser(t), freshEmail()
	g.register(t, object{"email": waiting, "password": password})
	g.exec(t, "update users set disabled_at = 1 where id = '"+disabled.id+"'")
	const wrong = "wrong granite lantern 7"
	answers := map[string]answer{
		"wrong password":            g.attempt(t, known.email, wrong),
		"unknown address":           g.attempt(t, freshEmail(), wrong),
		"unknown name":              g.attempt(t, "nobody.here", wrong),
		"no name at all":            g.attempt(t, "\u200b", wrong),
		"too long a name":           g.attempt(t, strings.Repeat("a", 400), wrong),
		"disabled, wrong password":  g.attempt(t, disabled.email, wrong),
		"disabled, right password":  g.attempt(t, disabled.email, password),
		"waiting, wrong password":   g.attempt(t, waiting, wrong),
		"a password of other bytes": g.attempt(t, known.email, strings.Repeat("x", 5000)),
	}
	want := look(answers["wrong password"].must(t, 401, "invalid_credentials"))
	for name, a := range answers {
		if got := look(a); got != want {
			t.Errorf("%s:\n%s\nexpected\n%s", name, got, want)
		}
	}
	// The lock counts names that exist and names that do not alike.
	exists, unknown := g.newUser(t).email, freshEmail()
	for range 5 {
		g.attempt(t, exists, wrong).want(t, 401, "invalid_credentials")
		g.attempt(t, unknown, wrong).want(t, 401, "invalid_credentials")
	}
	a, b := g.attempt(t, exists, password).must(t, 429, "account_locked"), g.attempt(t, unknown, password).must(t, 429, "account_locked")
	a.header.Del("Retry-After") // it counts down
	b.header.Del("Retry-After")
	if look(a) != look(b) {
		t.Errorf("locks differ:\n%s\n%s", look(a), look(b))
	}
}

// TestL02_EqualTime compares interleaved pairs of a known and an unknown name at the real cost.
func TestL02_EqualTime(t *testing.T) {
	aloneOrParallel(t)
	g := start(t, plan{hashes: true, global: "\t\tlockout off"})
	u := g.newUser(t)
	unknown := freshEmail()
	g.equal(t, soak.N(24, 400), func(known bool) {
		login := unknown
		if known {
			login = u.email
		}
		g.attempt(t, login, "wrong granite lantern 7").must(t, 401, "invalid_credentials")
	})
}

func TestL04_RegisterTellsNothing(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true})
	u := g.newUser(t)
	g.advance(t, 61*time.Second)
	body := func(email string) object { return object{"email": email, "password": password} }
	fresh := g.register(t, body(freshEmail()))
	again := g.register(t, body(strings.ToUpper(u.email)))
	a, b := fresh.json(t), again.json(t)
	if len(a["registration"].(string)) != len(b["registration"].(string)) || a["registration"] == b["registration"] {
		t.Errorf("registrations %v and %v", a["registration"], b["registration"])
	}
	delete(a, "registration")
	delete(b, "registration")
	for _, h := range []http.Header{fresh.header, again.header} {
		h.Del("Date")
	}
	if fmt.Sprint(a) != fmt.Sprint(b) || sortedHeader(fresh.header) != sortedHeader(again.header) {
		t.Errorf("answers differ: %v %v", a, b)
	}
	letter := g.waitMail(t, u.email, 2)
	if letter.code != "" || letter.token != "" || !strings.Contains(letter.subject, "already have an account") {
		t.Errorf("the owner is told %q with code %q", letter.subject, letter.code)
	}
	// Guessing a code for it is answered as for one that waits, and what the stranger gave has no effect.
	for range 5 {
		g.api(t, "POST", "/verify", object{"email": u.email, "otp": "123456", "new_password": chosenPassword}).want(t, 400, "invalid_code")
	}
	g.api(t, "POST", "/verify", object{"email": u.email, "otp": "123456", "new_password": chosenPassword}).want(t, 429, "too_many_attempts")
	g.attempt(t, u.email, password).pair(t, false)
}

// TestL04_SignInAfterRegistering: who registers an address and then signs in with what they gave learns nothing either.
func TestL04_SignInAfterRegistering(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u, unknown := g.newUser(t), freshEmail()
	var seen []string
	for _, email := range []string{u.email, unknown} {
		g.register(t, object{"email": email, "password": mallorysPassword})
		for range 7 { // also past the number that locks: it is no guess
			seen = append(seen, look(g.attempt(t, email, mallorysPassword).must(t, 403, "account_not_verified")))
		}
	}
	for _, s := range seen[1:] {
		if s != seen[0] {
			t.Fatalf("answers differ:\n%s\n%s", s, seen[0])
		}
	}
	g.attempt(t, u.email, password).pair(t, false)
	g.attempt(t, unknown, password).want(t, 401, "invalid_credentials")
}

// TestL04_RegisterTakesEqualTime: a hash or a mail that is left out for an address that has an account would show.
func TestL04_RegisterTakesEqualTime(t *testing.T) {
	aloneOrParallel(t)
	g := start(t, plan{clock: true, hashes: true})
	u := g.newUser(t)
	turn := 0
	g.equal(t, soak.N(16, 400), func(known bool) {
		if turn++; turn%2 == 1 {
			g.advance(t, 61*time.Second) // so that each gets its mail
		}
		email := freshEmail()
		if known {
			email = u.email
		}
		g.register(t, object{"email": email, "password": password})
	})
}

func TestL07_OneCounterForAllSpellings(t *testing.T) {
	t.Parallel()
	g := shared(t)
	for name, known := range map[string]bool{"known": true, "unknown": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := userNumber.Add(1)
			email, username := fmt.Sprintf("alias%d@example.com", n), fmt.Sprintf("alias%d", n)
			spellings := []string{email, strings.ToUpper(email), "  " + email, "al\u200bias" + strings.TrimPrefix(email, "alias"),
				strings.Replace(email, "alias", "\uff41lias", 1)}
			last := "Alias" + strings.TrimPrefix(email, "alias")
			if known {
				g.newUser(t, profile{email: email, username: username})
				spellings[2], spellings[3], last = username, strings.ToUpper(username), "\u2060"+username
			}
			for _, login := range spellings {
				g.attempt(t, login, "wrong granite lantern 7").must(t, 401, "invalid_credentials")
			}
			for _, login := range append(spellings, last) {
				g.attempt(t, login, password).want(t, 429, "account_locked")
			}
		})
	}
}

// TestL08_ParallelGuessing: of two hundred wrong passwords at once no more than the limit reach the hasher.
func TestL08_ParallelGuessing(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{}, func(t *testing.T, g *gateway) {
		u, unknown := g.newUser(t), freshEmail()
		for _, login := range []string{u.email, unknown} {
			before := g.count(t, "select count(*) from events where kind = 'session.sign_in_failed'")
			answers := g.atOnce(t, 200, func(i int) call {
				return call{method: "POST", path: "/auth/login", body: object{"login": login, "password": fmt.Sprintf("wrong lantern %d", i)}}
			})
			got := tally(answers)
			if got["401 invalid_credentials"] != 5 || got["429 account_locked"] != 195 {
				t.Errorf("answers %v", got)
			}
			if n := g.count(t, "select count(*) from events where kind = 'session.sign_in_failed'") - before; n != 5 {
				t.Errorf("%d wrong passwords were looked at", n)
			}
			g.attempt(t, login, password).want(t, 429, "account_locked")
		}
	})
}

// TestL12_ValidSignInsInParallel: right passwords wait for each other and never lock. What a busy machine cannot hash
// within the two seconds of the queue is told to come again in a moment, and then gets in.
func TestL12_ValidSignInsInParallel(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	begin := time.Now()
	answers := g.atOnce(t, 20, func(int) call {
		return call{method: "POST", path: "/auth/login", body: object{"login": u.email, "password": password}}
	})
	for _, a := range answers {
		if wait, err := strconv.Atoi(a.header.Get("Retry-After")); a.status != 200 && (time.Since(begin) < 2*time.Second || err != nil || wait > 2) {
			t.Errorf("a right password is answered %d %s, Retry-After %d", a.status, a.code(), wait)
		}
	}
	for range 5 {
		g.attempt(t, u.email, password).pair(t, false)
	}
	id := "account_id = '" + u.id + "'"
	if n := g.count(t, "select count(*) from events where kind in ('session.sign_in_failed', 'account.locked') and "+id); n != 0 {
		t.Errorf("%d right passwords were counted as wrong", n)
	}
}

// TestL13_OwnSuccessResetsNothing: who signs in with an account of their own in between gets no fresh tries at another
// one, nor a fresh budget for their address.
func TestL13_OwnSuccessResetsNothing(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\trate_limit login 14/1h"})
	victim, mine := g.newUser(t), g.newUser(t)
	guess := func() answer { return g.attempt(t, victim.email, "wrong granite lantern 7") }
	for range 4 {
		guess().must(t, 401, "invalid_credentials")
	}
	g.attempt(t, mine.email, password).pair(t, false)
	guess().must(t, 401, "invalid_credentials")
	for range 4 {
		guess().must(t, 429, "account_locked")
	}
	g.attempt(t, mine.email, password).pair(t, false)
	for range 3 {
		g.attempt(t, freshEmail(), "wrong granite lantern 7").must(t, 401, "invalid_credentials")
	}
	limited := g.attempt(t, mine.email, password)
	limited.problem(t, 429, "rate_limited")
	if n, err := strconv.Atoi(limited.header.Get("Retry-After")); err != nil || n < 1 || n > 3600/14+1 {
		t.Errorf("Retry-After %q", limited.header.Get("Retry-After"))
	}
}
