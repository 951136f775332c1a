package federated_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Who has signed out at the provider does not go on here with a sign-in that lacked something either.
func TestLogout_SignInThatLacksSomething(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testflow.Options{}, nil)
	delete(w.acme.User, "email")
	token := func(sid string) string {
		t.Helper()
		w.acme.User["sid"] = sid
		res, err := w.arrive(t, "acme")
		if err != nil || res.Waits == nil {
			t.Fatalf("%+v %v, want a sign-in that waits", res, err)
		}
		return res.Waits.Token
	}
	shows := func(token string) error {
		_, err := w.Federated.Show(t.Context(), token, testflow.Request())
		return err
	}
	one, two, three := token("s1"), token("s2"), token("s3")
	if _, err := w.Federated.Complete(t.Context(), federated.CompleteInput{Token: two, Email: ada, Request: testflow.Request()}); err != nil {
		t.Fatal(err) // it goes on, and is the same
	}
	for sid, ended := range map[string]string{"s1": one, "s2": two} {
		if err := shows(ended); err != nil {
			t.Fatal(err)
		}
		if err := w.Federated.Logout(t.Context(), "acme", w.acme.LogoutToken(map[string]any{"sid": sid}), testflow.Client()); err != nil {
			t.Fatal(err)
		}
		testflow.WantCode(t, shows(ended), authcore.InvalidSocialToken)
		_, err := w.Federated.Complete(t.Context(), federated.CompleteInput{Token: ended, Email: ada, Request: testflow.Request()})
		testflow.WantCode(t, err, authcore.InvalidSocialToken)
	}
	if err := shows(three); err != nil {
		t.Error("the sign-in of another session at the provider has ended:", err)
	}
	if err := w.Federated.Logout(t.Context(), "acme", w.acme.LogoutToken(map[string]any{"sub": w.acme.User["sub"]}), testflow.Client()); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, shows(three), authcore.InvalidSocialToken)
}

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

// What is no sign-in yet, or none at all, is not told as one.
func TestCallback_Told(t *testing.T) {
	t.Parallel()
	var told, traced error
	w := newWorld(t, testflow.Options{Traces: gateway.Traces{Provider: func(_ string, err error) { told = err },
		SignIn: func(ctx context.Context, step string) (context.Context, func(error)) {
			return ctx, func(err error) {
				if step == federated.Step {
					traced = err
				}
			}
		}}}, nil)
	want := func(want, err error) {
		t.Helper()
		if err != nil || !errors.Is(told, want) || !errors.Is(traced, want) {
			t.Errorf("told %v, traced %v, want %v; %v", told, traced, want, err)
		}
	}
	in := w.toAndBack(t, federated.StartInput{Provider: "acme"})
	in.Error, in.Code = "access_denied", ""
	_, err := w.Federated.Callback(t.Context(), in)
	want(authcore.ErrDeclined, err)
	res, err := w.arrive(t, "acme")
	want(nil, err)
	w.EmailFactor(t, res.Outcome.Tokens.Account.ID)
	_, err = w.arrive(t, "acme")
	want(authcore.ErrSecondStep, err)
	w.as("", false)
	_, err = w.arrive(t, "acme")
	want(authcore.ErrSecondStep, err)
}
