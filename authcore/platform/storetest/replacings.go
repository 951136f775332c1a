package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var replacings = []promise{
	{"S03 a step-up puts a session of its own in place of the old one, with its name, device and child sessions", replaceOnce},
	{"a session that is not to be remembered stays so", replaceShort},
	{"the old refresh token yields the new session to the same client for the leeway, and ends nothing after it", replaceLeeway},
	{"so does the token before it, where a refresh would still forgive it", replaceEarlier},
	{"of 100 step-ups of one session one replaces it", replaceRace},
	{"S03 100 finish one pending step-up: one session, and the step-up is gone", replacePending},
	{"a pending step-up dies with its session", stepUpDies},
	{"what cannot be replaced", replaceRefused},
	{"100 refreshes beside a step-up: none counts as a reuse", replaceBesideRefresh},
	{"no child session is left behind by a step-up beside a hand-over", replaceBesideHandover},
	{"whoever ends a session that was replaced ends the one in its place", replaceOwner},
}

// aReplacement is a step-up some time after the start. The new session's refresh token is named.
func aReplacement(old authcore.Session, refresh string, after time.Duration) authcore.Replacement {
	a := authcore.Account{ID: old.AccountID, Epoch: old.AccountEpoch}
	sess, now := aSession(a, refresh), start.Add(after)
	sess.DeviceName, sess.AMR = "", []string{"pwd", "otp", "mfa"}
	sess.AuthTime, sess.CreatedAt, sess.LastSeenAt = now, now, now
	r := authcore.Replacement{Old: old.ID, Session: sess, ShortEnd: now.Add(12 * time.Hour), Sealed: []byte("sealed " + refresh), Leeway: leeway}
	r.Effects.Events = []authcore.Event{anEvent(authcore.EventSteppedUp, now)}
	r.Effects.Events[0].AccountID, r.Effects.Events[0].SessionID = a.ID, sess.ID
	return r
}

func replaced(t testing.TB, s Store, r authcore.Replacement) authcore.Session {
	t.Helper()
	sess, err := s.ReplaceSession(t.Context(), r)
	must(t, err)
	return sess
}

func replaceOnce(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	old := opened(t, s, anOpening(a, "1", "phone"))
	child := withChild(t, s, old, "first")
	apart := withSession(t, s, a, "apart")
	r := aReplacement(old, "2", time.Minute)
	got := replaced(t, s, r)
	want := r.Session
	want.DeviceName, want.DeviceID = old.DeviceName, old.DeviceID
	if diff := cmp.Diff(want, got, unnumbered); diff != "" || want.DeviceID == uuid.Nil || want.DeviceName == "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	stored, _, err := s.SessionByRefresh(t.Context(), got.ID, got.RefreshDigest, start)
	must(t, err)
	if diff := cmp.Diff(want, stored, unnumbered); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	_, _, err = s.SessionByRefresh(t.Context(), old.ID, old.RefreshDigest, start)
	wants(t, err, authcore.ErrNotFound)
	revs := liveRevocations(t, s, start)
	if len(revs) != 1 || revs[0].SessionID != old.ID || revs[0].RolesVersion != authcore.SessionReplaced || !revs[0].Until.Equal(old.AccessUntil) {
		t.Errorf("revocations %+v, want one of the old session, as replaced", revs)
	}
	lives(t, s, apart)
	moved, _, err := s.SessionByRefresh(t.Context(), child.ID, child.RefreshDigest, start)
	must(t, err)
	if moved.ParentID != got.ID || !moved.AuthTime.Equal(child.AuthTime) {
		t.Errorf("the child session hangs on %s with auth_time %v, want %s and that of before", moved.ParentID, moved.AuthTime, got.ID)
	}
	revs, err = s.RevokeFamily(t.Context(), a.ID, child.ID, start.Add(time.Minute), authcore.Effects{})
	must(t, err)
	if len(revs) != 2 {
		t.Errorf("the family ended by %v, want the new session and its child session", revs)
	}
}

