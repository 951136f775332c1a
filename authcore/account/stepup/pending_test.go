package stepup_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stepup"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const ada = "ada@example.com"

func person(t *testing.T, o testflow.Options) (*testflow.Env, session.Tokens) {
	t.Helper()
	e := testflow.New(t, o)
	return e, e.Person(t, signup.RegisterInput{Email: ada})
}

// waiting begins a step-up that has to wait.
func waiting(t *testing.T, e *testflow.Env, as session.Tokens, p fresh.Proof) *secondstep.Pending {
	t.Helper()
	out, err := begin(t, e, as, p)
	if err != nil || out.Pending == nil {
		t.Fatalf("nothing more is asked for (%v)", err)
	}
	return out.Pending
}

func methods(p *secondstep.Pending) (names []string) {
	for _, m := range p.Methods {
		names = append(names, m.Method)
	}
	return names
}

func proceed(t *testing.T, e *testflow.Env, p *secondstep.Pending, method, given string) (secondstep.Outcome, error) {
	t.Helper()
	in := secondstep.Input{Token: p.Token, Method: method, Request: testflow.Request()}
	if method == secondstep.MethodPassword {
		in.Password = given
	} else {
		in.Code = given
	}
	return e.Steps.Proceed(t.Context(), in)
}

func code(t *testing.T, e *testflow.Env) string {
	t.Helper()
	return e.Mail(t, ada, authcore.MailSecondFactorCode).Code
}

// With nothing given, an account whose sign-ins ask for one kind of proof is offered each of them, and any one is enough.
func TestBegin_OffersEveryWay(t *testing.T) {
	t.Parallel()
	e, first := person(t, testflow.Options{})
	p := waiting(t, e, first, fresh.Proof{})
	if got := methods(p); !slices.Equal(got, []string{"email", "password"}) || !p.Methods[0].Sent {
		t.Errorf("offered %v, sent %v", got, p.Methods[0].Sent)
	}
	e.Clock.Advance(time.Minute)
	second, err := testflow.Tokens(proceed(t, e, p, "email", code(t, e)))
	if err != nil {
		t.Fatal(err)
	}
	if second.Session.ID == first.Session.ID || second.Principal.AccountID != first.Principal.AccountID || !slices.Equal(second.Session.AMR, []string{"email"}) {
		t.Errorf("got %+v", second.Session)
	}
	if !second.Principal.AuthTime.Equal(e.Clock.Now().Truncate(time.Second)) {
		t.Errorf("auth_time %v", second.Principal.AuthTime)
	}
	p = waiting(t, e, second, fresh.Proof{})
	if third, err := testflow.Tokens(proceed(t, e, p, "password", testflow.Password)); err != nil || !slices.Equal(third.Session.AMR, []string{"pwd"}) {
		t.Errorf("got %+v (%v)", third.Session, err)
	}
}

// An account with second factors gives both kinds again, whichever comes first.
func TestBegin_AsksForBothKinds(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"email", "password"} {
		e, signedIn := person(t, testflow.Options{})
		e.EmailFactor(t, signedIn.Account.ID)
		p := waiting(t, e, signedIn, fresh.Proof{})
		if got := methods(p); !slices.Equal(got, []string{"email", "password"}) {
			t.Fatalf("offered %v", got)
		}
		given := map[string]string{"email": code(t, e), "password": testflow.Password}
		out, err := proceed(t, e, p, first, given[first])
		if err != nil || out.Pending == nil {
			t.Fatalf("%s is enough (%v)", first, err)
		}
		second := map[string]string{"email": "password", "password": "email"}[first]
		if got := methods(out.Pending); !slices.Equal(got, []string{second}) {
			t.Errorf("after %s: %v", first, got)
		}
		done, err := testflow.Tokens(proceed(t, e, p, second, given[second]))
		if err != nil || authcore.ACR(done.Session.AMR) != authcore.ACRMulti {
			t.Errorf("got %v (%v)", done.Session.AMR, err)
		}
	}
}

// A step-up that waits is its session's: who has signed out, or has changed the password, cannot finish one, nor the right code after five wrong ones.
func TestS03_PendingDies(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *testflow.Env, session.Tokens, *secondstep.Pending){
		"session": func(t *testing.T, e *testflow.Env, s session.Tokens, _ *secondstep.Pending) {
			if err := e.Sessions.End(t.Context(), &s.Principal, testflow.Client()); err != nil {
				t.Fatal(err)
			}
		},
		"stepped up": func(t *testing.T, e *testflow.Env, s session.Tokens, _ *secondstep.Pending) {
			if _, err := stepUp(t, e, s, testflow.Password); err != nil {
				t.Fatal(err)
			}
		},
		"disabled": func(t *testing.T, e *testflow.Env, s session.Tokens, _ *secondstep.Pending) {
			e.Person(t, signup.RegisterInput{Email: "other@example.com"})
			if _, err := e.Store.ChangeDisabled(t.Context(), authcore.Disabling{AccountID: s.Account.ID, Disable: true, Now: e.Clock.Now()}); err != nil {
				t.Fatal(err)
			}
		},
		"five wrong": func(t *testing.T, e *testflow.Env, _ session.Tokens, p *secondstep.Pending) {
			for range 5 {
				_, err := proceed(t, e, p, "email", "x")
				testflow.WantCode(t, err, authcore.InvalidCode)
			}
		},
		"time": func(_ *testing.T, e *testflow.Env, _ session.Tokens, p *secondstep.Pending) {
			e.Clock.Advance(p.ExpiresIn)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, s := person(t, testflow.Options{})
			p := waiting(t, e, s, fresh.Proof{})
			end(t, e, s, p)
			_, err := proceed(t, e, p, "email", code(t, e))
			testflow.WantCode(t, err, authcore.InvalidMFAToken)
			_, err = e.Steps.Send(t.Context(), p.Token, "email", [16]byte{}, testflow.Request())
			testflow.WantCode(t, err, authcore.InvalidMFAToken)
		})
	}
}

