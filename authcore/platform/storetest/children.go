package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var children = []promise{
	{"a child session has account, parent, methods and ends of the session that is handed over", childOpens},
	{"what a code is bound to, its end and its session's end", childRefused},
	{"of 100 that redeem one code one opens a child session", childRace},
	{"a parent's end is that of its child sessions, a child session's end its own", childEnds},
	{"a family ends whichever of it asks", childFamily},
	{"every session but a child session leaves the child session its parent", childOthers},
	{"a replay at the parent ends its child sessions", childReplay},
	{"a parent that has lapsed ends no child session", childLapsed},
	{"no child session outlives a parent that ends while it is opened", childEndRace},
	{"no child session outlives a family that ends while one of it is handed over", childFamilyRace},
}

const otherHost = "https://app.example.com"

// asked is a code for a child session of the session, and the child session to open with it.
func asked(t testing.TB, s Store, parent authcore.Session, name string) authcore.ChildSession {
	t.Helper()
	ch := aChallenge(authcore.PurposeHandover, parent.ID.String()+" "+otherHost+" "+name, name)
	ch.AccountID, ch.ExpiresAt = parent.AccountID, start.Add(time.Minute)
	issued(t, s, ch)
	sess := aSession(authcore.Account{}, "child session "+name)
	sess.Mode, sess.Origin = authcore.ModeCookie, otherHost
	return authcore.ChildSession{ChallengeID: ch.ID, Token: ch.TokenDigest, Bound: ch.CodeDigest, Origin: otherHost, Session: sess, Now: start,
		Opened: anEvent(authcore.EventHandedOver, start)}
}

func withChild(t testing.TB, s Store, parent authcore.Session, name string) authcore.Session {
	t.Helper()
	sess, _, err := s.OpenChild(t.Context(), asked(t, s, parent, name))
	must(t, err)
	return sess
}

// family is a parent with two child sessions, the second of which hangs on the first's parent.
func family(t testing.TB, s Store) (parent, first, second authcore.Session) {
	t.Helper()
	_, parent = signedIn(t, s)
	first = withChild(t, s, parent, "first")
	return parent, first, withChild(t, s, first, "second")
}

func idList(sessions ...authcore.Session) (ids []uuid.UUID) {
	for _, s := range sessions {
		ids = append(ids, s.ID)
	}
	return ids
}

// ends tests that there is one revocation for each of the sessions, here and for other nodes, and that none is live.
func ends(t testing.TB, s Store, revs []authcore.Revocation, sessions ...authcore.Session) {
	t.Helper()
	var got, stored []uuid.UUID
	for _, r := range revs {
		got = append(got, r.SessionID)
	}
	list, err := s.LiveRevocations(t.Context(), 0, start)
	must(t, err)
	for _, r := range list {
		stored = append(stored, r.SessionID)
	}
	want := idList(sessions...)
	for _, ids := range [][]uuid.UUID{got, stored, want} {
		slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	}
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("revoked (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, stored, unnumbered); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	for _, sess := range sessions {
		_, _, err := s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, start)
		wants(t, err, authcore.ErrNotFound)
	}
}

func lives(t testing.TB, s Store, sess authcore.Session) {
	t.Helper()
	_, _, err := s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, start)
	must(t, err)
}