func replaceShort(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	old := aSession(a, "1")
	old.ShortLived = true
	must(t, openPlain(t.Context(), s, old, authcore.Effects{}))
	r := aReplacement(old, "2", time.Minute)
	got := replaced(t, s, r)
	if !got.ShortLived || !got.ExpiresAt.Equal(r.ShortEnd) || !got.RefreshExpiresAt.Equal(r.ShortEnd) {
		t.Errorf("short-lived %v until %v and %v, want %v", got.ShortLived, got.ExpiresAt, got.RefreshExpiresAt, r.ShortEnd)
	}
}

func replaceLeeway(t *testing.T, s Store) {
	_, old := signedIn(t, s)
	got := replaced(t, s, aReplacement(old, "2", 0))
	present := func(what string, after time.Duration, change func(*authcore.Rotation)) (authcore.RotationResult, error) {
		r := rotation(old, "1", what, after)
		change(&r)
		return s.RotateRefresh(t.Context(), r)
	}
	same := func(*authcore.Rotation) {}
	yields := func(what string, after time.Duration) {
		t.Helper()
		res, err := present(what, after, same)
		must(t, err)
		if res.Outcome != authcore.Superseded || res.Session.ID != got.ID || string(res.SealedSuccessor) != "sealed 2" || res.Account.ID != old.AccountID {
			t.Errorf("%s: outcome %d, session %s, %q", what, res.Outcome, res.Session.ID, res.SealedSuccessor)
		}
	}
	otherwise := func(what string, after time.Duration, want error, change func(*authcore.Rotation)) {
		t.Helper()
		if res, err := present(what, after, change); err == nil {
			t.Errorf("%s: outcome %d", what, res.Outcome)
		} else {
			wants(t, err, want)
		}
	}
	refused := func(what string, after time.Duration, change func(*authcore.Rotation)) {
		t.Helper()
		otherwise(what, after, authcore.ErrNotFound, change)
	}
	yields("at once", 0)
	yields("again", time.Second)
	otherwise("another user agent", time.Second, authcore.ErrOtherOrigin, func(r *authcore.Rotation) { r.UserAgent = "thief" })
	otherwise("another mode", time.Second, authcore.ErrOtherOrigin, func(r *authcore.Rotation) { r.Mode = authcore.ModeCookie })
	refused("another token of the session", time.Second, func(r *authcore.Rotation) { r.Token = sum("0") })
	yields("just before the end", leeway-time.Microsecond)
	refused("at the end", leeway, same)
	refused("an hour later", time.Hour, same)
	lives(t, s, got)
	if revs := liveRevocations(t, s, start); len(revs) != 1 {
		t.Errorf("revocations %+v, want that of the step-up alone", revs)
	}
	// What waits sealed is erased once nobody may have it, and gone with the session that it opens.
	must(t, s.Sweep(t.Context(), start.Add(leeway)))
	refused("erased, by a clock that is behind", time.Second, same)
	next := replaced(t, s, aReplacement(got, "3", time.Minute))
	_, err := s.RevokeSessions(t.Context(), next.AccountID, idList(next), false, start.Add(time.Minute), authcore.Effects{})
	must(t, err)
	_, err = s.RotateRefresh(t.Context(), rotation(got, "2", "x", time.Minute+time.Second))
	wants(t, err, authcore.ErrNotFound)
}

func replaceEarlier(t *testing.T, s Store) {
	for what, row := range map[string]struct {
		after time.Duration // from the refresh to the step-up
		want  bool
	}{"a moment": {leeway - time.Second, true}, "too long": {leeway, false}} {
		a := withAccount(t, s, "a"+uuid.NewString()[:8])
		old := withSession(t, s, a, "1")
		rotate(t, s, rotation(old, "1", "2", 0), authcore.Rotated)
		replaced(t, s, aReplacement(old, "3", row.after))
		for _, token := range []string{"2", "1"} {
			res, err := s.RotateRefresh(t.Context(), rotation(old, token, "x", row.after+time.Second))
			if yields := err == nil && res.Outcome == authcore.Superseded; yields != (row.want || token == "2") {
				t.Errorf("%s after the refresh, token %s: outcome %d (%v)", what, token, res.Outcome, err)
			}
		}
	}
}

