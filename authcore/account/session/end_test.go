package session_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// A browser brings both of its tokens to the sign-out; the history of its user has one.
func TestEnd_ToldOnce(t *testing.T) {
	t.Parallel()
	for _, everywhere := range []bool{false, true} {
		e := testflow.New(t, testflow.Options{})
		tokens := e.Person(t, signup.RegisterInput{Email: ada})
		byAccess, byRefresh := e.Sessions.Ends(everywhere)
		p := &authcore.Principal{AccountID: tokens.Account.ID, SessionID: tokens.Session.ID}
		if err := byAccess(t.Context(), p, testflow.Client()); err != nil {
			t.Fatal(err)
		}
		if err := byRefresh(t.Context(), tokens.Refresh, testflow.Client()); err != nil {
			t.Fatal(err)
		}
		told := 0
		for _, event := range e.Events() {
			if event.Kind == authcore.EventSignedOut {
				told++
			}
		}
		if told != 1 {
			t.Errorf("everywhere %v: told %d times", everywhere, told)
		}
	}
}
