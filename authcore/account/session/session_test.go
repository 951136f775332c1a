package session_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const ada = "ada@example.com"

func refresh(t *testing.T, e *testflow.Env, token string, mode authcore.Mode, agent string) (session.Tokens, error) {
	t.Helper()
	c := testflow.Client()
	if agent != "" {
		c.UserAgent = agent
	}
	return e.Sessions.Refresh(t.Context(), token, mode, c)
}

func revoked(e *testflow.Env, s authcore.Session) bool {
	return e.Revoked.Check(s.ID, s.AccountID, s.AccountEpoch, 0) == authcore.Revoked
}

// A refresh token that comes back after its leeway is theft: the family and its access tokens die, and the owner is told.
func TestT15_ReplayEndsTheSession(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	second, err := refresh(t, e, first.Refresh, authcore.ModeBearer, "")
	if err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(session.Leeway + time.Second)
	_, err = refresh(t, e, first.Refresh, authcore.ModeBearer, "")
	testflow.WantCode(t, err, authcore.RefreshTokenReused)
	if !revoked(e, first.Session) {
		t.Error("access tokens of the family are still accepted")
	}
	_, err = refresh(t, e, second.Refresh, authcore.ModeBearer, "")
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
	e.Mail(t, ada, authcore.MailSessionRevoked)
}

// All of a hundred callers with one token get one successor; with it exactly one of them goes on.
func TestT16_BurstGetsOneSuccessor(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	var wg sync.WaitGroup
	got := make([]string, 100)
	for i := range got {
		wg.Go(func() {
			// Another user agent per half would be another client; here all are one.
			tokens, err := refresh(t, e, first.Refresh, authcore.ModeBearer, "")
			if err != nil {
				t.Errorf("caller %d: %v", i, err)
				return
			}
			got[i] = tokens.Refresh
		})
	}
	wg.Wait()
	for i := range got {
		if got[i] != got[0] {
			t.Fatalf("caller %d got another successor than caller 0", i)
		}
	}
	if _, err := refresh(t, e, got[0], authcore.ModeBearer, ""); err != nil {
		t.Errorf("the successor does not work: %v", err)
	}
}

// Within the leeway only the same kind of client is forgiven, and only while the successor is unused.
func TestT22_LeewayIsNarrow(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]func(t *testing.T, e *testflow.Env, first, second session.Tokens) error{
		"successor used": func(t *testing.T, e *testflow.Env, first, second session.Tokens) error {
			if _, err := refresh(t, e, second.Refresh, authcore.ModeBearer, ""); err != nil {
				t.Fatal(err)
			}
			_, err := refresh(t, e, first.Refresh, authcore.ModeBearer, "")
			return err
		},
		"other user agent": func(t *testing.T, e *testflow.Env, first, _ session.Tokens) error {
			_, err := refresh(t, e, first.Refresh, authcore.ModeBearer, "somebody else")
			return err
		},
		"other mode": func(t *testing.T, e *testflow.Env, first, _ session.Tokens) error {
			_, err := refresh(t, e, first.Refresh, authcore.ModeCookie, "")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := testflow.New(t, testflow.Options{})
			first := e.Person(t, signup.RegisterInput{Email: ada})
			second, err := refresh(t, e, first.Refresh, authcore.ModeBearer, "")
			if err != nil {
				t.Fatal(err)
			}
			testflow.WantCode(t, again(t, e, first, second), authcore.RefreshTokenReused)
			if !revoked(e, first.Session) {
				t.Error("the session lives on")
			}
		})
	}
}

func TestRefresh_LostAnswerYieldsTheSameSuccessor(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	second, err := refresh(t, e, first.Refresh, authcore.ModeBearer, "")
	if err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(session.Leeway - time.Millisecond)
	again, err := refresh(t, e, first.Refresh, authcore.ModeBearer, "")
	if err != nil || again.Refresh != second.Refresh || again.Session.ID != second.Session.ID {
		t.Errorf("got another successor or session, error %v", err)
	}
}

// Somebody who knows a session's id cannot make up an old token of it and have the session ended.
func TestRefresh_ForgedTokensEndNothing(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	for _, forged := range []string{
		"", "ghr_", first.Refresh[:len(first.Refresh)-1], first.Refresh + "A", "ghr_" + strings.Repeat("A", len(first.Refresh)-4),
		first.Refresh[:30] + strings.Repeat("A", len(first.Refresh)-30), first.Access,
	} {
		_, err := refresh(t, e, forged, authcore.ModeBearer, "")
		testflow.WantCode(t, err, authcore.InvalidRefreshToken)
	}
	if _, err := refresh(t, e, first.Refresh, authcore.ModeBearer, ""); err != nil {
		t.Errorf("the session was ended by a forgery: %v", err)
	}
}

// A session ends at its absolute lifetime however often it was renewed, and no access token outlives it.
func TestRefresh_StopsAtTheAbsoluteEnd(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	tokens := e.Person(t, signup.RegisterInput{Email: ada})
	end := tokens.Session.ExpiresAt
	for {
		step := min(20*24*time.Hour, end.Sub(e.Clock.Now())-time.Millisecond)
		if step <= 0 {
			break
		}
		e.Clock.Advance(step)
		next, err := refresh(t, e, tokens.Refresh, authcore.ModeBearer, "")
		if err != nil {
			t.Fatalf("%v before the end: %v", end.Sub(e.Clock.Now()), err)
		}
		if next.Principal.ExpiresAt.After(end.Add(time.Second)) {
			t.Errorf("access token until %v, session until %v", next.Principal.ExpiresAt, end)
		}
		tokens = next
	}
	e.Clock.Advance(time.Millisecond)
	_, err := refresh(t, e, tokens.Refresh, authcore.ModeBearer, "")
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
}

