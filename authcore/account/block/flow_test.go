package block_test

import (
	"net/netip"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// rule is a rule of a Caddyfile.
func rule(t *testing.T, kind block.Kind, pattern string, acts ...block.Act) block.Compiled {
	t.Helper()
	p, err := block.ParsePattern(kind, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return block.Configured(kind, pattern, acts, p)
}

func rules(all ...block.Compiled) testflow.Options {
	return testflow.Options{Blocks: block.Config{Rules: all}, Ways: passwordless.Ways{Code: true, Link: true}, ByCode: true}
}

// TestSignUp: nobody whom a rule matches gets an account, whatever it looks at.
func TestSignUp(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, rules(rule(t, block.Email, "*@SPAM.example", block.SignUp), rule(t, block.Phone, "+1900", block.SignUp),
		rule(t, block.Username, "bot*", block.SignUp), rule(t, block.IP, "198.51.100.0/24", block.SignUp), rule(t, block.Email, "*@login.example", block.Login)))
	elsewhere := testflow.Client()
	elsewhere.Addr = netip.MustParseAddr("198.51.100.7")
	for name, in := range map[string]signup.RegisterInput{
		"address":  {Email: "X@SPAM.example"},
		"number":   {Email: "x@fine.example", Phone: "+1 900 234 5678"},
		"username": {Email: "x@fine.example", Username: "Bot1"},
		"client":   {Email: "x@fine.example", Client: elsewhere},
	} {
		in.Password = testflow.Password
		if in.Client.Portal == "" {
			in.Client = testflow.Client()
		}
		_, err := e.SignUp.Register(t.Context(), in)
		refusal := testflow.WantCode(t, err, authcore.Blocked)
		if len(refusal.Fields) > 0 {
			t.Errorf("%s: the refusal names %v", name, refusal.Fields)
		}
	}
	e.Register(t, signup.RegisterInput{Email: "x@notspam.example"})
	e.Register(t, signup.RegisterInput{Email: "x@login.example"})
}

// TestSignUp_ByCode: an address that is to have no account gets no code for one, and the answer is the same.
func TestSignUp_ByCode(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, rules(rule(t, block.Email, "*@spam.example", block.SignUp)))
	for _, address := range []string{"x@spam.example", "x@fine.example"} {
		if _, err := e.Passwordless.Start(t.Context(), passwordless.StartInput{Login: passwordless.Login{Email: address}, Client: testflow.Client()}); err != nil {
			t.Fatal(err)
		}
		if sent := len(e.Mails(t, address)); sent != map[string]int{"x@fine.example": 1}[address] {
			t.Errorf("%s got %d mails", address, sent)
		}
	}
}

