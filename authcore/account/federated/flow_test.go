package federated_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/oidc"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

const ada = "ada@example.com"

// world is an environment with the providers acme and other, both of one kind.
type world struct {
	*testflow.Env
	acme, other *testidp.Provider
}

func newWorld(t *testing.T, o testflow.Options, change func(*federated.Settings)) *world {
	t.Helper()
	w := &world{}
	for name, fake := range map[string]**testidp.Provider{"acme": &w.acme, "other": &w.other} {
		*fake = testidp.Start(t, func() time.Time { return w.Clock.Now() })
		s := federated.Settings{Name: name, Title: "Acme", SignUp: true, Groups: "groups", Trust: federated.Trust{All: true}}
		if change != nil {
			change(&s)
		}
		p, err := oidc.New(oidc.Config{Issuer: (*fake).Issuer(), ClientID: testidp.ClientID, ClientSecret: secret.FromString(testidp.ClientSecret),
			Reads: s.Reads(), Now: func() time.Time { return w.Clock.Now() }})
		if err != nil {
			t.Fatal(err)
		}
		s.Provider = p
		o.Providers = append(o.Providers, s)
	}
	w.Env = testflow.New(t, o)
	w.as(ada, true)
	return w
}

// as lets somebody sign in at both providers, as the same subject.
func (w *world) as(email string, verified any) {
	for _, fake := range []*testidp.Provider{w.acme, w.other} {
		fake.User = map[string]any{"sub": "subject of " + email, "email": email, "email_verified": verified, "given_name": "Ada", "family_name": "Lovelace"}
	}
}

func (w *world) fake(name string) *testidp.Provider {
	if name == "other" {
		return w.other
	}
	return w.acme
}

// toAndBack goes to a provider and comes back with its answer.
func (w *world) toAndBack(t *testing.T, in federated.StartInput) federated.CallbackInput {
	t.Helper()
	in.Slot, in.Client = "1", testflow.Client()
	begun, err := w.Federated.Start(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	back, err := url.Parse(w.fake(in.Provider).Answer(begun.URL))
	if err != nil {
		t.Fatal(err)
	}
	q := back.Query()
	return federated.CallbackInput{Provider: in.Provider, Browser: begun.Browser, State: q.Get("state"), Code: q.Get("code"), Iss: q.Get("iss"), Request: testflow.Request()}
}

func (w *world) arrive(t *testing.T, provider string) (federated.Result, error) {
	t.Helper()
	return w.Federated.Callback(t.Context(), w.toAndBack(t, federated.StartInput{Provider: provider}))
}

// signedIn ends the test unless somebody is signed in, and returns who.
func signedIn(t *testing.T, res federated.Result, err error) authcore.Account {
	t.Helper()
	if err != nil || res.Outcome == nil || res.Outcome.Pending != nil {
		t.Fatalf("not signed in: %+v %v", res, err)
	}
	return res.Outcome.Tokens.Account
}

func waits(t *testing.T, res federated.Result, err error, missing ...string) *federated.Waits {
	t.Helper()
	if err != nil || res.Waits == nil || !slices.Equal(res.Waits.Missing, missing) {
		t.Fatalf("%+v %+v %v, want %v missing", res, res.Waits, err, missing)
	}
	return res.Waits
}

func (w *world) complete(t *testing.T, in federated.CompleteInput) (federated.Result, error) {
	t.Helper()
	in.Request = testflow.Request()
	return w.Federated.Complete(t.Context(), in)
}

func (w *world) code(t *testing.T, to string) string {
	t.Helper()
	return w.Mail(t, to, authcore.MailProviderCode).Code
}

func (w *world) person(t *testing.T, email string) authcore.Account {
	t.Helper()
	return w.Person(t, signup.RegisterInput{Email: email}).Account
}

// (iv), then (i): who is new is signed up, and is the same account from then on, whatever their address is.
func TestCallback_SignsUpAndIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	res, err := w.arrive(t, "acme")
	made := signedIn(t, res, err)
	if made.Email != ada || !made.EmailVerified() || made.EmailVerifiedBy != "acme" || made.FirstName != "Ada" || made.LastName != "Lovelace" || made.PasswordHash != "" {
		t.Errorf("%+v", made)
	}
	if amr := res.Outcome.Tokens.Session.AMR; !slices.Equal(amr, []string{"fed"}) {
		t.Error(amr)
	}
	w.acme.User["email"] = "elsewhere@example.com"
	res, err = w.arrive(t, "acme")
	if again := signedIn(t, res, err); again.ID != made.ID || again.Email != ada {
		t.Errorf("%+v", again)
	}
}

