package session_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Refreshed every five minutes a session ends at its cap, to the microsecond, and none of its tokens lasts longer.
func TestT23_AbsoluteLife(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	tokens := e.Person(t, signup.RegisterInput{Email: ada})
	end := tokens.Session.ExpiresAt
	if life := end.Sub(tokens.Session.CreatedAt); life > 90*24*time.Hour || life <= 90*24*time.Hour-time.Second {
		t.Fatalf("a session of %s", life)
	}
	renew := func() {
		t.Helper()
		next, err := refresh(t, e, tokens.Refresh, authcore.ModeBearer, "")
		if err != nil {
			t.Fatalf("%s before the end: %v", end.Sub(e.Clock.Now()), err)
		}
		tokens = next
		if tokens.Principal.ExpiresAt.After(end) || tokens.Session.RefreshExpiresAt.After(end) || !tokens.Session.ExpiresAt.Equal(end) {
			t.Fatalf("%s before the end: access token until %s, refresh token until %s, session until %s, at first %s", end.Sub(e.Clock.Now()),
				tokens.Principal.ExpiresAt, tokens.Session.RefreshExpiresAt, tokens.Session.ExpiresAt, end)
		}
	}
	if !soak.Long() { // the last day of ninety
		for end.Sub(e.Clock.Now()) > 25*time.Hour {
			e.Clock.Advance(24 * time.Hour)
			renew()
		}
	}
	for end.Sub(e.Clock.Now()) > 5*time.Minute {
		e.Clock.Advance(5 * time.Minute)
		renew()
	}
	for _, before := range []time.Duration{time.Second, 500 * time.Millisecond, time.Microsecond} {
		e.Clock.Advance(end.Sub(e.Clock.Now()) - before)
		renew()
	}
	e.Clock.Advance(time.Microsecond)
	_, err := refresh(t, e, tokens.Refresh, authcore.ModeBearer, "")
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
	if list, err := e.Sessions.List(t.Context(), tokens.Account.ID); err != nil || len(list) != 0 {
		t.Errorf("%d sessions (%v) are listed as live", len(list), err)
	}
}

// Whenever within a second a session begins, and whenever within one it is renewed, no access token outlives it.
func TestS10_NoAccessTokenOutlivesItsSession(t *testing.T) {
	t.Parallel()
	for _, mode := range []authcore.Mode{authcore.ModeBearer, authcore.ModeCookie} {
		for _, begin := range []time.Duration{0, time.Microsecond, 400 * time.Millisecond, 999_999 * time.Microsecond} {
			e := testflow.New(t, testflow.Options{})
			e.Clock.Advance(begin)
			first := e.Person(t, signup.RegisterInput{Email: ada})
			tokens, end := first, first.Session.ExpiresAt
			for _, before := range []time.Duration{62 * 24 * time.Hour, 33 * 24 * time.Hour, 4 * 24 * time.Hour, 5 * time.Minute, 3 * time.Second, 900 * time.Millisecond, 300 * time.Millisecond, time.Microsecond} {
				e.Clock.Advance(end.Sub(e.Clock.Now()) - before)
				next, err := refresh(t, e, tokens.Refresh, mode, "")
				if err != nil {
					t.Fatalf("%s before the end: %v", before, err)
				}
				if over := next.Principal.ExpiresAt.Sub(end); over > 0 || next.ExpiresIn > before {
					t.Errorf("begun at .%06d, %s before the end: an access token for %s outlives it by %s", begin.Microseconds(), before, next.ExpiresIn, over)
				}
				tokens = next
			}
		}
	}
}

// A session that nobody renews ends with its refresh token, to the microsecond.
func TestS10_Idle(t *testing.T) {
	t.Parallel()
	const idle = 30 * 24 * time.Hour
	for _, late := range []bool{false, true} {
		e := testflow.New(t, testflow.Options{})
		tokens := e.Person(t, signup.RegisterInput{Email: ada})
		e.Clock.Advance(idle - time.Microsecond)
		next, err := refresh(t, e, tokens.Refresh, authcore.ModeBearer, "")
		if err != nil {
			t.Fatalf("a microsecond before the end: %v", err)
		}
		if late {
			e.Clock.Advance(idle)
			_, err = refresh(t, e, next.Refresh, authcore.ModeBearer, "")
			testflow.WantCode(t, err, authcore.InvalidRefreshToken)
			if revoked(e, next.Session) {
				t.Error("an idle session was taken for a stolen one")
			}
		} else if !next.Session.RefreshExpiresAt.Equal(e.Clock.Now().Add(idle)) {
			t.Errorf("renewed until %s, want %s", next.Session.RefreshExpiresAt, e.Clock.Now().Add(idle))
		}
	}
}
