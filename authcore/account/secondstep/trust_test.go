package secondstep_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/device"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// trusting is Ada with an e-mail factor, a set of recovery codes and a device that is trusted.
type trusting struct {
	*testflow.Env
	ada     authcore.Account
	factor  authcore.Factor // the e-mail factor
	session session.Tokens  // on the device
	codes   []string        // for recovery
	client  authcore.Client
}

func trustedDevice(t *testing.T) *trusting {
	t.Helper()
	e := testflow.New(t, testflow.Options{TrustFor: 30 * 24 * time.Hour})
	w := &trusting{Env: e, ada: e.Person(t, signup.RegisterInput{Email: ada}).Account, client: testflow.Client()}
	w.factor = e.EmailFactor(t, w.ada.ID)
	added, err := e.Factors.Add(t.Context(), factor.AddInput{AccountID: w.ada.ID, Type: authcore.FactorRecovery, Client: w.client})
	if err != nil {
		t.Fatal(err)
	}
	w.codes = added.Codes
	in := proof(waiting(t, signIn(t, e, nil)), code(t, e))
	in.TrustDevice = true
	if w.session, err = testflow.Tokens(e.Steps.Proceed(t.Context(), in)); err != nil {
		t.Fatal(err)
	}
	w.ada = w.session.Account
	return w
}

func (w *trusting) trusted(t *testing.T) bool {
	t.Helper()
	digest, _ := w.Sessions.DeviceDigest(w.session.DeviceToken)
	is, err := w.Store.DeviceTrusted(t.Context(), w.ada.ID, digest, w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return is
}

func (w *trusting) principal() *authcore.Principal {
	return &authcore.Principal{AccountID: w.ada.ID, SessionID: w.session.Session.ID}
}

// notMe follows the link of the last mail of a kind.
func (w *trusting) notMe(t *testing.T, kind authcore.MailKind) error {
	t.Helper()
	_, err := w.Secure.Secure(t.Context(), testflow.Token(t, w.Mail(t, ada, kind)), w.client)
	return err
}

// TestTrust_Ends: whatever might mean that somebody else has the device or the password ends the trust (contract §8.5). What means nothing
// of that leaves it.
func TestTrust_Ends(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do    func(t *testing.T, w *trusting) error
		stays bool
	}{
		"nothing": {func(*testing.T, *trusting) error { return nil }, true},
		"a factor is added": {func(t *testing.T, w *trusting) error {
			_, err := w.Factors.Add(t.Context(), factor.AddInput{AccountID: w.ada.ID, Type: authcore.FactorTOTP, Client: w.client})
			return err
		}, true},
		"a factor is used": {func(t *testing.T, w *trusting) error {
			w.Clock.Advance(15 * time.Minute)
			_, err := testflow.Tokens(w.Steps.Proceed(t.Context(), proof(waiting(t, signIn(t, w.Env, nil)), code(t, w.Env))))
			return err
		}, true},
		"password changed": {func(t *testing.T, w *trusting) error {
			return w.Password.Change(t.Context(), password.ChangeInput{AccountID: w.ada.ID, Current: testflow.Password, New: testflow.OtherPassword, Client: w.client})
		}, false},
		"password reset": {func(t *testing.T, w *trusting) error {
			if err := w.Password.Forgot(t.Context(), ada, w.client); err != nil {
				return err
			}
			return w.Password.Reset(t.Context(), password.ResetInput{Token: testflow.Token(t, w.Mail(t, ada, authcore.MailReset)), NewPassword: testflow.OtherPassword, Client: w.client})
		}, false},
		"two-factor authentication switched off": {func(t *testing.T, w *trusting) error {
			return w.Factors.Disable(t.Context(), w.ada.ID, w.client)
		}, false},
		"factor removed": {func(t *testing.T, w *trusting) error {
			if err := w.Factors.Disable(t.Context(), w.ada.ID, w.client); err != nil {
				return err
			}
			w.trustAgain(t)
			return w.Factors.Remove(t.Context(), w.ada.ID, w.factor.ID, w.client)
		}, false},
		"recovery codes removed": {func(t *testing.T, w *trusting) error {
			all, err := w.Factors.List(t.Context(), w.ada.ID)
			if err != nil {
				return err
			}
			set := all[slices.IndexFunc(all, func(x authcore.Factor) bool { return x.Type == authcore.FactorRecovery })]
			return w.Factors.Remove(t.Context(), w.ada.ID, set.ID, w.client)
		}, false},
		"recovery code used": {func(t *testing.T, w *trusting) error {
			_, err := w.Steps.ProveOTP(t.Context(), w.ada, w.codes[0], w.client)
			return err
		}, false},
		"device forgotten": {func(t *testing.T, w *trusting) error {
			_, err := w.Devices.Forget(t.Context(), w.principal(), device.Which{All: true}, w.client)
			return err
		}, false},
		"this was not me": {func(t *testing.T, w *trusting) error { return w.notMe(t, authcore.MailRecoveryCodesMade) }, false},
		"factors reset by an operator": {func(t *testing.T, w *trusting) error {
			_, err := w.Factors.Reset(t.Context(), w.ada.ID, admin.ByOperator, w.client)
			return err
		}, false},
		"time": {func(_ *testing.T, w *trusting) error { w.Clock.Advance(30 * 24 * time.Hour); return nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := trustedDevice(t)
			if !w.trusted(t) {
				t.Fatal("the device is not trusted to begin with")
			}
			if err := c.do(t, w); err != nil {
				t.Fatal(err)
			}
			if got := w.trusted(t); got != c.stays {
				t.Errorf("trusted afterwards: %v", got)
			}
		})
	}
}