// C01: another browser's state, a used, wrong or expired one, and another provider's: nothing happens, and who began it is not disturbed.
func TestC01_State(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	good := w.toAndBack(t, federated.StartInput{Provider: "acme"})
	for name, change := range map[string]func(*federated.CallbackInput){
		"no state": func(in *federated.CallbackInput) { in.State = "" }, "wrong state": func(in *federated.CallbackInput) { in.State += "x" },
		"no browser": func(in *federated.CallbackInput) { in.Browser = "" }, "another browser": func(in *federated.CallbackInput) { in.Browser = secret.Token() },
		"another provider": func(in *federated.CallbackInput) { in.Provider = "other" },
	} {
		in := good
		change(&in)
		_, err := w.Federated.Callback(t.Context(), in)
		testflow.WantCode(t, err, authcore.InvalidProviderAnswer)
		if calls := w.acme.Calls()["token"] + w.other.Calls()["token"]; calls != 0 {
			t.Fatalf("%s: the code left", name)
		}
	}
	res, err := w.Federated.Callback(t.Context(), good)
	signedIn(t, res, err)
	_, err = w.Federated.Callback(t.Context(), good)
	testflow.WantCode(t, err, authcore.InvalidProviderAnswer)
	late := w.toAndBack(t, federated.StartInput{Provider: "acme"})
	w.Clock.Advance(federated.StartLifetime + time.Second)
	_, err = w.Federated.Callback(t.Context(), late)
	testflow.WantCode(t, err, authcore.InvalidProviderAnswer)
}

// C01: one answer, a hundred at once: one session, one account.
func TestC01_OneOfAHundred(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	in := w.toAndBack(t, federated.StartInput{Provider: "acme"})
	var all sync.WaitGroup
	results := make([]error, 100)
	for i := range results {
		all.Go(func() { _, results[i] = w.Federated.Callback(t.Context(), in) })
	}
	all.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if authcore.CodeOf(err) != authcore.InvalidProviderAnswer {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

// C01, C02, C03: state, nonce, challenge and what the browser keeps are new for each start.
func TestC02_NewForEachStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	seen := map[string]int{}
	for range 3 {
		begun, err := w.Federated.Start(t.Context(), federated.StartInput{Provider: "acme", Slot: "1", Client: testflow.Client()})
		if err != nil {
			t.Fatal(err)
		}
		q := testidp.Query(t, begun.URL)
		for _, s := range []string{begun.Browser, q.Get("state"), q.Get("nonce"), q.Get("code_challenge")} {
			if seen[s]++; len(s) < 43 {
				t.Errorf("%q is short", s)
			}
		}
		if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" {
			t.Error(begun.URL)
		}
	}
	if len(seen) != 12 {
		t.Errorf("%v", seen)
	}
}

// C01: a state names a cookie of a start and no other.
func TestC01_SlotOf(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{"1.x": "1", "16.x": "16", "0.x": "", "-1.x": "", "100.x": "", "x.x": "", "": "", "1": "", "1." + strings.Repeat("x", 200): ""} {
		if got := federated.SlotOf(state); got != want {
			t.Errorf("%.9s: %q, want %q", state, got, want)
		}
	}
}

