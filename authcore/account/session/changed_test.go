package session_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

var short = session.Lifetimes{Access: time.Minute, Refresh: 10 * time.Minute, Session: 20 * time.Minute}

// A lifetime that is shortened and lengthened again revives nothing: what was over stays over, and what was issued before keeps its end.
func TestS10_ShortenedAndLengthenedRevivesNothing(t *testing.T) {
	t.Parallel()
	for what, after := range map[string]time.Duration{"idle": short.Refresh, "absolute": short.Session} {
		e := testflow.New(t, testflow.Options{})
		long, before := e.Lifetimes, e.Person(t, signup.RegisterInput{Email: "before@example.com"})
		e.Lifetimes = short
		tokens := e.Person(t, signup.RegisterInput{Email: ada})
		if tokens.ExpiresIn != time.Minute || tokens.RefreshExpiresIn != 10*time.Minute {
			t.Fatalf("issued for %s and %s", tokens.ExpiresIn, tokens.RefreshExpiresIn)
		}
		end := e.Clock.Now().Add(after)
		for e.Clock.Now().Add(5*time.Minute).Before(end) && what == "absolute" {
			e.Clock.Advance(5 * time.Minute)
			next, err := refresh(t, e, tokens.Refresh, authcore.ModeBearer, "")
			if err != nil {
				t.Fatal(err)
			}
			tokens = next
		}
		e.Clock.Advance(end.Sub(e.Clock.Now()))
		e.Lifetimes = long
		_, err := refresh(t, e, tokens.Refresh, authcore.ModeBearer, "")
		testflow.WantCode(t, err, authcore.InvalidRefreshToken)
		if list, err := e.Sessions.List(t.Context(), tokens.Account.ID); err != nil || len(list) != 0 {
			t.Errorf("%s: %d sessions are live (%v)", what, len(list), err)
		}
		next, err := refresh(t, e, before.Refresh, authcore.ModeBearer, "")
		if err != nil || !next.Session.ExpiresAt.Equal(before.Session.ExpiresAt) {
			t.Errorf("%s: the session from before ends at %s, at first %s (%v)", what, next.Session.ExpiresAt, before.Session.ExpiresAt, err)
		}
	}
}

// S07: a revocation is kept until the last token of its session has expired, so no token outlives what is recorded of the session,
// although the lifetime has become longer between the change and the token: a repeated answer is signed anew.
func TestS07_NoTokenOutlivesTheRecordedEnd(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Lifetimes.Access = short.Access
	tokens := e.Person(t, signup.RegisterInput{Email: ada})
	if _, err := refresh(t, e, tokens.Refresh, authcore.ModeBearer, ""); err != nil {
		t.Fatal(err)
	}
	e.Lifetimes.Access = time.Hour
	repeated, err := refresh(t, e, tokens.Refresh, authcore.ModeBearer, "")
	if err != nil {
		t.Fatal(err)
	}
	if until := e.Clock.Now().Add(short.Access + session.MaxLeeway + 15*time.Second); repeated.Principal.ExpiresAt.After(until) {
		t.Errorf("a token until %s, but revocations of the session are kept until %s", repeated.Principal.ExpiresAt, until)
	}
	e.Clock.Advance(session.Leeway)
	next, err := refresh(t, e, repeated.Refresh, authcore.ModeBearer, "")
	if err != nil || next.ExpiresIn != time.Hour {
		t.Errorf("a new token for %s, want an hour (%v)", next.ExpiresIn, err)
	}
}
