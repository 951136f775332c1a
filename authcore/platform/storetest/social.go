package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

func aStart(state, browser string) authcore.SocialStart {
	return authcore.SocialStart{ID: uuid.Must(uuid.NewV7()), State: sum(state), Browser: sum(browser), Provider: "acme", Sealed: []byte("sealed " + state),
		CreatedAt: start, ExpiresAt: start.Add(10 * time.Minute)}
}

func startOnce(t *testing.T, s Store) {
	st := aStart("state", "browser")
	st.AccountID, st.SessionID = uuid.New(), uuid.New()
	must(t, s.SaveSocialStart(t.Context(), st))
	for _, wrong := range [][3]string{{"other", "browser", "acme"}, {"state", "other", "acme"}, {"state", "browser", "other"}} {
		_, err := s.TakeSocialStart(t.Context(), sum(wrong[0]), sum(wrong[1]), wrong[2], start)
		wants(t, err, authcore.ErrNotFound)
	}
	_, err := s.TakeSocialStart(t.Context(), st.State, st.Browser, "acme", st.ExpiresAt)
	wants(t, err, authcore.ErrNotFound)
	got, err := s.TakeSocialStart(t.Context(), st.State, st.Browser, "acme", start)
	if must(t, err); fmt.Sprint(got) != fmt.Sprint(st) {
		t.Errorf("%+v, want %+v", got, st)
	}
	_, err = s.TakeSocialStart(t.Context(), st.State, st.Browser, "acme", start)
	wants(t, err, authcore.ErrNotFound)
}

func startRace(t *testing.T, s Store) {
	st := aStart("state", "browser")
	must(t, s.SaveSocialStart(t.Context(), st))
	counts := countErrors(t, atOnce(100, func(int) error {
		_, err := s.TakeSocialStart(t.Context(), st.State, st.Browser, "acme", start)
		return err
	}))
	if counts[nil] != 1 {
		t.Errorf("%v, want one", counts)
	}
}

func aSocialToken(token string) authcore.SocialToken {
	return authcore.SocialToken{ID: uuid.Must(uuid.NewV7()), Token: sum(token), Mode: authcore.ModeCookie, Sealed: []byte("sealed"), CreatedAt: start,
		ExpiresAt: start.Add(10 * time.Minute)}
}

func socialTokens(t *testing.T, s Store) {
	was := aSocialToken("token")
	must(t, s.SaveSocialToken(t.Context(), was))
	_, err := s.SocialToken(t.Context(), was.ID, sum("other"), start)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.SocialToken(t.Context(), was.ID, was.Token, was.ExpiresAt)
	wants(t, err, authcore.ErrNotFound)
	next := was
	next.Sealed, next.ExpiresAt = []byte("next"), start.Add(time.Hour)
	ch := issued(t, s, aChallenge(authcore.PurposeProvider, "subject", "1"))
	counts := countErrors(t, atOnce(100, func(int) error { return s.ChangeSocialToken(t.Context(), was, next, ch.ID, start) }))
	if counts[nil] != 1 {
		t.Errorf("%v, want one", counts)
	}
	got, err := s.SocialToken(t.Context(), was.ID, was.Token, start.Add(30*time.Minute))
	if must(t, err); string(got.Sealed) != "next" || got.Mode != authcore.ModeCookie {
		t.Errorf("%+v", got)
	}
	wants(t, s.ChangeSocialToken(t.Context(), was, next, uuid.Nil, start), authcore.ErrNotFound)
	must(t, s.ChangeSocialToken(t.Context(), next, was, uuid.Nil, start))
}

func usedTokenRace(t *testing.T, s Store) {
	win(t, 1, authcore.ErrUsed, atOnce(100, func(int) error { return s.UseToken(t.Context(), sum("token"), start) }))
}

// byProvider opens a session of a subject and a session at the provider.
func byProvider(t testing.TB, s Store, a authcore.Account, subject, sid string) authcore.Session {
	t.Helper()
	o := anOpening(a, subject+sid, "")
	o.Provider = &authcore.ProviderSession{Provider: "acme", Issuer: issuer, Subject: subject, SID: sid}
	return opened(t, s, o)
}

func providerLogout(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	one := byProvider(t, s, ada, "1", "a")
	byProvider(t, s, ada, "1", "b")
	byProvider(t, s, ada, "1", "")
	byProvider(t, s, bob, "2", "c")
	opened(t, s, anOpening(ada, "by password", ""))
	left := func(a authcore.Account) int {
		list, err := s.Sessions(t.Context(), a.ID, start)
		must(t, err)
		return len(list)
	}
	end := func(issuer, subject, sid, once string) int {
		t.Helper()
		n, err := s.EndProviderSessions(t.Context(), authcore.ProviderLogout{Issuer: issuer, Subject: subject, SID: sid, Once: sum(once), OnceUntil: start,
			Event: anEvent(authcore.EventProviderLoggedOut, start), Now: start})
		must(t, err)
		return n
	}
	if n := end(issuer+"/", "1", "", "1") + end(issuer, "9", "", "2") + end(issuer, "2", "a", "3"); n != 0 {
		t.Errorf("%d sessions of others ended", n)
	}
	if n := end(issuer, "", "a", "4"); n != 1 || left(ada) != 3 || left(bob) != 1 {
		t.Errorf("%d ended, %d and %d left", n, left(ada), left(bob))
	}
	revoked, err := s.LiveRevocations(t.Context(), 0, start)
	if must(t, err); len(revoked) != 1 || revoked[0].SessionID != one.ID {
		t.Errorf("%+v", revoked)
	}
	if n := end(issuer, "1", "", "5"); n != 2 || left(ada) != 1 || left(bob) != 1 {
		t.Errorf("%d ended, %d and %d left", n, left(ada), left(bob))
	}
	_, err = s.EndProviderSessions(t.Context(), authcore.ProviderLogout{Issuer: issuer, Subject: "2", Once: sum("5"), OnceUntil: start, Now: start})
	if wants(t, err, authcore.ErrUsed); left(bob) != 1 {
		t.Error("a token that was taken before ended a session")
	}
}

