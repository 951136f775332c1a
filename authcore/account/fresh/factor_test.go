package fresh_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// withApp gives the account an authenticator app and switches second factors on. It returns the app's seed and the recovery codes.
func withApp(t *testing.T, e *testflow.Env, mine session.Tokens) (seed string, codes []string) {
	t.Helper()
	added, err := e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: mine.Account.ID, Type: authcore.FactorTOTP, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	done, err := e.Factors.Confirm(t.Context(), factor.ConfirmInput{
		AccountID: mine.Account.ID, FactorID: added.Factor.ID, Code: testotp.Code(t, added.Seed, e.Clock.Now()), Enable: true, Client: testflow.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(time.Minute) // a code of the app is good once
	return added.Seed, done.Codes
}

func signIn(t *testing.T, e *testflow.Env, otp, device string, trust bool) session.Tokens {
	t.Helper()
	r := testflow.Request()
	r.OTP, r.DeviceToken, r.TrustDevice = otp, device, trust
	tokens, err := testflow.Tokens(e.SignIn.Password(t.Context(), signin.Input{Login: address, Password: testflow.Password, Request: r}))
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func proveBoth(t *testing.T, e *testflow.Env, p *authcore.Principal, otp string) error {
	t.Helper()
	return e.Fresh.Check(t.Context(), p, fresh.Proof{Password: testflow.Password, OTP: otp}, testflow.Client())
}

// A thief who has the password and the owner's trusted device, or a session that they made by these, makes no fresh call: trust skips a step
// of a sign-in, and proves nothing.
func TestO17_TrustedDeviceIsNeverFresh(t *testing.T) {
	t.Parallel()
	e, mine := env(t, testflow.Options{TrustFor: 24 * time.Hour})
	seed, codes := withApp(t, e, mine)
	owner := signIn(t, e, testotp.Code(t, seed, e.Clock.Now()), "", true)
	if err := prove(t, e, who(owner.Session), ""); err != nil {
		t.Errorf("the owner's sign-in by both is not fresh: %v", err)
	}
	thief := signIn(t, e, "", owner.DeviceToken, false)
	if !slices.Equal(thief.Session.AMR, []string{"pwd"}) {
		t.Fatalf("signed in by %v", thief.Session.AMR)
	}
	testflow.WantCode(t, prove(t, e, who(thief.Session), ""), authcore.MFARequired)
	testflow.WantCode(t, prove(t, e, who(thief.Session), testflow.Password), authcore.MFARequired)
	testflow.WantCode(t, proveBoth(t, e, who(thief.Session), "000000"), authcore.InvalidCode)
	if err := proveBoth(t, e, who(thief.Session), codes[0]); err != nil {
		t.Error(err)
	}
	testflow.WantCode(t, proveBoth(t, e, who(thief.Session), codes[0]), authcore.InvalidCode)
	e.Clock.Advance(11 * time.Minute)
	testflow.WantCode(t, prove(t, e, who(thief.Session), ""), authcore.ReauthenticationRequired)
	testflow.WantCode(t, prove(t, e, who(owner.Session), ""), authcore.ReauthenticationRequired)
	if err := proveBoth(t, e, who(owner.Session), testotp.Code(t, seed, e.Clock.Now())); err != nil {
		t.Error(err)
	}
}

// A session from before second factors were switched on is not fresh for what comes after.
func TestCheck_SessionFromBefore(t *testing.T) {
	t.Parallel()
	e, mine := env(t, testflow.Options{})
	if err := prove(t, e, who(mine.Session), ""); err != nil {
		t.Fatal(err)
	}
	withApp(t, e, mine)
	testflow.WantCode(t, prove(t, e, who(mine.Session), ""), authcore.MFARequired)
}

// Codes are guessed no more than passwords: right passwords between the guesses, known to the thief, buy no new ones.
func TestO02_GuessedCodesOfFreshCalls(t *testing.T) {
	t.Parallel()
	e, mine := env(t, testflow.Options{Lockout: lockout.Policy{Failures: 100}})
	seed, _ := withApp(t, e, mine)
	for range 5 {
		testflow.WantCode(t, prove(t, e, who(mine.Session), testflow.Password), authcore.MFARequired)
		testflow.WantCode(t, proveBoth(t, e, who(mine.Session), "000000"), authcore.InvalidCode)
	}
	testflow.WantCode(t, proveBoth(t, e, who(mine.Session), testotp.Code(t, seed, e.Clock.Now())), authcore.ReauthenticationRequired)
}

// A requirement by role asks sessions from before it for what is missing.
func TestCheck_RequiredByRole(t *testing.T) {
	t.Parallel()
	e, mine := env(t, testflow.Options{MFA: secondstep.Requirement{Roles: []string{"ops"}}})
	change := authcore.RolesChange{AccountID: mine.Account.ID, Add: []string{"ops"}, Now: e.Clock.Now()}
	if _, err := e.Store.ChangeRoles(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, prove(t, e, who(mine.Session), ""), authcore.MFARequired) // by the mailed code, and there is a password
	all := mine.Session
	all.AMR = []string{"pwd", "email", "mfa"}
	if err := prove(t, e, who(all), ""); err != nil {
		t.Error(err)
	}
}