// Somebody new who comes a hundred times at once, as tabs and apps do, is one person: each is signed in, to one account, by one connection. So is who has
// an account that the first of them connects.
func TestCallback_OnePersonAHundredTimes(t *testing.T) {
	t.Parallel()
	for _, owner := range []bool{false, true} {
		w := newWorld(t, testflow.Options{}, nil)
		if owner {
			w.person(t, ada)
		}
		came := make([]federated.TokenInput, 100)
		for i := range came {
			nonce := secret.Token()
			came[i] = federated.TokenInput{Provider: "acme", Native: idp.Native{IDToken: w.acme.IDToken(nonce), Nonce: nonce}, Request: testflow.Request()}
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		accounts := map[uuid.UUID]int{}
		for _, in := range came {
			all.Go(func() {
				res, err := w.Federated.Token(t.Context(), in)
				mu.Lock()
				defer mu.Unlock()
				if err != nil || res.Outcome == nil {
					t.Errorf("%+v %v", res, err)
					return
				}
				accounts[res.Outcome.Tokens.Account.ID]++
			})
		}
		all.Wait()
		for id := range accounts {
			if list, _, err := w.Federated.List(t.Context(), id); err != nil || len(list) != 1 || len(accounts) != 1 {
				t.Errorf("%v: %d connections %v", accounts, len(list), err)
			}
		}
	}
}

// C04: the issuer of an answer is asked before the code leaves.
func TestC04_Issuer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	w.acme.Iss = w.other.Issuer()
	_, err := w.arrive(t, "acme")
	testflow.WantCode(t, err, authcore.InvalidProviderAnswer)
	w.acme.Iss = w.acme.Issuer() + "/"
	_, err = w.arrive(t, "acme")
	testflow.WantCode(t, err, authcore.InvalidProviderAnswer)
	w.other.IssParameter = true
	in := w.toAndBack(t, federated.StartInput{Provider: "other"})
	in.Iss = ""
	_, err = w.Federated.Callback(t.Context(), in)
	testflow.WantCode(t, err, authcore.InvalidProviderAnswer)
	if w.acme.Calls()["token"]+w.other.Calls()["token"] != 0 {
		t.Error("the code left")
	}
}

// C06: one subject at two providers is two people; and an address never signs in.
func TestC06_Identity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	res, err := w.arrive(t, "acme")
	first := signedIn(t, res, err)
	w.other.User["email"] = "bob@example.com"
	res, err = w.arrive(t, "other")
	if second := signedIn(t, res, err); second.ID == first.ID {
		t.Error("one subject of two issuers is one person")
	}
	w.acme.User = map[string]any{"sub": "another", "email": ada, "email_verified": true}
	res, err = w.arrive(t, "acme") // an address that a provider alone has proven connects nobody by itself, nor another subject of it
	waits(t, res, err, federated.MissingCode)
}

// (ii): an address that the account has proven to us, and that the provider's word proves: connected, and its owner told.
func TestCallback_Connects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	owner := w.person(t, ada)
	res, err := w.arrive(t, "acme")
	if got := signedIn(t, res, err); got.ID != owner.ID {
		t.Fatal("another account")
	}
	w.Mail(t, ada, authcore.MailConnectionAdded)
}

// (ii) does not hold for who has a second factor, administers, or has another person of this provider: a code goes out, and they are asked.
func TestCallback_AsksFirst(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, w *world, owner authcore.Account){
		"second factor": func(t *testing.T, w *world, owner authcore.Account) { w.EmailFactor(t, owner.ID) },
		"administrator": func(t *testing.T, w *world, owner authcore.Account) { w.give(t, owner, authcore.RoleAdmin) },
		"auditor":       func(t *testing.T, w *world, owner authcore.Account) { w.give(t, owner, authcore.RoleAuditor) },
		"another subject": func(t *testing.T, w *world, _ authcore.Account) {
			w.acme.User["sub"] = "the first"
			_, err := w.arrive(t, "acme")
			if err != nil {
				t.Fatal(err)
			}
			w.acme.User["sub"] = "the second"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, testflow.Options{}, nil)
			owner := w.person(t, ada)
			prepare(t, w, owner)
			res, err := w.arrive(t, "acme")
			token := waits(t, res, err, federated.MissingCode).Token
			res, err = w.complete(t, federated.CompleteInput{Token: token, OTP: w.code(t, ada)})
			if asked := waits(t, res, err, federated.MissingConnect); asked.Suggested.Account != "a***@example.com" {
				t.Errorf("%+v", asked)
			}
			res, err = w.complete(t, federated.CompleteInput{Token: token, Connect: true})
			if err != nil || res.Outcome == nil {
				t.Fatalf("%+v %v", res, err)
			}
			if name == "second factor" { // the mailbox is the one kind that was given: the password is asked for
				if p := res.Outcome.Pending; p == nil || len(p.Methods) != 1 || p.Methods[0].Method != "password" {
					t.Errorf("%+v", p)
				}
				return
			}
			if got := signedIn(t, res, err); got.ID != owner.ID || !slices.Equal(res.Outcome.Tokens.Session.AMR, []string{"email"}) {
				t.Errorf("%+v", res.Outcome.Tokens.Session)
			}
			_, err = w.complete(t, federated.CompleteInput{Token: token, Connect: true})
			testflow.WantCode(t, err, authcore.InvalidSocialToken)
		})
	}
}

