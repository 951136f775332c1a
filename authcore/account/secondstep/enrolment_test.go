package secondstep_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
	"github.com/gatehouse-auth/gatehouse/internal/testwebauthn"
)

// required is Ada without a factor, where everybody needs one and no mailbox is one.
func required(t *testing.T, offered ...authcore.FactorType) (*testflow.Env, uuid.UUID) {
	t.Helper()
	t.Parallel()
	e := testflow.New(t, testflow.Options{MFA: secondstep.Requirement{Everybody: true}, Factors: offered})
	return e, signedUp(t, e, ada)
}

// signedUp is an account that has shown its mailbox and its password, and has no session: the sign-up's waits for a factor.
func signedUp(t *testing.T, e *testflow.Env, email string) uuid.UUID {
	t.Helper()
	done := e.Register(t, signup.RegisterInput{Email: email})
	_, err := e.SignUp.Verify(t.Context(), signup.VerifyInput{Token: testflow.Token(t, e.Mail(t, email, authcore.MailVerify)), Proof: done.Proof, Request: testflow.Request()})
	if err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(time.Hour) // for mails
	a, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: email})
	if err != nil {
		t.Fatal(err)
	}
	return a.ID
}

// enrolling is a sign-in of Ada's that has given all but a factor.
func enrolling(t *testing.T, e *testflow.Env) *secondstep.Pending {
	t.Helper()
	p := waiting(t, signIn(t, e, nil))
	if len(p.Methods) != 1 || p.Methods[0].Method != "email" || !p.Methods[0].Sent || len(p.Enrol) != 0 {
		t.Fatalf("the code to the proven address comes first: %+v", p)
	}
	out, err := e.Steps.Proceed(t.Context(), proof(p, code(t, e)))
	if err != nil {
		t.Fatal(err)
	}
	if p = waiting(t, out); len(p.Methods) != 0 || len(p.Enrol) == 0 {
		t.Fatalf("after the code: %+v", p)
	}
	return p
}