func childOpens(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	parent := aSession(a, "1")
	parent.ExpiresAt = start.Add(24 * time.Hour)
	parent.RefreshExpiresAt = parent.ExpiresAt
	must(t, openPlain(t.Context(), s, parent, authcore.Effects{}))
	b := asked(t, s, parent, "first")
	got, account, err := s.OpenChild(t.Context(), b)
	must(t, err)
	want := b.Session
	want.AccountID, want.AccountEpoch, want.ParentID = a.ID, a.Epoch, parent.ID
	want.AMR, want.AuthTime, want.DeviceName = parent.AMR, parent.AuthTime, parent.DeviceName
	want.ExpiresAt, want.RefreshExpiresAt = parent.ExpiresAt, parent.ExpiresAt
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("child session (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(a, account, unnumbered); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	stored, _, err := s.SessionByRefresh(t.Context(), want.ID, want.RefreshDigest, start)
	must(t, err)
	if diff := cmp.Diff(want, stored, unnumbered); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if further := withChild(t, s, got, "second"); further.ParentID != parent.ID {
		t.Errorf("a child session of a child session hangs on %s, want the parent %s", further.ParentID, parent.ID)
	}
	list, err := s.Sessions(t.Context(), a.ID, start)
	if must(t, err); len(list) != 3 {
		t.Errorf("%d sessions, want 3", len(list))
	}
	// A refresh leaves a child session what it is.
	r := rotation(got, "child session first", "next", time.Second)
	foreign, program := r, r
	foreign.Origin = "https://wiki.example.net"
	_, err = s.RotateRefresh(t.Context(), foreign)
	wants(t, err, authcore.ErrOtherOrigin)
	program.Mode = authcore.ModeBearer
	_, err = s.RotateRefresh(t.Context(), program)
	wants(t, err, authcore.ErrOtherOrigin)
	rotated := rotate(t, s, r, authcore.Rotated).Session
	after, _, err := s.SessionByRefresh(t.Context(), rotated.ID, r.Next, r.Now)
	if must(t, err); after.ParentID != parent.ID || after.Origin != otherHost || rotated.Origin != otherHost {
		t.Errorf("refreshed, it hangs on %s and is for %q, and is said to be for %q", after.ParentID, after.Origin, rotated.Origin)
	}
	// Nor does the leeway give its successor away at another host: there the token that was replaced is a stolen one.
	rotate(t, s, r, authcore.Repeated)
	rotate(t, s, foreign, authcore.Replayed)
}

func childRefused(t *testing.T, s Store) {
	a, parent := signedIn(t, s)
	good := asked(t, s, parent, "good")
	refused := func(what string, b authcore.ChildSession) {
		t.Helper()
		if _, _, err := s.OpenChild(t.Context(), b); err == nil {
			t.Errorf("%s: a child session was opened", what)
		} else {
			wants(t, err, authcore.ErrNotFound)
		}
	}
	for what, change := range map[string]func(*authcore.ChildSession){
		"another token":      func(b *authcore.ChildSession) { b.Token = sum("other") },
		"at another host":    func(b *authcore.ChildSession) { b.Bound, b.Origin = sum("other"), "https://wiki.example.net" },
		"another challenge":  func(b *authcore.ChildSession) { b.ChallengeID = uuid.New() },
		"at its end":         func(b *authcore.ChildSession) { b.Now = start.Add(time.Minute) },
		"of another purpose": func(b *authcore.ChildSession) { b.ChallengeID = otherPurpose(t, s, *b) },
		"no challenge":       func(b *authcore.ChildSession) { b.ChallengeID = uuid.Nil },
	} {
		b := good
		change(&b)
		refused(what, b)
	}
	// None of that has spent the code.
	_, _, err := s.OpenChild(t.Context(), good)
	must(t, err)
	refused("used", good)

	stolen := asked(t, s, parent, "stolen")
	elsewhere := stolen
	elsewhere.Bound = sum("other")
	refused("from another browser", elsewhere)
	refused("after another browser has shown it", stolen)

	late := asked(t, s, parent, "late")
	_, err = s.RevokeSessions(t.Context(), a.ID, []uuid.UUID{parent.ID}, false, start, authcore.Effects{})
	must(t, err)
	refused("its session ended", late)

	lapsed := aSession(a, "lapsed")
	lapsed.RefreshExpiresAt = start
	must(t, openPlain(t.Context(), s, lapsed, authcore.Effects{}))
	refused("its session lapsed", asked(t, s, lapsed, "lapsed"))

	again := withSession(t, s, a, "again")
	raised := asked(t, s, again, "raised")
	_, _, err = s.ChangePassword(t.Context(), authcore.PasswordChange{AccountID: a.ID, Old: a.PasswordHash, PasswordHash: "new", Now: start})
	must(t, err)
	refused("its account's sessions ended", raised)
}

// otherPurpose is a challenge with the same digests that is for something else.
func otherPurpose(t testing.TB, s Store, b authcore.ChildSession) uuid.UUID {
	t.Helper()
	ch := aChallenge(authcore.PurposeResetPassword, "purpose", "purpose")
	ch.TokenDigest, ch.CodeDigest = b.Token, b.Bound
	return issued(t, s, ch).ID
}

func childRace(t *testing.T, s Store) {
	a, parent := signedIn(t, s)
	b := asked(t, s, parent, "race")
	errs := atOnce(100, func(i int) error {
		mine := b
		mine.Session.ID = uuid.Must(uuid.NewV7())
		mine.Opened = anEvent(authcore.EventHandedOver, start)
		_, _, err := s.OpenChild(t.Context(), mine)
		return err
	})
	if n := countErrors(t, errs); n[nil] != 1 || n[authcore.ErrNotFound] != 99 {
		t.Errorf("outcomes %v, want one child session", n)
	}
	if list, err := s.Sessions(t.Context(), a.ID, start); err != nil || len(list) != 2 {
		t.Errorf("%d sessions (%v), want parent and child session", len(list), err)
	}
}

func childEnds(t *testing.T, s Store) {
	parent, first, second := family(t, s)
	stranger := withSession(t, s, withAccount(t, s, "other"), "stranger")
	apart := withSession(t, s, authcore.Account{ID: parent.AccountID, Epoch: parent.AccountEpoch}, "apart")
	before, err := s.RevokeSessions(t.Context(), parent.AccountID, idList(second), false, start, authcore.Effects{})
	must(t, err)
	ends(t, s, before, second)
	lives(t, s, parent)
	lives(t, s, first)
	revs, err := s.RevokeSessions(t.Context(), parent.AccountID, idList(parent), false, start, authcore.Effects{})
	must(t, err)
	ends(t, s, append(revs, before...), parent, first, second)
	lives(t, s, stranger)
	lives(t, s, apart)
}

func childFamily(t *testing.T, s Store) {
	parent, first, second := family(t, s)
	apart := withSession(t, s, authcore.Account{ID: parent.AccountID, Epoch: parent.AccountEpoch}, "apart")
	stranger := withAccount(t, s, "other")
	for of, want := range map[uuid.UUID]uuid.UUID{parent.ID: parent.ID, first.ID: parent.ID, apart.ID: apart.ID} {
		if got, err := s.SessionFamily(t.Context(), parent.AccountID, of); err != nil || got != want {
			t.Errorf("%s is of %s (%v), want %s", of, got, err, want)
		}
	}
	_, err := s.SessionFamily(t.Context(), stranger.ID, first.ID)
	wants(t, err, authcore.ErrNotFound)
	if revs, err := s.RevokeFamily(t.Context(), stranger.ID, first.ID, start, authcore.Effects{}); err != nil || len(revs) != 0 {
		t.Errorf("a stranger ended %v (%v)", revs, err)
	}
	revs, err := s.RevokeFamily(t.Context(), parent.AccountID, second.ID, start, authcore.Effects{})
	must(t, err)
	ends(t, s, revs, parent, first, second)
	lives(t, s, apart)
	if again, err := s.RevokeFamily(t.Context(), parent.AccountID, parent.ID, start, authcore.Effects{}); err != nil || len(again) != 0 {
		t.Errorf("ended twice: %v (%v)", again, err)
	}
}

func childOthers(t *testing.T, s Store) {
	parent, first, second := family(t, s)
	apart := withSession(t, s, authcore.Account{ID: parent.AccountID, Epoch: parent.AccountEpoch}, "apart")
	revs, err := s.RevokeSessions(t.Context(), parent.AccountID, idList(first), true, start, authcore.Effects{})
	must(t, err)
	ends(t, s, revs, second, apart)
	lives(t, s, parent)
	lives(t, s, first)
}

func childReplay(t *testing.T, s Store) {
	parent, first, second := family(t, s)
	rotate(t, s, rotation(first, "child session first", "f2", 0), authcore.Rotated)
	rotate(t, s, rotation(first, "child session first", "f3", time.Hour), authcore.Replayed)
	ends(t, s, liveRevocations(t, s, start), first)
	lives(t, s, parent)
	lives(t, s, second)
	rotate(t, s, rotation(parent, "1", "2", 0), authcore.Rotated)
	rotate(t, s, rotation(parent, "1", "3", time.Hour), authcore.Replayed)
	ends(t, s, liveRevocations(t, s, start), parent, first, second)
}

func childLapsed(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	parent := aSession(a, "1")
	parent.RefreshExpiresAt = start.Add(time.Hour)
	must(t, openPlain(t.Context(), s, parent, authcore.Effects{}))
	child := withChild(t, s, parent, "first")
	after := 2 * time.Hour
	must(t, s.Sweep(t.Context(), start.Add(after)))
	rotate(t, s, rotation(child, "child session first", "next", after), authcore.Rotated)
	// The parent's row is gone. Whoever hands over from the child session, or ends all of the family, is served as before.
	b := asked(t, s, child, "second")
	further, _, err := s.OpenChild(t.Context(), b)
	if must(t, err); further.ParentID != parent.ID {
		t.Errorf("hangs on %s, want %s", further.ParentID, parent.ID)
	}
	revs, err := s.RevokeFamily(t.Context(), a.ID, further.ID, start.Add(after), authcore.Effects{})
	if must(t, err); len(revs) != 2 {
		t.Errorf("ended %v, want both child sessions", revs)
	}
}

// race opens a child session of parent while end ends the family, many times, and tests that nothing of the family lives on.
func race(t *testing.T, s Store, parent func() authcore.Session, end func(authcore.Session) error) {
	t.Helper()
	for range 20 {
		of := parent()
		b := asked(t, s, of, uuid.NewString())
		errs := atOnce(2, func(i int) error {
			if i == 0 {
				return end(of)
			}
			_, _, err := s.OpenChild(t.Context(), b)
			return err
		})
		countErrors(t, errs)
		if errs[0] != nil {
			t.Fatalf("ending: %v", errs[0])
		}
		if list, err := s.Sessions(t.Context(), of.AccountID, start); err != nil || len(list) != 0 {
			t.Fatalf("%d sessions live on (%v)", len(list), err)
		}
	}
}

func childEndRace(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	race(t, s, func() authcore.Session { return withSession(t, s, a, uuid.NewString()) }, func(of authcore.Session) error {
		_, err := s.RevokeSessions(t.Context(), a.ID, idList(of), false, start, authcore.Effects{})
		return err
	})
}

func childFamilyRace(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	race(t, s, func() authcore.Session {
		return withChild(t, s, withSession(t, s, a, uuid.NewString()), uuid.NewString())
	}, func(of authcore.Session) error {
		_, err := s.RevokeFamily(t.Context(), a.ID, of.ID, start, authcore.Effects{})
		return err
	})
}