// give gives an account a role.
func (w *world) give(t *testing.T, to authcore.Account, role string) {
	t.Helper()
	if _, err := w.Store.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: to.ID, Add: []string{role}, Now: w.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
}

// C10: an address of which the provider's word is not taken is proven by our own code, whoever has it.
func TestC10_Unproven(t *testing.T) {
	t.Parallel()
	for _, verified := range []any{"true", 1, nil, false} {
		w := newWorld(t, testflow.Options{}, nil)
		owner := w.person(t, ada)
		w.as(ada, verified)
		res, err := w.arrive(t, "acme")
		token := waits(t, res, err, federated.MissingCode).Token
		_, err = w.complete(t, federated.CompleteInput{Token: token, OTP: "000000"})
		testflow.WantCode(t, err, authcore.InvalidCode)
		_, err = w.complete(t, federated.CompleteInput{Token: token, Connect: true})
		testflow.WantCode(t, err, authcore.InvalidFields)
		if list, _, err := w.Federated.List(t.Context(), owner.ID); err != nil || len(list) != 0 {
			t.Errorf("%v: %d connections %v", verified, len(list), err)
		}
	}
	w := newWorld(t, testflow.Options{}, func(s *federated.Settings) { s.Trust = federated.Trust{Domains: []string{"example.org"}} })
	res, err := w.arrive(t, "acme")
	token := waits(t, res, err, federated.MissingCode).Token
	res, err = w.complete(t, federated.CompleteInput{Token: token, OTP: w.code(t, ada)})
	if made := signedIn(t, res, err); made.Email != ada || made.EmailVerifiedBy != "" {
		t.Errorf("%+v", made)
	}
}

// C08: who has only claimed the address loses it, and nothing that they planted is in the new account.
func TestC08_PreHijack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{Mode: signup.Open}, nil)
	planted := w.Register(t, signup.RegisterInput{Email: ada, Username: "mallory"})
	res, err := w.arrive(t, "acme")
	made := signedIn(t, res, err)
	if made.ID == planted.Account.ID || made.PasswordHash != "" || made.Username != "" {
		t.Errorf("%+v", made)
	}
	_, err = w.TrySignIn(t, ada, testflow.Password)
	testflow.WantCode(t, err, authcore.InvalidCredentials)
}

// C11: a connection is good in the session that asked for it, never signs in and never makes an account; a sign-in connects nothing that is
// another's.
func TestC11_Connecting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	owner := w.Person(t, signup.RegisterInput{Email: ada})
	w.as("elsewhere@example.com", true)
	begin := federated.StartInput{Provider: "acme", AccountID: owner.Account.ID, SessionID: owner.Session.ID}
	in := w.toAndBack(t, begin)
	for _, who := range []*authcore.Principal{nil, {AccountID: owner.Account.ID, SessionID: uuid.New()}, {AccountID: uuid.New(), SessionID: owner.Session.ID}} {
		in.Who = who
		_, err := w.Federated.Callback(t.Context(), in)
		testflow.WantCode(t, err, authcore.InvalidProviderAnswer)
		in = w.toAndBack(t, begin)
	}
	in.Who = &owner.Principal
	res, err := w.Federated.Callback(t.Context(), in)
	if err != nil || res.Connected == nil || res.Outcome != nil || !res.Connected.MadeSignedIn {
		t.Fatalf("%+v %v", res, err)
	}
	bob := w.Person(t, signup.RegisterInput{Email: "bob@example.com"})
	in = w.toAndBack(t, federated.StartInput{Provider: "acme", AccountID: bob.Account.ID, SessionID: bob.Session.ID})
	in.Who = &bob.Principal
	_, err = w.Federated.Callback(t.Context(), in)
	testflow.WantCode(t, err, authcore.Conflict)
	res, err = w.arrive(t, "acme")
	if got := signedIn(t, res, err); got.ID != owner.Account.ID {
		t.Error("another account")
	}
}

// C17: what was begun with a provider that is gone from the configuration is dead.
func TestC17_ProviderGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	in := w.toAndBack(t, federated.StartInput{Provider: "acme"})
	in.Provider = "gone"
	_, err := w.Federated.Callback(t.Context(), in)
	testflow.WantCode(t, err, authcore.NotFound)
}