func providerStepUp(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	old := byProvider(t, s, a, "1", "a")
	sess := aSession(a, "stepped up")
	_, err := s.ReplaceSession(t.Context(), authcore.Replacement{Old: old.ID, Session: sess, ShortEnd: sess.ExpiresAt, Sealed: []byte("x"), Leeway: leeway})
	must(t, err)
	n, err := s.EndProviderSessions(t.Context(), authcore.ProviderLogout{Issuer: issuer, Subject: "1", SID: "a", Once: sum("1"), OnceUntil: start,
		Event: anEvent(authcore.EventProviderLoggedOut, start), Now: start})
	if must(t, err); n != 1 {
		t.Errorf("%d ended, want the one in its place", n)
	}
}

// waitsByProvider keeps a sign-in that a provider has begun and that waits for its second step.
func waitsByProvider(t testing.TB, s Store, a authcore.Account, subject, sid string) authcore.PendingSignIn {
	t.Helper()
	p := aPending(a, subject+sid)
	p.Provider = &authcore.ProviderSession{Provider: "acme", Issuer: issuer, Subject: subject, SID: sid}
	must(t, s.SavePending(t.Context(), p, authcore.Effects{}))
	return p
}

// secondStep opens the session of a sign-in that waits.
func secondStep(t testing.TB, s Store, a authcore.Account, p authcore.PendingSignIn) error {
	o := anOpening(a, "second step "+p.ID.String(), "")
	o.Pending, o.Provider = p.ID, p.Provider
	_, err := s.OpenSession(t.Context(), o)
	return err
}

func logout(subject, sid string) authcore.ProviderLogout {
	return authcore.ProviderLogout{Issuer: issuer, Subject: subject, SID: sid, Once: sum(uuid.NewString()), OnceUntil: start,
		Event: anEvent(authcore.EventProviderLoggedOut, start), Now: start}
}

func providerEndsWaiting(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	one, two, three := waitsByProvider(t, s, a, "1", "a"), waitsByProvider(t, s, a, "1", "b"), waitsByProvider(t, s, a, "2", "c")
	lacking := func(subject, sid string) authcore.SocialToken {
		tok := aSocialToken(subject + sid)
		tok.By = *one.Provider
		tok.By.Subject, tok.By.SID = subject, sid
		must(t, s.SaveSocialToken(t.Context(), tok))
		return tok
	}
	kept := func(tok authcore.SocialToken) error {
		_, err := s.SocialToken(t.Context(), tok.ID, tok.Token, start)
		return err
	}
	four, five := lacking("1", "a"), lacking("2", "c")
	n, err := s.EndProviderSessions(t.Context(), logout("", "a"))
	if must(t, err); n != 0 {
		t.Errorf("%d sessions ended", n)
	}
	wants(t, kept(four), authcore.ErrNotFound)
	must(t, kept(five))
	wants(t, secondStep(t, s, a, one), authcore.ErrNotFound)
	must(t, secondStep(t, s, a, two))
	if n, err = s.EndProviderSessions(t.Context(), logout("", "b")); err != nil || n != 1 {
		t.Errorf("%d ended (%v), want the session that had waited", n, err)
	}
	_, err = s.EndProviderSessions(t.Context(), logout("1", ""))
	must(t, err)
	must(t, finding(t, s, three, "2c", 0))
	must(t, s.EndConnection(t.Context(), ending("2", "once")))
	wants(t, finding(t, s, three, "2c", 0), authcore.ErrNotFound)
	wants(t, kept(five), authcore.ErrNotFound)
}

func providerLogoutRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	waiting := make([]authcore.PendingSignIn, 50)
	for i := range waiting {
		waiting[i] = waitsByProvider(t, s, a, "1", fmt.Sprint("sid", i))
	}
	counts := countErrors(t, atOnce(100, func(i int) error {
		if i%2 == 0 {
			return secondStep(t, s, a, waiting[i/2])
		}
		_, err := s.EndProviderSessions(t.Context(), logout("", waiting[i/2].Provider.SID))
		return err
	}))
	if counts[nil] < 50 {
		t.Errorf("%v", counts)
	}
	if list, err := s.Sessions(t.Context(), a.ID, start); err != nil || len(list) != 0 {
		t.Errorf("%d sessions are left (%v)", len(list), err)
	}
}