// TestSend: what a rule keeps from being sent is not, and nobody can tell by the answer.
func TestSend(t *testing.T) {
	t.Parallel()
	o := rules(rule(t, block.Email, "*@spam.example", block.Send), rule(t, block.Username, "mute", block.Send), rule(t, block.IP, "198.51.100.0/24", block.Send))
	o.Inviters = authcore.Inviters{Everybody: true}
	e := testflow.New(t, o)
	e.Register(t, signup.RegisterInput{Email: "x@spam.example"})
	if sent := e.Mails(t, "x@spam.example"); len(sent) > 0 {
		t.Errorf("a sign-up sends %v", sent)
	}
	mute := e.Person(t, signup.RegisterInput{Email: "mute@fine.example"}).Account
	name := "mute"
	if _, err := e.Profile.Change(t.Context(), mute.ID, profile.Patch{Username: &name}, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	e.Person(t, signup.RegisterInput{Email: "ada@fine.example"})
	elsewhere := testflow.Client()
	elsewhere.Addr = netip.MustParseAddr("198.51.100.7")
	before := len(e.Mails(t, "mute@fine.example")) + len(e.Mails(t, "ada@fine.example"))
	for login, c := range map[string]authcore.Client{"mute@fine.example": testflow.Client(), "ada@fine.example": elsewhere} {
		if err := e.Password.Forgot(t.Context(), login, c); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Passwordless.Start(t.Context(), passwordless.StartInput{Login: passwordless.Login{Login: login}, Client: c}); err != nil {
			t.Fatal(err)
		}
	}
	if sent := len(e.Mails(t, "mute@fine.example")) + len(e.Mails(t, "ada@fine.example")); sent != before {
		t.Errorf("%d mails were sent", sent-before)
	}
	if made, err := e.Invite.Create(t.Context(), mute.ID, invite.Input{Email: "y@spam.example", Client: testflow.Client()}); err != nil || made.Address != "y@spam.example" {
		t.Errorf("invited %v, %v", made.Address, err)
	}
	if sent := e.Mails(t, "y@spam.example"); len(sent) > 0 {
		t.Errorf("an invitation sends %v", sent)
	}
}

// TestLogin: a rule for signing in looks like a wrong password, and that on a client's address says so.
func TestLogin(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, rules(rule(t, block.Username, "out*", block.Login), rule(t, block.IP, "198.51.100.0/24", block.Login)))
	e.Person(t, signup.RegisterInput{Email: "ada@fine.example", Username: "ada"})
	out := e.Person(t, signup.RegisterInput{Email: "bob@fine.example"}).Account
	name := "outcast"
	if _, err := e.Profile.Change(t.Context(), out.ID, profile.Patch{Username: &name}, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.TrySignIn(t, "ada", testflow.Password); err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"outcast", "bob@fine.example"} {
		_, right := e.TrySignIn(t, login, testflow.Password)
		_, wrong := e.TrySignIn(t, login, testflow.OtherPassword)
		testflow.WantCode(t, right, authcore.InvalidCredentials)
		if right.Error() != wrong.Error() {
			t.Errorf("%s: %v, and with a wrong password %v", login, right, wrong)
		}
	}
	r := testflow.Request()
	r.Client.Addr = netip.MustParseAddr("198.51.100.7")
	_, err := e.SignIn.Password(t.Context(), signin.Input{Login: "ada", Password: testflow.Password, Request: r})
	testflow.WantCode(t, err, authcore.Blocked)
	_, _, err = e.SignIn.PasskeyOptions(t.Context(), r.Client)
	testflow.WantCode(t, err, authcore.Blocked)
	_, err = e.SignIn.Passkey(t.Context(), signin.PasskeyInput{Request: r})
	testflow.WantCode(t, err, authcore.Blocked)
	_, err = e.Passwordless.Start(t.Context(), passwordless.StartInput{Login: passwordless.Login{Login: "ada"}, Client: r.Client})
	testflow.WantCode(t, err, authcore.Blocked)
	_, err = e.Passwordless.Finish(t.Context(), passwordless.Input{Login: passwordless.Login{Login: "ada"}, OTP: "123456", Request: r})
	testflow.WantCode(t, err, authcore.Blocked)
	_, err = e.SignUp.Verify(t.Context(), signup.VerifyInput{Email: "ada@fine.example", OTP: "123456", Request: r})
	testflow.WantCode(t, err, authcore.Blocked)
}

// TestUsername: a rule holds for a username that is taken later, not for an administrator.
func TestUsername(t *testing.T) {
	t.Parallel()
	o := rules(rule(t, block.Username, "bot*", block.SignUp))
	o.Admins = authcore.Admins{"boss@fine.example"}
	e := testflow.New(t, o)
	ada, boss := e.Person(t, signup.RegisterInput{Email: "ada@fine.example"}).Account, e.Person(t, signup.RegisterInput{Email: "boss@fine.example"}).Account
	name, other := "bot1", "bot2"
	_, err := e.Profile.Change(t.Context(), ada.ID, profile.Patch{Username: &name}, testflow.Client())
	testflow.WantCode(t, err, authcore.Blocked)
	if _, err := e.Profile.Change(t.Context(), boss.ID, profile.Patch{Username: &other}, testflow.Client()); err != nil {
		t.Error(err)
	}
}

// TestAllow: where anything is allowed, nothing else signs up or is sent anything; what is not given is not asked about.
func TestAllow(t *testing.T) {
	t.Parallel()
	allow := func(kind block.Kind, pattern string) block.Pattern {
		p, err := block.ParsePattern(kind, pattern)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	e := testflow.New(t, testflow.Options{Ways: passwordless.Ways{Code: true}, ByCode: true, Numbers: identifier.Numbers{},
		Blocks: block.Config{Rules: []block.Compiled{rule(t, block.Email, "bad@fine.example", block.SignUp)}, Allowed: map[block.Kind][]block.Pattern{
			block.Email: {allow(block.Email, "*@fine.example"), allow(block.Email, "*@too.example")}, block.Phone: {allow(block.Phone, "+49")}}}})
	for _, in := range []signup.RegisterInput{{Email: "x@other.example"}, {Email: "bad@fine.example"}, {Email: "x@fine.example", Phone: "+4312345678"}} {
		in.Password, in.Client = testflow.Password, testflow.Client()
		_, err := e.SignUp.Register(t.Context(), in)
		testflow.WantCode(t, err, authcore.Blocked)
	}
	e.Person(t, signup.RegisterInput{Email: "x@fine.example"})
	e.Person(t, signup.RegisterInput{Email: "x@too.example", Phone: "+493012345678"})
	if _, err := e.TrySignIn(t, "x@fine.example", testflow.Password); err != nil {
		t.Error(err)
	}
	if _, err := e.Passwordless.Start(t.Context(), passwordless.StartInput{Login: passwordless.Login{Email: "x@other.example"}, Client: testflow.Client()}); err != nil {
		t.Error(err)
	}
	if sent := e.Mails(t, "x@other.example"); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
}