// domains and allow_groups are asked at each sign-in, of the address as we read it.
func TestCallback_Admits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, func(s *federated.Settings) { s.Domains, s.AllowGroups = []string{"corp.com"}, []string{"staff"} })
	for email, groups := range map[string]any{"x@corp.com.evil": "staff", "x@evil.com@corp.com": "staff", "x@corp.com": "guests", "x@sub.corp.com": "staff", "": "staff"} {
		w.as(email, true)
		w.acme.User["groups"] = groups
		_, err := w.arrive(t, "acme")
		testflow.WantCode(t, err, authcore.ProviderDenied)
	}
	w.as("x@corp.com", true)
	w.acme.User["groups"] = []string{"a", "staff"}
	res, err := w.arrive(t, "acme")
	signedIn(t, res, err)
	w.acme.User["groups"] = []map[string]any{{"name": "other"}}
	_, err = w.arrive(t, "acme")
	testflow.WantCode(t, err, authcore.ProviderDenied)
}

// A provider's roles come and go with each sign-in, and those that administrators gave stay.
func TestCallback_Roles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, func(s *federated.Settings) {
		s.Roles = []federated.GroupRoles{{Group: "ops", Roles: []string{"ops", "deploy"}}, {Group: "dev", Roles: []string{"deploy"}}}
	})
	w.acme.User["groups"] = []string{"ops"}
	res, err := w.arrive(t, "acme")
	a := signedIn(t, res, err)
	if !slices.Equal(a.Roles, []string{"ops", "deploy"}) {
		t.Error(a.Roles)
	}
	change := func(edit admin.Edit) authcore.ManagedAccount {
		changed, err := w.Users.Change(t.Context(), uuid.Nil, a.ID.String(), edit, nil)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	change(admin.Edit{Roles: &[]string{"ops", "deploy", "own"}}) // what there is, and one more
	change(admin.Edit{AddRoles: []string{"deploy"}})
	w.acme.User["groups"] = []string{}
	res, err = w.arrive(t, "acme")
	if got := signedIn(t, res, err); !slices.Equal(got.Roles, []string{"own", "deploy"}) || got.RolesVersion <= a.RolesVersion {
		t.Error(got.Roles)
	}
	w.acme.User["groups"] = "dev"
	if _, err = w.arrive(t, "acme"); err != nil {
		t.Fatal(err)
	}
	if got := change(admin.Edit{TakeRoles: []string{"deploy"}}); !slices.Equal(got.Roles, []string{"own", "deploy"}) {
		t.Errorf("an administrator took a role that the provider gives: %v", got.Roles)
	}
}

// The state of the account holds for this way in too.
func TestCallback_StateOfTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, func(s *federated.Settings) { s.TrustMFA = true })
	owner := w.person(t, ada)
	res, err := w.arrive(t, "acme")
	signedIn(t, res, err)
	w.EmailFactor(t, owner.ID)
	w.acme.User["amr"] = []string{"pwd", "mfa"}
	if res, err = w.arrive(t, "acme"); err != nil || res.Outcome == nil || res.Outcome.Pending == nil { // nobody made this connection while signed in
		t.Fatalf("%+v %v", res, err)
	}
	if _, err := w.Store.ChangeDisabled(t.Context(), authcore.Disabling{AccountID: owner.ID, Disable: true, Now: w.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	_, err = w.arrive(t, "acme")
	testflow.WantCode(t, err, authcore.InvalidCredentials)
}

func TestCallback_TrustMFA(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, func(s *federated.Settings) { s.TrustMFA = true })
	owner := w.Person(t, signup.RegisterInput{Email: ada})
	in := w.toAndBack(t, federated.StartInput{Provider: "acme", AccountID: owner.Account.ID, SessionID: owner.Session.ID})
	in.Who = &owner.Principal
	if _, err := w.Federated.Callback(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	w.EmailFactor(t, owner.Account.ID)
	if res, err := w.arrive(t, "acme"); err != nil || res.Outcome.Pending == nil {
		t.Fatalf("%+v %v", res, err)
	}
	w.acme.User["amr"] = []string{"mfa"}
	res, err := w.arrive(t, "acme")
	signedIn(t, res, err)
	if !slices.Contains(res.Outcome.Tokens.Session.AMR, "mfa") {
		t.Error(res.Outcome.Tokens.Session.AMR)
	}
}

// Where sign-up is shut the answer is the same, and nothing is sent.
func TestComplete_Shut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, func(s *federated.Settings) { s.SignUp, s.Trust = false, federated.Trust{} })
	res, err := w.arrive(t, "acme")
	waits(t, res, err, federated.MissingCode)
	if n := len(w.Mails(t, ada)); n != 0 {
		t.Errorf("%d mails", n)
	}
	w = newWorld(t, testflow.Options{}, func(s *federated.Settings) { s.SignUp = false })
	_, err = w.arrive(t, "acme")
	testflow.WantCode(t, err, authcore.SignupClosed)
}