func begin(t *testing.T, e *testflow.Env, p *secondstep.Pending, typ authcore.FactorType) factor.Added {
	t.Helper()
	added, err := secondstep.NewEnrolment(e.Steps).Begin(t.Context(), secondstep.EnrolInput{Token: p.Token, Type: typ, Request: testflow.Request()})
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func TestEnrolment_App(t *testing.T) {
	e, id := required(t, authcore.FactorTOTP, authcore.FactorRecovery)
	p := enrolling(t, e)
	if !slices.Equal(p.Enrol, []authcore.FactorType{authcore.FactorTOTP}) {
		t.Errorf("offered are %v", p.Enrol)
	}
	begin(t, e, p, authcore.FactorTOTP)
	added := begin(t, e, p, authcore.FactorTOTP) // in place of the first
	shown, err := secondstep.NewEnrolment(e.Steps).Show(t.Context(), p.Token, testflow.Request())
	if err != nil || shown == nil || shown.Seed != added.Seed || shown.QR == "" {
		t.Errorf("shown %+v (%v)", shown, err)
	}
	right := testotp.Code(t, added.Seed, e.Clock.Now())
	_, err = e.Steps.Proceed(t.Context(), proof(p, wrong(right)))
	testflow.WantCode(t, err, authcore.InvalidCode)
	_, err = e.Steps.Proceed(t.Context(), proof(p, ""))
	testflow.WantCode(t, err, authcore.InvalidFields)
	in := proof(p, right)
	in.Method = "totp"
	out, err := e.Steps.Proceed(t.Context(), in)
	if err != nil || out.Pending != nil {
		t.Fatalf("%+v (%v)", out.Pending, err)
	}
	if got := out.Tokens.Session.AMR; !slices.Equal(got, []string{"pwd", "email", "otp", "mfa"}) || len(out.Codes) != 10 {
		t.Errorf("signed in by %v with %d recovery codes", got, len(out.Codes))
	}
	if s, err := e.Factors.Status(t.Context(), id); err != nil || !s.Enabled || s.CodesLeft != 10 || len(s.Factors) != 2 {
		t.Errorf("%+v (%v)", s, err)
	}
	// The next sign-in asks for the app, and for nothing else first.
	e.Clock.Advance(time.Minute)
	p = waiting(t, signIn(t, e, nil))
	if len(p.Enrol) != 0 || p.Methods[0].Method != "totp" {
		t.Errorf("%+v", p)
	}
	if _, err := testflow.Tokens(e.Steps.Proceed(t.Context(), proof(p, testotp.Code(t, added.Seed, e.Clock.Now())))); err != nil {
		t.Error(err)
	}
}

// Neither the code to the proven address nor what follows skips the other: before that code nothing can be added, whatever is asked for.
func TestO17_EnrolmentBeforeTheCode(t *testing.T) {
	e, _ := required(t, authcore.FactorTOTP)
	p := waiting(t, signIn(t, e, nil))
	for _, typ := range []authcore.FactorType{authcore.FactorTOTP, authcore.FactorEmail, authcore.FactorRecovery, ""} {
		_, err := secondstep.NewEnrolment(e.Steps).Begin(t.Context(), secondstep.EnrolInput{Token: p.Token, Type: typ, Request: testflow.Request()})
		testflow.WantCode(t, err, authcore.Forbidden)
	}
	p = enrolling(t, e)
	_, err := secondstep.NewEnrolment(e.Steps).Begin(t.Context(), secondstep.EnrolInput{Token: p.Token, Type: authcore.FactorEmail, Request: testflow.Request()})
	testflow.WantCode(t, err, authcore.Forbidden)
	if shown, err := secondstep.NewEnrolment(e.Steps).Show(t.Context(), p.Token, testflow.Request()); err != nil || shown != nil {
		t.Errorf("shown %+v (%v)", shown, err)
	}
	_, err = e.Steps.Proceed(t.Context(), proof(p, "123456"))
	testflow.WantCode(t, err, authcore.InvalidFields)
}

// A key shows by its registration what it is worth: it signs in without another question.
func TestEnrolment_Key(t *testing.T) {
	for typ, want := range map[authcore.FactorType][]string{
		authcore.FactorPasskey:     {"pwd", "email", "swk", "mfa"},
		authcore.FactorSecurityKey: {"pwd", "email", "hwk", "mfa"},
	} {
		t.Run(string(typ), func(t *testing.T) {
			e, _ := required(t, authcore.FactorPasskey, authcore.FactorSecurityKey)
			p := enrolling(t, e)
			begin(t, e, p, typ)
			added, err := secondstep.NewEnrolment(e.Steps).Show(t.Context(), p.Token, testflow.Request()) // its options are new
			if err != nil {
				t.Fatal(err)
			}
			key := testwebauthn.New(testflow.Client().Issuer)
			key.Synced = typ == authcore.FactorPasskey
			in := proof(p, "")
			in.FactorID, in.Credential = added.Factor.ID, key.Create(t, added.Options)
			out, err := e.Steps.Proceed(t.Context(), in)
			if err != nil || out.Pending != nil || !slices.Equal(out.Tokens.Session.AMR, want) {
				t.Errorf("signed in by %v (%v)", out.Tokens.Session.AMR, err)
			}
			own, err := e.Factors.Of(t.Context(), out.Tokens.Account.ID)
			if err != nil || len(own) != 1 || slices.Contains(factor.Worth(own[0]), authcore.AMRMulti) != (typ == authcore.FactorPasskey) {
				t.Errorf("%v is worth something else (%v)", own, err)
			}
		})
	}
}

// Of a hundred who confirm one factor at once exactly one is signed in.
func TestO04_EnrolmentAtOnce(t *testing.T) {
	e, id := required(t, authcore.FactorTOTP, authcore.FactorRecovery)
	p := enrolling(t, e)
	right := testotp.Code(t, begin(t, e, p, authcore.FactorTOTP).Seed, e.Clock.Now())
	var all sync.WaitGroup
	wins := make(chan int, 100)
	for range 100 {
		all.Go(func() {
			if out, err := e.Steps.Proceed(t.Context(), proof(p, right)); err == nil && out.Pending == nil {
				wins <- len(out.Codes)
			}
		})
	}
	all.Wait()
	if len(wins) != 1 || <-wins != 10 {
		t.Errorf("%d of 100 are signed in, want 1 with ten recovery codes", len(wins))
	}
	if list, err := e.Store.Sessions(t.Context(), id, e.Clock.Now()); err != nil || len(list) != 1 {
		t.Errorf("%d sessions (%v), want 1", len(list), err)
	}
	if list, err := e.Factors.List(t.Context(), id); err != nil || len(list) != 2 {
		t.Errorf("factors %v (%v), want an app and recovery codes", list, err)
	}
}

// What one sign-in adds is confirmed by no other: neither a factor of the account page nor one of another sign-in, though the code is right.
func TestO12_EnrolmentOfAnother(t *testing.T) {
	e, id := required(t, authcore.FactorTOTP)
	p := enrolling(t, e)
	added, err := e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: id, Type: authcore.FactorTOTP, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	right := testotp.Code(t, added.Seed, e.Clock.Now())
	in := proof(p, right)
	for _, in.FactorID = range []uuid.UUID{added.Factor.ID, uuid.Nil} {
		_, err = e.Steps.Proceed(t.Context(), in)
		testflow.WantCode(t, err, authcore.InvalidFields)
	}
	// One that was pushed out by another is no longer there to be confirmed.
	begin(t, e, p, authcore.FactorTOTP)
	added, err = e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: id, Type: authcore.FactorTOTP, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Steps.Proceed(t.Context(), proof(p, testotp.Code(t, added.Seed, e.Clock.Now())))
	testflow.WantCode(t, err, authcore.InvalidCode)
	in.FactorID = added.Factor.ID
	_, err = e.Steps.Proceed(t.Context(), in)
	testflow.WantCode(t, err, authcore.InvalidFields)
}

// Who has a factor by now gives it: a sign-in that began before adds none beside it.
func TestO17_EnrolmentBesideAFactor(t *testing.T) {
	e, id := required(t, authcore.FactorTOTP, authcore.FactorPasskey)
	p := enrolling(t, e)
	added := begin(t, e, p, authcore.FactorTOTP)
	key := testwebauthn.New(testflow.Client().Issuer)
	passkey, err := e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: id, Type: authcore.FactorPasskey, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	confirm := factor.ConfirmInput{AccountID: id, FactorID: passkey.Factor.ID, Credential: key.Create(t, passkey.Options), Client: testflow.Client()}
	if _, err := e.Factors.Confirm(t.Context(), confirm); err != nil {
		t.Fatal(err)
	}
	right := testotp.Code(t, added.Seed, e.Clock.Now())
	in := proof(p, right)
	in.FactorID = added.Factor.ID
	_, err = e.Steps.Proceed(t.Context(), in)
	testflow.WantCode(t, err, authcore.InvalidFields)
	// So it is for who had looked at the account before.
	_, err = e.Factors.Confirm(t.Context(), factor.ConfirmInput{AccountID: id, FactorID: added.Factor.ID, Code: right, First: true, Client: testflow.Client()})
	testflow.WantCode(t, err, authcore.Forbidden)
}

// O01: wrong codes of a factor that is added end the sign-in as others do.
func TestO01_WrongCodesOfEnrolment(t *testing.T) {
	e, _ := required(t, authcore.FactorTOTP)
	p := enrolling(t, e)
	right := testotp.Code(t, begin(t, e, p, authcore.FactorTOTP).Seed, e.Clock.Now())
	for range 5 {
		_, err := e.Steps.Proceed(t.Context(), proof(p, wrong(right)))
		testflow.WantCode(t, err, authcore.InvalidCode)
	}
	_, err := e.Steps.Proceed(t.Context(), proof(p, right))
	testflow.WantCode(t, err, authcore.InvalidMFAToken)
	_, err = secondstep.NewEnrolment(e.Steps).Begin(t.Context(), secondstep.EnrolInput{Token: p.Token, Type: authcore.FactorTOTP, Request: testflow.Request()})
	testflow.WantCode(t, err, authcore.InvalidMFAToken)
}

// A factor that waits too long lapses; another one can be begun while the sign-in waits.
func TestEnrolment_Lapses(t *testing.T) {
	e, _ := required(t, authcore.FactorTOTP)
	p := enrolling(t, e)
	added := begin(t, e, p, authcore.FactorTOTP)
	if err := e.Factors.Remove(t.Context(), added.Factor.AccountID, added.Factor.ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if shown, err := secondstep.NewEnrolment(e.Steps).Show(t.Context(), p.Token, testflow.Request()); err != nil || shown != nil {
		t.Errorf("shown %+v (%v)", shown, err)
	}
	_, err := e.Steps.Proceed(t.Context(), proof(p, testotp.Code(t, added.Seed, e.Clock.Now())))
	testflow.WantCode(t, err, authcore.InvalidCode)
	added = begin(t, e, p, authcore.FactorTOTP)
	if _, err := testflow.Tokens(e.Steps.Proceed(t.Context(), proof(p, testotp.Code(t, added.Seed, e.Clock.Now())))); err != nil {
		t.Error(err)
	}
}

// What cannot be added at a host is not offered at it.
func TestEnrolment_AtHost(t *testing.T) {
	e, _ := required(t, authcore.FactorTOTP, authcore.FactorPasskey)
	p := enrolling(t, e)
	r := testflow.Request()
	r.Client.Issuer = "https://192.0.2.1"
	shown, err := e.Steps.Show(t.Context(), p.Token, r)
	if err != nil || !slices.Equal(shown.Enrol, []authcore.FactorType{authcore.FactorTOTP}) {
		t.Errorf("offered are %+v (%v)", shown, err)
	}
}

// L19: a pending sign-in goes on where it began: not from another program that has its token, nor in a browser that keeps another device.
func TestL19_PendingOfAnotherClient(t *testing.T) {
	t.Parallel()
	e, _ := protected(t, testflow.Options{})
	first := signIn(t, e, nil)
	tokens, err := testflow.Tokens(e.Steps.Proceed(t.Context(), proof(waiting(t, first), code(t, e))))
	if err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(time.Minute)
	p := waiting(t, signIn(t, e, func(r *session.Request) { r.DeviceToken = tokens.DeviceToken }))
	right := code(t, e)
	for name, change := range map[string]func(*session.Request){
		"program": func(r *session.Request) { r.Client.UserAgent = "curl/8.5.0" },
		"mode":    func(r *session.Request) { r.Mode = authcore.ModeCookie },
		"device":  func(r *session.Request) { r.DeviceToken = otherDevice(t, e) },
	} {
		in := proof(p, right)
		change(&in.Request)
		if _, err := e.Steps.Proceed(t.Context(), in); authcore.CodeOf(err) != authcore.InvalidMFAToken {
			t.Errorf("another %s: %v", name, err)
		}
	}
	in := proof(p, right)
	in.Request.DeviceToken = tokens.DeviceToken
	if _, err := testflow.Tokens(e.Steps.Proceed(t.Context(), in)); err != nil {
		t.Error(err)
	}
}

// otherDevice is the token of a browser of somebody else.
func otherDevice(t *testing.T, e *testflow.Env) string {
	t.Helper()
	return e.Person(t, signup.RegisterInput{Email: "bob@example.com"}).DeviceToken
}
