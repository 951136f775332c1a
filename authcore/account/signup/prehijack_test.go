package signup_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const planted = "attacker-Chosen-99-basin"

// Under `signup open` a stranger makes an account of the victim's address, signs in and plants what they can. Whoever then proves the
// address without the stranger's password gets an account of their own, and the stranger's has the address no more.
func TestPrehijack_OpenAccountOfAStrangerIsNotInherited(t *testing.T) {
	t.Parallel()
	for name, prove := range map[string]func(*testing.T, *testflow.Env){
		"by the link and a new password": func(t *testing.T, e *testflow.Env) {
			in := signup.VerifyInput{Token: testflow.Token(t, e.Mail(t, bob, authcore.MailVerify)), NewPassword: testflow.OtherPassword}
			if err := verify(t, e, in); err != nil {
				t.Fatal(err)
			}
		},
		"by a reset": func(t *testing.T, e *testflow.Env) {
			e.Clock.Advance(2 * time.Minute)
			if err := e.Password.Forgot(t.Context(), bob, testflow.Client()); err != nil {
				t.Fatal(err)
			}
			reset(t, e, testflow.Token(t, e.Mail(t, bob, authcore.MailReset)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := testflow.New(t, testflow.Options{Mode: signup.Open})
			theirs := e.Register(t, signup.RegisterInput{Email: bob, Username: "planted", FirstName: "Planted", Phone: "+4312345678", Password: planted})
			attacker, err := e.TrySignIn(t, bob, planted)
			if err != nil {
				t.Fatal(err)
			}
			prove(t, e)
			own, err := e.TrySignIn(t, bob, testflow.OtherPassword)
			if err != nil {
				t.Fatal(err)
			}
			if a := own.Account; a.ID == theirs.Account.ID || a.Username != "" || a.FirstName != "" || a.Phone != "" || !a.EmailVerified() {
				t.Errorf("the owner got %+v", a)
			}
			_, err = e.TrySignIn(t, bob, planted)
			testflow.WantCode(t, err, authcore.InvalidCredentials)
			// The stranger keeps what is theirs, without the address, and cannot get it back.
			kept, err := e.TrySignIn(t, "planted", planted)
			if err != nil || kept.Account.ID != theirs.Account.ID || kept.Account.Email != "" {
				t.Fatalf("the stranger's account: %v, %+v", err, kept.Account)
			}
			if got := verdict(e, attacker.Principal); got != authcore.Valid {
				t.Errorf("the stranger's session has the verdict %v", got)
			}
			testflow.WantCode(t, verify(t, e, signup.VerifyInput{Email: bob, OTP: "000000", Proof: theirs.Proof}), authcore.InvalidCode)
		})
	}
}

// Where the address was all that found the stranger's account, it is closed: an unexpired session of it is worth nothing.
func TestPrehijack_AccountWithoutAnythingElseIsClosed(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open})
	theirs := e.Register(t, signup.RegisterInput{Email: bob, Password: planted}).Account
	attacker, err := e.TrySignIn(t, bob, planted)
	if err != nil {
		t.Fatal(err)
	}
	token := testflow.Token(t, e.Mail(t, bob, authcore.MailVerify))
	tokens, err := testflow.Tokens(e.SignUp.Verify(t.Context(), signup.VerifyInput{Token: token, NewPassword: testflow.OtherPassword, Request: testflow.Request()}))
	if err != nil {
		t.Fatal(err)
	}
	if verdict(e, attacker.Principal) != authcore.Revoked {
		t.Error("the stranger's access token still passes on this node")
	}
	_, err = e.Sessions.Refresh(t.Context(), attacker.Refresh, authcore.ModeBearer, testflow.Client())
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
	if got := verdict(e, tokens.Principal); got != authcore.Valid {
		t.Errorf("the owner's new session has the verdict %v", got)
	}
	if a, err := e.Store.AccountByID(t.Context(), theirs.ID); err != nil || !a.Disabled() || a.Email != "" {
		t.Errorf("the stranger's account: %+v, %v", a, err)
	}
}

// A mail that the stranger asked for, for their account, reached the victim: what it carries must not lead back into that account, nor
// may a change of the stranger's that is under way bring the address back.
func TestPrehijack_WhatWasMailedForTheStrangersAccountDies(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open})
	theirs := e.Register(t, signup.RegisterInput{Email: bob, Username: "planted", Password: planted}).Account
	if err := e.Password.Forgot(t.Context(), "planted", testflow.Client()); err != nil {
		t.Fatal(err)
	}
	mailed := testflow.Token(t, e.Mail(t, bob, authcore.MailReset))
	token := testflow.Token(t, e.Mail(t, bob, authcore.MailVerify))
	if err := verify(t, e, signup.VerifyInput{Token: token, NewPassword: testflow.OtherPassword}); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, tryReset(t, e, mailed), authcore.InvalidCode)
	if _, err := e.Profile.Change(t.Context(), theirs.ID, profile.Patch{FirstName: new("Still me")}, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if a, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: bob}); err != nil || a.ID == theirs.ID {
		t.Errorf("the address finds %v, %v", a.ID, err)
	}
}