// Without an address one is asked for; a code for one proves no other.
func TestComplete_Address(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	w.acme.User = map[string]any{"sub": "1"}
	res, err := w.arrive(t, "acme")
	token := waits(t, res, err, federated.MissingEmail).Token
	for _, to := range []string{ada, "bob@example.com"} {
		res, err = w.complete(t, federated.CompleteInput{Token: token, Email: to})
		if !waits(t, res, err, federated.MissingCode).Sent {
			t.Error("nothing was sent")
		}
	}
	_, err = w.complete(t, federated.CompleteInput{Token: token, OTP: w.code(t, ada)})
	testflow.WantCode(t, err, authcore.InvalidCode)
	res, err = w.complete(t, federated.CompleteInput{Token: token, OTP: w.code(t, "bob@example.com")})
	if made := signedIn(t, res, err); made.Email != "bob@example.com" {
		t.Errorf("%+v", made)
	}
}

// A social token of a browser is none of a program.
func TestComplete_Mode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	w.acme.User = map[string]any{"sub": "1"}
	res, err := w.arrive(t, "acme")
	in := federated.CompleteInput{Token: waits(t, res, err, federated.MissingEmail).Token, Email: ada, Request: testflow.Request()}
	in.Request.Mode = authcore.ModeCookie
	_, err = w.Federated.Complete(t.Context(), in)
	testflow.WantCode(t, err, authcore.InvalidSocialToken)
}

// A provider's id_token is taken once, from whoever.
func TestToken_Once(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	in := federated.TokenInput{Provider: "acme", Native: idp.Native{IDToken: w.acme.IDToken("n"), Nonce: "n"}, Request: testflow.Request()}
	res, err := w.Federated.Token(t.Context(), in)
	signedIn(t, res, err)
	_, err = w.Federated.Token(t.Context(), in)
	testflow.WantCode(t, err, authcore.InvalidProviderAnswer)
	in.Native = idp.Native{AccessToken: "x"}
	_, err = w.Federated.Token(t.Context(), in)
	testflow.WantCode(t, err, authcore.InvalidRequest)
}

// A connection that an app asks for leaves a trace like every other way in: what the provider did wrong is in the events.
func TestConnectNative_Recorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	owner := w.person(t, ada)
	_, err := w.Federated.ConnectNative(t.Context(), owner.ID, "acme", idp.Native{IDToken: w.acme.IDToken("n"), Nonce: "m"}, testflow.Client())
	testflow.WantCode(t, err, authcore.InvalidProviderAnswer)
	if !slices.ContainsFunc(w.Events(), func(e authcore.Event) bool { return e.Kind == authcore.EventProviderFailed }) {
		t.Errorf("%+v", w.Events())
	}
}

// One signed statement can be written in many ways: with white space, with other bits where the last character of the signature holds none, and by
// the other of the two signatures that ECDSA always has (s and n-s). A replay is one in any writing.
func TestToken_OnceInAnyWriting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	for alg, ways := range map[string]map[string]func(string) string{
		"RS256": {"space": func(s string) string { return s + " " }, "line": func(s string) string { return "\n" + s }, "line within": func(s string) string { return s[:30] + "\n" + s[30:] },
			"last bits": lastBits, "padding": func(s string) string { return s + "=" }},
		"ES256": {"other s": otherS},
	} {
		w.acme.Algorithm = alg
		for name, write := range ways {
			raw := w.acme.IDToken(name)
			for i, token := range []string{raw, write(raw)} {
				res, err := w.Federated.Token(t.Context(), federated.TokenInput{Provider: "acme", Native: idp.Native{IDToken: token, Nonce: name}, Request: testflow.Request()})
				if i == 0 {
					signedIn(t, res, err)
				} else {
					testflow.WantCode(t, err, authcore.InvalidProviderAnswer)
				}
			}
		}
	}
}

