package secondstep_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// TestR13_SecondFactorMails: an e-mail factor lets its owner sign in as often as they like, whatever mails strangers ask for at the same
// address. Who has stolen the password gets five mails sent within an hour, and a new password clears that.
func TestR13_SecondFactorMails(t *testing.T) {
	t.Parallel()
	e, id := protected(t, testflow.Options{})
	for range 10 { // a stranger
		if err := e.Password.Forgot(t.Context(), ada, testflow.Client()); err != nil {
			t.Fatal(err)
		}
		e.Clock.Advance(61 * time.Second)
	}
	for i := range 12 {
		p := waiting(t, signIn(t, e, nil))
		if !p.Methods[0].Sent {
			t.Fatalf("sign-in %d gets no code", i+1)
		}
		if _, err := testflow.Tokens(e.Steps.Proceed(t.Context(), proof(p, code(t, e)))); err != nil {
			t.Fatal(err)
		}
	}
	sent := 0
	for range 20 { // a thief
		if waiting(t, signIn(t, e, nil)).Methods[0].Sent {
			sent++
		}
		e.Clock.Advance(time.Second)
	}
	if sent != 5 {
		t.Errorf("whoever knows the password gets %d mails sent, want 5", sent)
	}
	err := e.Password.Change(t.Context(), password.ChangeInput{AccountID: id, Current: testflow.Password, New: testflow.OtherPassword, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	out, err := e.SignIn.Password(t.Context(), signin.Input{Login: ada, Password: testflow.OtherPassword, Request: session.Request{Mode: authcore.ModeBearer, Client: testflow.Client()}})
	if err != nil || !waiting(t, out).Methods[0].Sent {
		t.Errorf("after a new password no code is sent (%v)", err)
	}
}