func replaceRace(t *testing.T, s Store) {
	a, old := signedIn(t, s)
	counts := countErrors(t, atOnce(100, func(i int) error {
		_, err := s.ReplaceSession(t.Context(), aReplacement(old, fmt.Sprint("next ", i), time.Second))
		return err
	}))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Errorf("%v, want one to replace it", counts)
	}
	if list, err := s.Sessions(t.Context(), a.ID, start); err != nil || len(list) != 1 {
		t.Errorf("%d sessions (%v), want one", len(list), err)
	}
}

// withStepUp is a step-up that waits.
func withStepUp(t testing.TB, s Store, a authcore.Account, of authcore.Session, token string) authcore.PendingSignIn {
	t.Helper()
	p := aPending(a, token)
	p.SessionID = of.ID
	must(t, s.SavePending(t.Context(), p, authcore.Effects{}))
	return p
}

func replacePending(t *testing.T, s Store) {
	a, old := signedIn(t, s)
	p := withStepUp(t, s, a, old, "token")
	try := func(of authcore.PendingSignIn, refresh string) error {
		r := aReplacement(old, refresh, time.Second)
		r.Pending = of.ID
		_, err := s.ReplaceSession(t.Context(), r)
		return err
	}
	foreign := withStepUp(t, s, withAccount(t, s, "bob"), old, "foreign") // O13
	wants(t, try(foreign, "0"), authcore.ErrNotFound)
	counts := countErrors(t, atOnce(100, func(i int) error { return try(p, fmt.Sprint("next ", i)) }))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Errorf("%v, want one to finish it", counts)
	}
	list, err := s.Sessions(t.Context(), a.ID, start)
	if must(t, err); len(list) != 1 || list[0].ID == old.ID {
		t.Fatalf("live sessions %+v, want the one in its place", list)
	}
	wants(t, finding(t, s, p, "token", time.Second), authcore.ErrNotFound)
	r := aReplacement(list[0], "again", time.Minute)
	r.Pending = p.ID
	_, err = s.ReplaceSession(t.Context(), r)
	wants(t, err, authcore.ErrNotFound)
	lives(t, s, list[0])
}

func stepUpDies(t *testing.T, s Store) {
	a, gone := signedIn(t, s)
	p := withStepUp(t, s, a, gone, "gone")
	must(t, finding(t, s, p, "gone", 0))
	_, err := s.RevokeSessions(t.Context(), a.ID, idList(gone), false, start, authcore.Effects{})
	must(t, err)
	wants(t, finding(t, s, p, "gone", 0), authcore.ErrNotFound)
	old := withSession(t, s, a, "old")
	p = withStepUp(t, s, a, old, "replaced")
	replaced(t, s, aReplacement(old, "new", 0))
	wants(t, finding(t, s, p, "replaced", 0), authcore.ErrNotFound)
	bob := withAccount(t, s, "bob")
	wants(t, finding(t, s, withStepUp(t, s, bob, withSession(t, s, a, "ada's"), "bob's"), "bob's", 0), authcore.ErrNotFound) // O13
}