// Ending a session takes effect in memory before End returns.
func TestS04_LogoutIsReal(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	tokens := e.Person(t, signup.RegisterInput{Email: ada})
	if err := e.Sessions.End(t.Context(), &tokens.Principal, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if !revoked(e, tokens.Session) {
		t.Error("access tokens are still accepted")
	}
	_, err := refresh(t, e, tokens.Refresh, authcore.ModeBearer, "")
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
	if err := e.Sessions.End(t.Context(), &tokens.Principal, testflow.Client()); err != nil {
		t.Errorf("ending twice: %v", err)
	}
	if err := e.Sessions.EndByRefresh(t.Context(), "junk", testflow.Client()); err != nil {
		t.Errorf("ending by junk: %v", err)
	}
}

// Who lost the answer of a refresh and signs out with the token from before it is signed out.
func TestS04_LogoutByAReplacedToken(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	first := e.Person(t, signup.RegisterInput{Email: ada})
	second, err := refresh(t, e, first.Refresh, authcore.ModeBearer, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Sessions.EndByRefresh(t.Context(), first.Refresh, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if !revoked(e, first.Session) {
		t.Error("access tokens are still accepted")
	}
	_, err = refresh(t, e, second.Refresh, authcore.ModeBearer, "")
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
}

func TestS06_ForeignSessionsStay(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	mine := e.Person(t, signup.RegisterInput{Email: ada})
	theirs := e.Person(t, signup.RegisterInput{Email: "bob@example.com"})
	n, err := e.Sessions.Revoke(t.Context(), mine.Account.ID, []uuid.UUID{theirs.Session.ID}, false, testflow.Client())
	if err != nil || n != 0 || revoked(e, theirs.Session) {
		t.Errorf("revoked %d sessions of somebody else, error %v", n, err)
	}
}

// A cookie must fit into a browser also for an account with as many roles as there may be.
func TestB01_CookieFitsTheLargestAccount(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	tokens := e.Person(t, signup.RegisterInput{Email: ada})
	account := tokens.Account
	account.Email = strings.Repeat("a", 64) + "@" + strings.Repeat("b", 180) + ".example"
	account.Username = strings.Repeat("u", 32)
	account.FirstName, account.LastName = strings.Repeat("é", 100), strings.Repeat("字", 100)
	for range 32 {
		account.Roles = append(account.Roles, strings.Repeat("r", 60))
	}
	r := testflow.Request()
	r.Mode = authcore.ModeCookie
	sess, token, err := e.Sessions.Prepare(account, r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Sessions.Grant(account, sess, token, r.Client)
	if err != nil {
		t.Fatal(err)
	}
	if len("__Host-gatehouse=")+len(got.Access) > 4096 {
		t.Errorf("the access cookie has %d bytes", len(got.Access))
	}
}

// The leeway is the operator's, to the millisecond, while the sealed successor is there; a browser that is renewed in the
// middle of a request has ten seconds at the least.
func TestRefresh_LeewayOfTheOperator(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set, refresh, renew time.Duration
	}{
		{0, 10 * time.Second, 10 * time.Second},
		{time.Second, time.Second, 10 * time.Second},
		{session.MaxLeeway, session.MaxLeeway, session.MaxLeeway},
	} {
		for _, renews := range []bool{false, true} {
			for _, late := range []bool{false, true} {
				e := testflow.New(t, testflow.Options{Leeway: c.set})
				e.Person(t, signup.RegisterInput{Email: ada})
				first, err := testflow.Tokens(e.SignIn.Password(t.Context(), signin.Input{Login: ada, Password: testflow.Password,
					Request: session.Request{Mode: authcore.ModeCookie, Client: testflow.Client()}}))
				if err != nil {
					t.Fatal(err)
				}
				second, err := refresh(t, e, first.Refresh, authcore.ModeCookie, "")
				if err != nil {
					t.Fatal(err)
				}
				life, again := c.refresh, func() (session.Tokens, error) { return refresh(t, e, first.Refresh, authcore.ModeCookie, "") }
				if renews {
					life, again = c.renew, func() (session.Tokens, error) {
						return e.Sessions.Renew(t.Context(), first.Refresh, testflow.Client())
					}
				}
				e.Clock.Advance(life - time.Millisecond)
				if late {
					e.Clock.Advance(time.Millisecond)
				}
				if err := e.Store.Sweep(t.Context(), e.Clock.Now()); err != nil {
					t.Fatal(err)
				}
				got, err := again()
				if late {
					testflow.WantCode(t, err, authcore.RefreshTokenReused)
				} else if err != nil || got.Refresh != second.Refresh {
					t.Errorf("leeway %s, in place %t: another successor or %v", c.set, renews, err)
				}
				if late {
					continue
				}
				// What is written of the session covers every token that it can yield: its revocation is kept as long.
				ended, err := e.Store.RevokeSessions(t.Context(), got.Account.ID, []uuid.UUID{got.Session.ID}, false, e.Clock.Now(), authcore.Effects{})
				if err != nil || len(ended) != 1 || ended[0].Until.Before(got.Principal.ExpiresAt) {
					t.Errorf("a token lives until %s, the revocation is %+v (%v)", got.Principal.ExpiresAt, ended, err)
				}
			}
		}
	}
}
