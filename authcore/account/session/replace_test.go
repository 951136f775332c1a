package session_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func stepUp(t *testing.T, e *testflow.Env, first session.Tokens) session.Tokens {
	t.Helper()
	tokens, err := e.Sessions.Replace(t.Context(), first.Account, first.Session.ID, []string{"pwd", "otp", "mfa"},
		session.Request{Mode: first.Mode, Method: "password", Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func check(e *testflow.Env, s authcore.Session) authcore.Verdict {
	return e.Revoked.Check(s.ID, s.AccountID, s.AccountEpoch, 0)
}

// A session that its user has proved themselves in again is another one: whoever holds the tokens of before has nothing of it.
func TestS03_StepUpIsAnotherSession(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	e.Clock.Advance(time.Hour)
	second := stepUp(t, e, first)
	if second.Session.ID == first.Session.ID || second.Refresh == first.Refresh || second.Access == first.Access {
		t.Error("something of the former session is in the new one")
	}
	if verdict := check(e, first.Session); verdict != authcore.Replaced {
		t.Errorf("the former session's access tokens: verdict %d, want that they are dead before the answer", verdict)
	}
	if verdict := check(e, second.Session); verdict != authcore.Valid {
		t.Errorf("the new session's: verdict %d", verdict)
	}
	p := second.Principal
	if authcore.ACR(p.AMR) != authcore.ACRMulti || !p.AuthTime.Equal(e.Clock.Now()) {
		t.Errorf("the new token says %v at %v", p.AMR, p.AuthTime)
	}
	// A refresh does not move auth_time, and keeps what was proved.
	e.Clock.Advance(time.Hour)
	third, err := refresh(t, e, second.Refresh, authcore.ModeBearer, "")
	if err != nil || !third.Principal.AuthTime.Equal(p.AuthTime) || authcore.ACR(third.Principal.AMR) != authcore.ACRMulti {
		t.Errorf("after a refresh: %v at %v (%v)", third.Principal.AMR, third.Principal.AuthTime, err)
	}
	_, err = refresh(t, e, first.Refresh, authcore.ModeBearer, "")
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
	if _, err := refresh(t, e, third.Refresh, authcore.ModeBearer, ""); err != nil {
		t.Errorf("an old refresh token has harmed the new session: %v", err)
	}
}

// The answer to a step-up may be lost, and another tab may be under way with the cookies of before.
func TestReplace_OldRefreshTokenYieldsTheNewSessionForAMoment(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Leeway: session.MaxLeeway})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	second := stepUp(t, e, first)
	for range 2 {
		again, err := refresh(t, e, first.Refresh, authcore.ModeBearer, "")
		if err != nil || again.Refresh != second.Refresh || again.Session.ID != second.Session.ID || again.Principal.Session != second.Session.ID.String() {
			t.Fatalf("got session %s (%v), want %s", again.Session.ID, err, second.Session.ID)
		}
		if again.Principal.ExpiresAt.After(again.Session.AccessUntil) {
			t.Error("the access token outlives what is recorded of it")
		}
		e.Clock.Advance(session.MaxLeeway/2 - time.Second)
	}
	if _, err := refresh(t, e, second.Refresh, authcore.ModeBearer, ""); err != nil {
		t.Fatal(err)
	}
	// Its successor is used: the client has the new session.
	_, err := refresh(t, e, first.Refresh, authcore.ModeBearer, "")
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
}

func TestReplace_AnotherClientWithTheOldRefreshTokenGetsNothing(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	second := stepUp(t, e, first)
	_, err := refresh(t, e, first.Refresh, authcore.ModeBearer, "somebody else")
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
	if again, err := refresh(t, e, first.Refresh, authcore.ModeBearer, ""); err != nil || again.Session.ID != second.Session.ID {
		t.Errorf("a thief's try keeps the owner's other requests from the new session: %v", err)
	}
	if _, err := refresh(t, e, second.Refresh, authcore.ModeBearer, ""); err != nil {
		t.Errorf("a thief's try has harmed the new session: %v", err)
	}
}

func TestReplace_SignOutByTheOldRefreshTokenEndsTheNewSession(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	second := stepUp(t, e, first)
	if err := e.Sessions.EndByRefresh(t.Context(), first.Refresh, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if check(e, second.Session) != authcore.Revoked {
		t.Error("the new session lives on")
	}
	_, err := e.Sessions.Replace(t.Context(), first.Account, first.Session.ID, []string{"pwd"}, session.Request{Mode: authcore.ModeBearer, Client: testflow.Client()})
	testflow.WantCode(t, err, authcore.InvalidToken)
}