func replaceRefused(t *testing.T, s Store) {
	a, old := signedIn(t, s)
	bob := withAccount(t, s, "bob")
	gone := withSession(t, s, a, "gone")
	_, err := s.RevokeSessions(t.Context(), a.ID, idList(gone), false, start, authcore.Effects{})
	must(t, err)
	for what, r := range map[string]authcore.Replacement{
		"no session":              aReplacement(authcore.Session{ID: uuid.New(), AccountID: a.ID, AccountEpoch: a.Epoch}, "2", 0),
		"another account's":       aReplacement(authcore.Session{ID: old.ID, AccountID: bob.ID, AccountEpoch: bob.Epoch}, "3", 0),
		"of an earlier epoch":     aReplacement(authcore.Session{ID: old.ID, AccountID: a.ID, AccountEpoch: a.Epoch - 1}, "4", 0),
		"a child session":         aReplacement(withChild(t, s, old, "first"), "5", 0),
		"one that has ended":      aReplacement(gone, "6", 0),
		"one that has expired":    aReplacement(old, "7", 100*24*time.Hour),
		"one that nobody renewed": aReplacement(old, "8", 40*24*time.Hour),
	} {
		if _, err := s.ReplaceSession(t.Context(), r); err == nil {
			t.Errorf("%s was replaced", what)
		} else {
			wants(t, err, authcore.ErrNotFound)
		}
	}
	lives(t, s, old)
	_, err = s.ChangeDisabled(t.Context(), authcore.Disabling{AccountID: a.ID, Disable: true, Now: start})
	must(t, err)
	_, err = s.ReplaceSession(t.Context(), aReplacement(old, "9", 0))
	wants(t, err, authcore.ErrNotFound)
}

func replaceBesideRefresh(t *testing.T, s Store) {
	a, old := signedIn(t, s)
	outcomes := make([]authcore.RotationOutcome, 100)
	errs := atOnce(len(outcomes), func(i int) error {
		if i == 0 {
			_, err := s.ReplaceSession(t.Context(), aReplacement(old, "heir", time.Second))
			return err
		}
		res, err := s.RotateRefresh(t.Context(), rotation(old, "1", fmt.Sprint("next ", i), time.Second))
		outcomes[i] = res.Outcome
		return err
	})
	for i, err := range errs {
		must(t, err)
		if o := outcomes[i]; i > 0 && o != authcore.Rotated && o != authcore.Repeated && o != authcore.Superseded {
			t.Errorf("a refresh beside the step-up: outcome %d", o)
		}
	}
	list, err := s.Sessions(t.Context(), a.ID, start)
	must(t, err)
	if len(list) != 1 || list[0].RefreshDigest != sum("heir") {
		t.Errorf("live sessions %+v, want the one in its place", list)
	}
}

func replaceBesideHandover(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	for i := range 20 {
		old := withSession(t, s, a, fmt.Sprint("old ", i))
		b := asked(t, s, old, uuid.NewString())
		b.Session.RefreshDigest = sum(fmt.Sprint("child ", i))
		var heir authcore.Session
		errs := atOnce(2, func(n int) (err error) {
			if n == 0 {
				heir, err = s.ReplaceSession(t.Context(), aReplacement(old, fmt.Sprint("heir ", i), 0))
				return err
			}
			_, _, err = s.OpenChild(t.Context(), b)
			return err
		})
		must(t, errs[0])
		countErrors(t, errs)
		ended, err := s.RevokeFamily(t.Context(), a.ID, heir.ID, start, authcore.Effects{})
		must(t, err)
		if want := 1 + map[bool]int{true: 1}[errs[1] == nil]; len(ended) != want {
			t.Fatalf("the new session ended with %d of its family, want %d", len(ended), want)
		}
		if list, err := s.Sessions(t.Context(), a.ID, start); err != nil || len(list) != 0 {
			t.Fatalf("%d sessions live on (%v)", len(list), err)
		}
	}
}

func replaceOwner(t *testing.T, s Store) {
	a, old := signedIn(t, s)
	second := replaced(t, s, aReplacement(old, "2", 0))
	third := replaced(t, s, aReplacement(second, "3", time.Second))
	for _, id := range idList(old, second, third) {
		present, owner, err := s.SessionOwner(t.Context(), id)
		if must(t, err); present != third.ID || owner != a.ID {
			t.Errorf("%s is now %s of %s, want %s of %s", id, present, owner, third.ID, a.ID)
		}
	}
}
