package dialect_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// gatedDialects are the dialects of the table, by the folders of their packages.
var gatedDialects = map[string]func(testing.TB) *gatedDialect{
	"constancejwt": gatedConstanceJWT, "simplejwt": gatedSimplejwt, "drfusers": gatedDRFUsers, "dfauth": gatedDFAuth, "devjournal": gatedDevJournal,
}

// gatedDialect is a dialect with what its calls answer.
type gatedDialect struct {
	is    dialect.Dialect
	serve func(t testing.TB, o testdialect.Options) *testdialect.Env
	// signIn returns the header with a token, and what renews it.
	signIn func(t testing.TB, p *caller)
	// renew is for who comes back after a while: it sets p.header anew.
	renew func(t testing.TB, p *caller)
	admin bool        // callers administer
	mode  signup.Mode // open
	// calls are by their method and path below the prefix, or action where there is no path. What follows a comma says which of several uses of
	// the call it is.
	calls map[string]gatedCall
}

// gatedCall is a call of a dialect, and what it answers to whom.
type gatedCall struct {
	// begin does what must be done while all is well, and returns the call. It carries a password and code where it takes these.
	begin func(t testing.TB, p *caller) func(proof) *httptest.ResponseRecorder
	signs bool   // it signs in, or proves, by a password, which is part of it
	fresh bool   // it takes a proof in the body
	sends bool   // something is sent to the caller, or not, whatever it answers
	limit string // the name of what limits it; "" for none
	// personal: it is counted by account too.
	personal bool

	want map[state]string // what is not there is as [like] another state or, without that, as fine
}

// caller is somebody who makes a call.
type caller struct {
	*testdialect.Env
	name    string
	account authcore.Account
	header  string // Authorization
	refresh string // what renews it
	seed    string // of the app that is the second factor
	banned  bool   // nobody may sign up by the address that the caller gives
}

func (p *caller) email() string { return p.name + "@example.com" }

// newcomer is an address that nobody has.
func (p *caller) newcomer() string {
	if p.banned {
		return "banned-" + p.email()
	}
	return "new-" + p.email()
}

// says is a member of an answer that is a text.
func says(t testing.TB, w *httptest.ResponseRecorder, member string) string {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code >= 300 {
		t.Fatalf("answered %d %s", w.Code, w.Body)
	}
	text, _ := body[member].(string)
	return text
}

// code is one of the app, which is good once.
func (p *caller) code(t testing.TB) string {
	t.Helper()
	p.Clock.Advance(30 * time.Second)
	return testotp.Code(t, p.seed, p.Clock.Now())
}

// form is a body of names and values in turn; what is empty is left out.
func form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v.Encode()
}

// proof is what goes with a call.
type proof struct{ password, otp string }

// failures lock a name, and so many guesses of a proof close a session to proofs.
const failures, guesses = 3, 5

// unlimited turns every limit off but one, of which one call an hour is allowed.
func unlimited(but string) map[string]ratelimit.Rate {
	rates := map[string]ratelimit.Rate{}
	for name := range ratelimit.Defaults() {
		rates[name] = ratelimit.Rate{}
	}
	if but != "" {
		rates[but] = ratelimit.Rate{Count: 1, Window: time.Hour}
	}
	return rates
}

// node serves a dialect.
func (d *gatedDialect) node(t testing.TB) *testdialect.Env {
	t.Helper()
	pattern, err := block.ParsePattern(block.Email, "banned-*@example.com")
	if err != nil {
		t.Fatal(err)
	}
	d.mode = signup.Open
	return d.serve(t, testdialect.Options{Options: testflow.Options{ModeNow: func() signup.Mode { return d.mode }, Rates: unlimited(""), MFA: secondstep.Requirement{Roles: []string{secured}},
		Lockout: lockout.Policy{Failures: failures, Window: time.Minute, First: time.Minute, Max: time.Hour},
		Blocks:  block.Config{Rules: []block.Compiled{block.Configured(block.Email, "banned-*@example.com", block.DefaultActs(), pattern)}}}})
}

// caller makes one who has just signed in or, for unproven, signed up.
func (d *gatedDialect) caller(t testing.TB, e *testdialect.Env, n int, s state) *caller {
	t.Helper()
	p := &caller{Env: e, name: fmt.Sprint("person-", n)}
	in := signup.RegisterInput{Email: p.email(), Username: p.name}
	if s == unproven {
		p.account = *e.Register(t, in).Account
		return p
	}
	p.account = e.Person(t, in).Account
	if d.admin {
		if _, err := e.Store.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: p.account.ID, Add: []string{authcore.RoleAdmin}, Now: e.Clock.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	d.signIn(t, p)
	return p
}

func (p *caller) sessions(t testing.TB) []authcore.Session {
	t.Helper()
	all, err := p.Sessions.List(t.Context(), p.account.ID)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// mails is how many there were to the caller, and to the address that nobody has.
func (p *caller) mails(t testing.TB) int {
	return len(p.Mails(t, p.email())) + len(p.Mails(t, p.newcomer()))
}

// outcome is what a call has answered: the status and, of a failure, its code, or else its text or the fields that are wrong.
func outcome(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code < 300 {
		return fmt.Sprint(w.Code)
	}
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("answered %d %s: %v", w.Code, w.Body, err)
	}
	if list, ok := body["errors"].([]any); ok {
		body = list[0].(map[string]any)
	}
	switch {
	case w.Code == 429:
		if text := fmt.Sprint(body); w.Header().Get("Retry-After") == "" || !strings.Contains(text, "Request was throttled. Expected available in ") {
			t.Errorf("answered 429 %v %s", w.Header(), text)
		}
		return "429"
	case body["code"] != nil:
		return fmt.Sprint(w.Code, " ", body["code"])
	case body["detail"] != nil:
		return fmt.Sprint(w.Code, " ", body["detail"])
	}
	return fmt.Sprint(w.Code, " ", strings.Join(slices.Sorted(maps.Keys(body)), " "))
}

// TestNobodyGetsMore: whatever keeps somebody out of the API keeps them out of every call of every dialect too: the table says what each call
// answers. A dialect that it does not name is an error, and so is a call.
func TestNobodyGetsMore(t *testing.T) {
	t.Parallel()
	folders, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if _, err := os.Stat(f.Name() + "/dialect.go"); err == nil && gatedDialects[f.Name()] == nil {
			t.Errorf("the dialect in %s is not in the table", f.Name())
		}
	}
	for name, gated := range gatedDialects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := gated(t)
			d.namesEveryCall(t)
			e := d.node(t)
			n := 0
			for _, of := range slices.Sorted(maps.Keys(d.calls)) {
				for _, s := range slices.Sorted(maps.Keys(states)) {
					n++
					t.Run(of+", "+string(s), func(t *testing.T) { d.try(t, e, of, s, n) })
				}
				t.Run(of+", limit", func(t *testing.T) { d.tryLimit(t, e, of, n) })
				n += 2 // callers of it
			}
		})
	}
}