// trustAgain has the device trusted by the store alone.
func (w *trusting) trustAgain(t *testing.T) {
	t.Helper()
	r := session.Request{Mode: authcore.ModeBearer, Client: w.client, DeviceToken: w.session.DeviceToken, AMR: []string{"pwd"}, Step: session.Step{TrustUntil: w.Clock.Now().Add(time.Hour)}}
	if _, err := w.Sessions.Start(t.Context(), w.ada, r); err != nil {
		t.Fatal(err)
	}
	if !w.trusted(t) {
		t.Fatal("the device is not trusted again")
	}
}

// noStore and noFactors must not be asked anything.
type (
	noStore   struct{ secondstep.Store }
	noFactors struct{ secondstep.Factors }
)

// TestFinish_StatementsWithoutSecondFactor: a sign-in of an account that is asked for no second factor makes no statement but those of the
// session itself, which are counted where they are (TestOpenSession_Statements).
func TestFinish_StatementsWithoutSecondFactor(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	ada := e.Person(t, signup.RegisterInput{Email: ada}).Account
	steps, err := secondstep.New(secondstep.Config{Store: noStore{}, Factors: noFactors{}, Sessions: e.Sessions, Notices: e.Notices, Hasher: e.Hasher, Policy: e.Policy,
		Lockouts: e.Lockouts, Proofs: e.Proofs, Codes: e.Codes, Key: gateway.CodeKey(e.Ring), Lifetime: tuning.Always(time.Minute), TrustFor: time.Hour,
		Required: secondstep.Requirement{Roles: []string{"ops"}}, Now: e.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	r := testflow.Request()
	r.AMR, r.DeviceToken, r.OTP = []string{"pwd"}, uuid.NewString(), "123456"
	if _, err := testflow.Tokens(steps.Finish(t.Context(), ada, r)); err != nil {
		t.Error(err)
	}
}

// TestTrust_SwitchedOff: once the operator lets no device be trusted, one that was trusted before is asked again.
func TestTrust_SwitchedOff(t *testing.T) {
	t.Parallel()
	w := trustedDevice(t)
	steps, err := secondstep.New(secondstep.Config{Store: w.Store, Factors: w.Factors, Sessions: w.Sessions, Notices: w.Notices, Hasher: w.Hasher, Policy: w.Policy,
		Lockouts: w.Lockouts, Proofs: w.Proofs, Codes: w.Codes, Key: gateway.CodeKey(w.Ring), Lifetime: tuning.Always(time.Minute), Now: w.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	r := testflow.Request()
	r.AMR, r.DeviceToken = []string{"pwd"}, w.session.DeviceToken
	out, err := steps.Finish(t.Context(), w.ada, r)
	if err != nil {
		t.Fatal(err)
	}
	waiting(t, out)
}