// Many finish one step-up at once: one session results.
func TestO04_FinishStepUpAtOnce(t *testing.T) {
	t.Parallel()
	e, s := person(t, testflow.Options{})
	p := waiting(t, e, s, fresh.Proof{})
	right, wins := code(t, e), make(chan session.Tokens, 100)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if tokens, err := testflow.Tokens(proceed(t, e, p, "email", right)); err == nil {
				wins <- tokens
			}
		})
	}
	all.Wait()
	list, err := e.Store.Sessions(t.Context(), s.Account.ID, e.Clock.Now())
	if err != nil || len(wins) != 1 || len(list) != 1 || list[0].ID != (<-wins).Session.ID {
		t.Errorf("%d win, %d sessions live (%v)", len(wins), len(list), err)
	}
}

// A stolen session is no way to guess the password: step-ups that wait have the few tries that a session has, and count for the lock. The
// lock does not keep the owner from it (L09).
func TestR12_PendingPasswordGuesses(t *testing.T) {
	t.Parallel()
	e, s := person(t, testflow.Options{})
	for range lockout.ProofPolicy.Failures {
		_, err := proceed(t, e, waiting(t, e, s, fresh.Proof{}), "password", "wrong")
		testflow.WantCode(t, err, authcore.InvalidCredentials)
	}
	_, err := proceed(t, e, waiting(t, e, s, fresh.Proof{}), "password", testflow.Password)
	testflow.WantCode(t, err, authcore.TooManyAttempts)
	_, err = begin(t, e, s, fresh.Proof{Password: testflow.Password})
	testflow.WantCode(t, err, authcore.ReauthenticationRequired)
	_, err = e.TrySignIn(t, ada, testflow.Password)
	testflow.WantCode(t, err, authcore.AccountLocked)

	e, s = person(t, testflow.Options{})
	for range 10 {
		if _, err := e.Lockouts.Fail(t.Context(), identifier.AccountKey(s.Account.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := proceed(t, e, waiting(t, e, s, fresh.Proof{}), "password", testflow.Password); err != nil {
		t.Errorf("the lock of signing in holds the owner up: %v", err)
	}
}

// Another account's proofs are refused: nobody is swapped.
func TestO13_StepUpTakesNobodyElse(t *testing.T) {
	t.Parallel()
	e, s := person(t, testflow.Options{})
	bob := e.Person(t, signup.RegisterInput{Email: "bob@example.com", Password: testflow.OtherPassword})
	p := waiting(t, e, s, fresh.Proof{})
	_, err := proceed(t, e, p, "password", testflow.OtherPassword)
	testflow.WantCode(t, err, authcore.InvalidCredentials)
	waiting(t, e, bob, fresh.Proof{})
	_, err = proceed(t, e, p, "email", e.Mail(t, "bob@example.com", authcore.MailSecondFactorCode).Code)
	testflow.WantCode(t, err, authcore.InvalidCode)
}

// Where a guard asks for two kinds of proof, only the kind is asked for that the sign-in lacks; it makes the sign-in no younger, since the
// other kind was not given anew.
func TestBegin_AddsWhatIsMissing(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	signedIn, err := e.TrySignIn(t, ada, testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	e.EmailFactor(t, signedIn.Account.ID)
	e.Clock.Advance(time.Hour)
	in := stepup.Input{MFA: true, Add: true, Request: testflow.Request()}
	ways, _, err := e.StepUp.Ways(t.Context(), &signedIn.Principal, in)
	if err != nil || len(ways) != 1 || ways[0].Method != "email" {
		t.Fatalf("ways %+v (%v)", ways, err)
	}
	out, err := e.StepUp.Begin(t.Context(), &signedIn.Principal, in)
	if err != nil || out.Pending == nil {
		t.Fatal(err)
	}
	done, err := testflow.Tokens(proceed(t, e, out.Pending, "email", code(t, e)))
	if err != nil {
		t.Fatal(err)
	}
	if authcore.ACR(done.Session.AMR) != authcore.ACRMulti || !done.Principal.AuthTime.Equal(signedIn.Principal.AuthTime) {
		t.Errorf("%v since %v, want both kinds since %v", done.Session.AMR, done.Principal.AuthTime, signedIn.Principal.AuthTime)
	}
	testflow.WantCode(t, e.Fresh.Check(t.Context(), &done.Principal, fresh.Proof{}, testflow.Client()), authcore.ReauthenticationRequired)
	again := waiting(t, e, done, fresh.Proof{})
	if got := methods(again); !slices.Equal(got, []string{"email", "password"}) {
		t.Errorf("without the guard %v is asked for", got)
	}
	// Both kinds are there: nothing of before counts for another.
	out, err = e.StepUp.Begin(t.Context(), &done.Principal, in)
	if err != nil || !slices.Equal(methods(out.Pending), []string{"email", "password"}) {
		t.Errorf("%+v (%v)", out.Pending, err)
	}
}

// The way that was chosen is asked for first, and what was not chosen is not sent.
func TestBegin_First(t *testing.T) {
	t.Parallel()
	e, signedIn := person(t, testflow.Options{})
	out, err := e.StepUp.Begin(t.Context(), &signedIn.Principal, stepup.Input{First: "password", Request: testflow.Request()})
	if err != nil || !slices.Equal(methods(out.Pending), []string{"password", "email"}) || out.Pending.Methods[1].Sent {
		t.Errorf("%+v (%v)", out.Pending, err)
	}
}