func (d *gatedDialect) namesEveryCall(t *testing.T) {
	t.Helper()
	is := map[string]bool{}
	for _, r := range d.is.Routes {
		path := r.Path
		if path == "" {
			path = r.Action
		}
		is[r.Method+" "+path] = true
	}
	named := map[string]bool{}
	for of := range d.calls {
		route, _, _ := strings.Cut(of, ",")
		named[route] = true
		if !is[route] {
			t.Errorf("the table has %s, which is no call", of)
		}
	}
	for route := range is {
		if !named[route] {
			t.Errorf("%s is not in the table", route)
		}
	}
}

// try makes a call in a state.
func (d *gatedDialect) try(t *testing.T, e *testdialect.Env, of string, s state, n int) {
	c := d.calls[of]
	byProof := s == proved || s == both || s == miscoded || s == guessed
	if byProof && !c.signs && !c.fresh || (s == guessed || s == unproven) && c.want[s] == "" {
		return
	}
	want := cmp.Or(c.want[s], c.want[like[s]], c.want[fine])
	p := d.caller(t, e, n, s)
	p.banned = s == outcast
	send := c.begin(t, p)
	states[s](t, d, p)
	with := proof{}
	if c.signs || byProof {
		with.password = testflow.Password
	}
	for range guesses {
		if s == guessed {
			send(proof{password: "not the password"})
		}
	}
	switch s {
	case both:
		with.otp = p.code(t)
	case miscoded:
		with.otp = "000000"
	}
	sessions, mails := p.sessions(t), p.mails(t)
	w := send(with)
	got := outcome(t, w)
	if c.sends && w.Code < 300 && p.mails(t) == mails {
		got += ", nothing sent"
	}
	if got != want {
		t.Errorf("answered %q %s, want %q", got, w.Body, want)
	}
	switch now := p.sessions(t); {
	case w.Code >= 300 && len(now) > len(sessions):
		t.Error("refused, and there is a session more")
	case s == both && len(now) > len(sessions) && !slices.ContainsFunc(now, func(s authcore.Session) bool { return slices.Contains(s.AMR, authcore.AMRMulti) }):
		t.Errorf("signed in by both, and the sessions are %v", now)
	}
	if c.signs && !c.personal && (s == disabled || s == deleted || s == outcast) {
		if wrong := send(proof{password: "not the password"}); wrong.Code != w.Code || wrong.Body.String() != w.Body.String() {
			t.Errorf("answered %d %s, but to a wrong password %d %s", w.Code, w.Body, wrong.Code, wrong.Body)
		}
	}
}

// tryLimit makes a call twice, of which one is allowed: by the address, and for who is signed in by the account.
func (d *gatedDialect) tryLimit(t *testing.T, e *testdialect.Env, of string, n int) {
	c := d.calls[of]
	e.Clock.Advance(2 * time.Hour) // what others have counted is over
	twice := func(rates map[string]ratelimit.Rate) (first, second string) {
		t.Helper()
		n++
		send := c.begin(t, d.caller(t, e, n, fine))
		limited(t, e, rates)
		defer limited(t, e, unlimited(""))
		with := proof{}
		if c.signs { // what is wrong is counted too, and ends no session
			with.password = "not the password"
		}
		return outcome(t, send(with)), outcome(t, send(with))
	}
	if c.limit == "" {
		all := unlimited("")
		for name := range all {
			if scope := authcore.ScopeOf(name); scope == authcore.PerAddress || scope == authcore.PerAccount {
				all[name] = ratelimit.Rate{Count: 1, Window: time.Hour}
			}
		}
		if _, second := twice(all); second == "429" {
			t.Error("a limit counts the call, which the table does not name")
		}
		return
	}
	if first, second := twice(unlimited(c.limit)); first == "429" || second != "429" {
		t.Errorf("answered %q and %q, want 429 to the second", first, second)
	}
	if line := authcore.AccountLine(c.limit); c.personal && line != c.limit {
		if first, second := twice(unlimited(line)); first == "429" || second != "429" {
			t.Errorf("by account it answered %q and %q, want 429 to the second", first, second)
		}
	}
}

func limited(t testing.TB, e *testdialect.Env, rates map[string]ratelimit.Rate) {
	t.Helper()
	if err := e.Limiter.Reconfigure(ratelimit.Config{Rates: rates}); err != nil {
		t.Fatal(err)
	}
}
