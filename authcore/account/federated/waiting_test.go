package federated_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Who has signed out at the provider does not go on here with a sign-in that waited for its second factor; and where it was completed before,
// its session ends as any other.
func TestLogout_SignInThatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	owner := w.person(t, ada)
	res, err := w.arrive(t, "acme")
	signedIn(t, res, err)
	w.EmailFactor(t, owner.ID)
	second := func(sid string) secondstep.Input {
		t.Helper()
		w.acme.User["sid"] = sid
		res, err := w.arrive(t, "acme")
		if err != nil || res.Outcome == nil || res.Outcome.Pending == nil {
			t.Fatalf("%+v %v, want a second step", res, err)
		}
		return secondstep.Input{Token: res.Outcome.Pending.Token, Code: w.Mail(t, ada, authcore.MailSecondFactorCode).Code, Request: testflow.Request()}
	}
	logout := func(sid string) {
		t.Helper()
		if err := w.Federated.Logout(t.Context(), "acme", w.acme.LogoutToken(map[string]any{"sid": sid}), testflow.Client()); err != nil {
			t.Fatal(err)
		}
	}
	in := second("s1")
	logout("s1")
	_, err = w.Steps.Proceed(t.Context(), in)
	testflow.WantCode(t, err, authcore.InvalidMFAToken)
	in = second("s2")
	if _, err := testflow.Tokens(w.Steps.Proceed(t.Context(), in)); err != nil {
		t.Fatal(err)
	}
	before, err := w.Sessions.List(t.Context(), owner.ID)
	logout("s2")
	if after, failed := w.Sessions.List(t.Context(), owner.ID); err != nil || failed != nil || len(after) != len(before)-1 {
		t.Errorf("%d sessions, %d before, %v", len(after), len(before), failed)
	}
}