// lastBits changes the bits of a token's last character that belong to no byte of the signature.
func lastBits(token string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(digits, token[len(token)-1])
	return token[:len(token)-1] + digits[last^1:last^1+1]
}

// otherS makes of a signature (r, s) by P-256 the signature (r, n-s) of the same text.
func otherS(token string) string {
	cut := strings.LastIndexByte(token, '.') + 1
	sig, err := base64.RawURLEncoding.DecodeString(token[cut:])
	if err != nil {
		panic(err)
	}
	s := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(sig[32:]))
	return token[:cut] + base64.RawURLEncoding.EncodeToString(append(sig[:32], s.FillBytes(make([]byte, 32))...))
}

// The last way in cannot go; what was disconnected comes back only by who asks for it.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	res, err := w.arrive(t, "acme")
	made := signedIn(t, res, err)
	list, available, err := w.Federated.List(t.Context(), made.ID)
	if err != nil || len(list) != 1 || len(available) != 1 || available[0].Name != "other" || list[0].Email != ada {
		t.Fatalf("%+v %+v %v", list, available, err)
	}
	testflow.WantCode(t, w.Federated.Disconnect(t.Context(), made.ID, list[0].ID, testflow.Client()), authcore.LastWayIn)
	testflow.WantCode(t, w.Federated.Disconnect(t.Context(), made.ID, uuid.New(), testflow.Client()), authcore.NotFound)

	w.as("bob@example.com", true)
	bob := w.person(t, "bob@example.com")
	res, err = w.arrive(t, "acme")
	signedIn(t, res, err)
	list, _, _ = w.Federated.List(t.Context(), bob.ID)
	testflow.WantCode(t, w.Federated.Disconnect(t.Context(), made.ID, list[0].ID, testflow.Client()), authcore.NotFound)
	if err := w.Federated.Disconnect(t.Context(), bob.ID, list[0].ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	w.Mail(t, "bob@example.com", authcore.MailConnectionRemoved)
	res, err = w.arrive(t, "acme")
	waits(t, res, err, federated.MissingCode)
}