// Who registered the account verifies it with its password, or with the registration secret, and it stays theirs.
func TestVerify_OpenAccountByItsOwner(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]func(proof string) signup.VerifyInput{
		"password":            func(string) signup.VerifyInput { return signup.VerifyInput{Password: testflow.Password} },
		"registration secret": func(p string) signup.VerifyInput { return signup.VerifyInput{Proof: p} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := testflow.New(t, testflow.Options{Mode: signup.Open})
			made := e.Register(t, signup.RegisterInput{Email: bob, Username: "bobby", FirstName: "Bob"})
			shown := in(made.Proof)
			shown.Email, shown.OTP, shown.Request = bob, e.Mail(t, bob, authcore.MailVerify).Code, testflow.Request()
			tokens, err := testflow.Tokens(e.SignUp.Verify(t.Context(), shown))
			if err != nil {
				t.Fatal(err)
			}
			if a := tokens.Account; a.ID != made.Account.ID || !a.EmailVerified() || a.Username != "bobby" || a.FirstName != "Bob" {
				t.Errorf("%+v", a)
			}
			if slices.Contains(tokens.Session.AMR, "pwd") != (name == "password") {
				t.Errorf("amr %v", tokens.Session.AMR)
			}
		})
	}
}

// Of a hundred who prove one address at once, with the claimer's password and with new ones, one wins; the address finds one account.
func TestPrehijack_RaceOfClaimerAndOwner(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open})
	e.Register(t, signup.RegisterInput{Email: bob, Username: "planted", Password: planted})
	code := e.Mail(t, bob, authcore.MailVerify).Code
	var mu sync.Mutex
	var winners []session.Tokens
	var all sync.WaitGroup
	for i := range soak.N(100, 400) {
		all.Go(func() {
			in := signup.VerifyInput{Email: bob, OTP: code, Password: planted, Request: testflow.Request()}
			if i%2 == 1 {
				in.Password, in.NewPassword = "", testflow.OtherPassword
			}
			tokens, err := testflow.Tokens(e.SignUp.Verify(t.Context(), in))
			for authcore.CodeOf(err) == authcore.Unavailable && t.Context().Err() == nil {
				tokens, err = testflow.Tokens(e.SignUp.Verify(t.Context(), in))
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				winners = append(winners, tokens)
			}
		})
	}
	all.Wait()
	if len(winners) != 1 {
		t.Fatalf("%d won, want 1", len(winners))
	}
	a, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: bob})
	if err != nil || a.ID != winners[0].Account.ID || !a.EmailVerified() {
		t.Errorf("the address finds %+v, %v", a, err)
	}
}

// An account that whoever runs the gateway has made, with its address unverified, is nobody's prey.
func TestPrehijack_AccountOfTheOperatorIsNotTaken(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	hash, err := e.Hasher.Hash(t.Context(), testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	a := authcore.Account{ID: uuid.New(), Email: bob, PasswordHash: hash, MadeByOperator: true, Roles: []string{"admin"}, CreatedAt: e.Clock.Now(), UpdatedAt: e.Clock.Now()}
	if err := e.Store.CreateAccount(t.Context(), a, []authcore.Identifier{{Kind: authcore.KindEmail, Value: bob}}, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	proof := e.Register(t, signup.RegisterInput{Email: bob, Password: testflow.OtherPassword}).Proof
	code := e.Mail(t, bob, authcore.MailVerify).Code
	for _, in := range []signup.VerifyInput{{Proof: proof}, {Password: testflow.OtherPassword}, {NewPassword: testflow.OtherPassword}} {
		in.Email, in.OTP = bob, code
		testflow.WantCode(t, verify(t, e, in), authcore.RegistrationProofRequired)
	}
	tokens, err := testflow.Tokens(e.SignUp.Verify(t.Context(), signup.VerifyInput{Email: bob, OTP: code, Password: testflow.Password, Request: testflow.Request()}))
	if err != nil || tokens.Account.ID != a.ID {
		t.Errorf("its owner: %v, %v", err, tokens.Account.ID)
	}
}

func verdict(e *testflow.Env, p authcore.Principal) authcore.Verdict {
	return e.Revoked.Check(p.SessionID, p.AccountID, p.Epoch, p.RolesVersion)
}

func tryReset(t *testing.T, e *testflow.Env, token string) error {
	t.Helper()
	return e.Password.Reset(t.Context(), password.ResetInput{Token: token, NewPassword: testflow.OtherPassword, Client: testflow.Client()})
}

func reset(t *testing.T, e *testflow.Env, token string) {
	t.Helper()
	if err := tryReset(t, e, token); err != nil {
		t.Fatal(err)
	}
}