// "This was not me" takes away what was connected, and gives back what was disconnected.
func TestSecure_Connections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	w.Clock.Tick(time.Microsecond)
	owner := w.person(t, ada)
	res, err := w.arrive(t, "acme")
	signedIn(t, res, err)
	link := testflow.Token(t, w.Mail(t, ada, authcore.MailConnectionAdded))
	done, err := w.Secure.Secure(t.Context(), link, testflow.Client())
	if err != nil || !slices.Contains(done.Undone, secure.Kind("connection")) {
		t.Fatalf("%+v %v", done, err)
	}
	if list, _, _ := w.Federated.List(t.Context(), owner.ID); len(list) != 0 {
		t.Error("the connection is there")
	}
	res, err = w.arrive(t, "acme")
	token := waits(t, res, err, federated.MissingCode).Token
	if _, err = w.complete(t, federated.CompleteInput{Token: token, OTP: w.code(t, ada)}); err != nil {
		t.Fatal(err)
	}
	res, err = w.complete(t, federated.CompleteInput{Token: token, Connect: true})
	signedIn(t, res, err)
	w.Clock.Advance(time.Minute)
	list, _, _ := w.Federated.List(t.Context(), owner.ID)
	w.as("x@example.com", true) // so that another way in is left
	in := w.toAndBack(t, federated.StartInput{Provider: "other", AccountID: owner.ID, SessionID: uuid.Nil})
	in.Who = &authcore.Principal{AccountID: owner.ID}
	if _, err := w.Federated.Callback(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(time.Minute)
	w.as("y@example.com", true)
	native := idp.Native{IDToken: w.fake("other").IDToken("n"), Nonce: "n"}
	if _, err := w.Federated.ConnectNative(t.Context(), owner.ID, "other", native, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	link = testflow.Token(t, w.Mail(t, ada, authcore.MailConnectionAdded))
	if _, err := w.Secure.Secure(t.Context(), link, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if list, _, _ := w.Federated.List(t.Context(), owner.ID); len(list) != 2 {
		t.Errorf("%d connections, of which one was made just now", len(list))
	}
	w.Clock.Advance(time.Minute)
	if err := w.Federated.Disconnect(t.Context(), owner.ID, list[0].ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	link = testflow.Token(t, w.Mail(t, ada, authcore.MailConnectionRemoved))
	if _, err := w.Secure.Secure(t.Context(), link, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if list, _, _ = w.Federated.List(t.Context(), owner.ID); len(list) != 2 {
		t.Errorf("%d connections", len(list))
	}
}

// A provider's word ends the session that it is of, or all that it opened, once.
func TestLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	var account uuid.UUID
	for _, sid := range []string{"s1", "s2", "s3"} {
		w.acme.User["sid"] = sid
		res, err := w.arrive(t, "acme")
		account = signedIn(t, res, err).ID
	}
	sessions := func() int {
		list, err := w.Sessions.List(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	token := w.acme.LogoutToken(map[string]any{"sid": "s1"})
	if err := w.Federated.Logout(t.Context(), "acme", token, testflow.Client()); err != nil || sessions() != 2 {
		t.Errorf("%v, %d sessions", err, sessions())
	}
	testflow.WantCode(t, w.Federated.Logout(t.Context(), "acme", token, testflow.Client()), authcore.InvalidProviderAnswer)
	for _, nobody := range []map[string]any{{"sid": "s9"}, {"sub": "nobody"}, {"sid": "s2", "sub": "nobody"}} {
		if err := w.Federated.Logout(t.Context(), "acme", w.acme.LogoutToken(nobody), testflow.Client()); err != nil || sessions() != 2 {
			t.Errorf("%v: %v, %d sessions", nobody, err, sessions())
		}
	}
	testflow.WantCode(t, w.Federated.Logout(t.Context(), "other", w.acme.LogoutToken(map[string]any{"sid": "s2"}), testflow.Client()), authcore.InvalidProviderAnswer)
	if err := w.Federated.Logout(t.Context(), "acme", w.acme.LogoutToken(map[string]any{"sub": w.acme.User["sub"]}), testflow.Client()); err != nil || sessions() != 0 {
		t.Errorf("%v, %d sessions", err, sessions())
	}
}

// An address that a provider alone has proven makes nobody an administrator.
func TestAdmins_NotByProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{Admins: authcore.Admins{ada}}, nil)
	res, err := w.arrive(t, "acme")
	signedIn(t, res, err)
	if roles := res.Outcome.Tokens.Principal.Roles; len(roles) != 0 {
		t.Error(roles)
	}
	res2, err := w.Sessions.Refresh(t.Context(), res.Outcome.Tokens.Refresh, authcore.ModeBearer, testflow.Client())
	if err != nil || len(res2.Principal.Roles) != 0 {
		t.Errorf("%v %v", res2.Principal.Roles, err)
	}
}

// What a provider says of a name is cleaned and cut, and never refused.
func TestCallback_Names(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	w.acme.User["given_name"], w.acme.User["family_name"] = "A\u202ed\x00a\n", strings.Repeat("ö", 300)
	res, err := w.arrive(t, "acme")
	if a := signedIn(t, res, err); a.FirstName != "A d a" || a.LastName != strings.Repeat("ö", 100) {
		t.Errorf("%q %q", a.FirstName, a.LastName)
	}
}

func TestCallback_Declined(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	in := w.toAndBack(t, federated.StartInput{Provider: "acme", Return: "/here"})
	in.Error, in.Code = "access_denied", ""
	res, err := w.Federated.Callback(t.Context(), in)
	if err != nil || !res.Declined || res.Return != "/here" {
		t.Errorf("%+v %v", res, err)
	}
}

// O04: one code and one token, a hundred at once: one is signed in.
func TestO04_CompleteOneOfAHundred(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	w.acme.User = map[string]any{"sub": "1"}
	res, err := w.arrive(t, "acme")
	token := waits(t, res, err, federated.MissingEmail).Token
	if _, err = w.complete(t, federated.CompleteInput{Token: token, Email: ada}); err != nil {
		t.Fatal(err)
	}
	in := federated.CompleteInput{Token: token, OTP: w.code(t, ada), Request: testflow.Request()}
	var all sync.WaitGroup
	signedIn := make([]bool, 100)
	for i := range signedIn {
		all.Go(func() {
			res, err := w.Federated.Complete(t.Context(), in)
			signedIn[i] = err == nil && res.Outcome != nil
		})
	}
	all.Wait()
	if n := len(slices.DeleteFunc(signedIn, func(in bool) bool { return !in })); n != 1 {
		t.Errorf("%d are signed in", n)
	}
}
