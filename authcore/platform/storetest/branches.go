package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var branches = []promise{
	{"a branch has account, root, methods and ends of the session that is handed over", branchOpens},
	{"what a code is bound to, its end and its session's end", branchRefused},
	{"of 100 that redeem one code one opens a branch", branchRace},
	{"a root's end is that of its branches, a branch's end its own", branchEnds},
	{"a family ends whichever of it asks", branchFamily},
	{"every session but a branch leaves the branch its root", branchOthers},
	{"a replay at the root ends its branches", branchReplay},
	{"a root that has lapsed ends no branch", branchLapsed},
	{"no branch outlives a root that ends while it is opened", branchEndRace},
	{"no branch outlives a family that ends while one of it is handed over", branchFamilyRace},
}

const otherHost = "https://app.example.com"

// handover is a code for a branch of the session, and the branch to open with it.
func asked(t testing.TB, s Store, parent authcore.Session, name string) authcore.Branching {
	t.Helper()
	ch := aChallenge(authcore.PurposeHandover, parent.ID.String()+" "+otherHost+" "+name, name)
	ch.AccountID, ch.ExpiresAt = parent.AccountID, start.Add(time.Minute)
	issued(t, s, ch)
	sess := aSession(authcore.Account{}, "branch "+name)
	sess.Mode, sess.Host = authcore.ModeCookie, otherHost
	return authcore.Branching{ChallengeID: ch.ID, Token: ch.TokenDigest, Bound: ch.CodeDigest, Origin: otherHost, Session: sess, Now: start,
		Opened: anEvent(authcore.EventHandedOver, start)}
}

func withBranch(t testing.TB, s Store, parent authcore.Session, name string) authcore.Session {
	t.Helper()
	sess, _, err := s.OpenBranch(t.Context(), asked(t, s, parent, name))
	must(t, err)
	return sess
}

// family is a root with two branches, the second of which hangs on the first's root.
func family(t testing.TB, s Store) (root, first, second authcore.Session) {
	t.Helper()
	_, root = signedIn(t, s)
	first = withBranch(t, s, root, "first")
	return root, first, withBranch(t, s, first, "second")
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
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("revoked (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, stored); diff != "" {
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

func branchOpens(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	root := aSession(a, "1")
	root.ExpiresAt = start.Add(24 * time.Hour)
	root.RefreshExpiresAt = root.ExpiresAt
	must(t, s.CreateSession(t.Context(), root, authcore.Effects{}))
	b := asked(t, s, root, "first")
	got, account, err := s.OpenBranch(t.Context(), b)
	must(t, err)
	want := b.Session
	want.AccountID, want.AccountEpoch, want.ParentID = a.ID, a.Epoch, root.ID
	want.AMR, want.AuthTime, want.DeviceName = root.AMR, root.AuthTime, root.DeviceName
	want.ExpiresAt, want.RefreshExpiresAt = root.ExpiresAt, root.ExpiresAt
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("branch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(a, account); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	stored, _, err := s.SessionByRefresh(t.Context(), want.ID, want.RefreshDigest, start)
	must(t, err)
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if further := withBranch(t, s, got, "second"); further.ParentID != root.ID {
		t.Errorf("a branch of a branch hangs on %s, want the root %s", further.ParentID, root.ID)
	}
	list, err := s.Sessions(t.Context(), a.ID, start)
	if must(t, err); len(list) != 3 {
		t.Errorf("%d sessions, want 3", len(list))
	}
	// A refresh leaves a branch what it is.
	r := rotation(got, "branch first", "next", time.Second)
	foreign, program := r, r
	foreign.Host = "https://wiki.example.net"
	_, err = s.RotateRefresh(t.Context(), foreign)
	wants(t, err, authcore.ErrOtherHost)
	program.Mode = authcore.ModeBearer
	_, err = s.RotateRefresh(t.Context(), program)
	wants(t, err, authcore.ErrOtherHost)
	rotated := rotate(t, s, r, authcore.Rotated).Session
	after, _, err := s.SessionByRefresh(t.Context(), rotated.ID, r.Next, r.Now)
	if must(t, err); after.ParentID != root.ID || after.Host != otherHost || rotated.Host != otherHost {
		t.Errorf("refreshed, it hangs on %s and is for %q, and is said to be for %q", after.ParentID, after.Host, rotated.Host)
	}
	// Nor does the leeway give its successor away at another host: there the token that was replaced is a stolen one.
	rotate(t, s, r, authcore.Repeated)
	rotate(t, s, foreign, authcore.Replayed)
}

func branchRefused(t *testing.T, s Store) {
	a, root := signedIn(t, s)
	good := asked(t, s, root, "good")
	refused := func(what string, b authcore.Branching) {
		t.Helper()
		if _, _, err := s.OpenBranch(t.Context(), b); err == nil {
			t.Errorf("%s: a branch was opened", what)
		} else {
			wants(t, err, authcore.ErrNotFound)
		}
	}
	for what, change := range map[string]func(*authcore.Branching){
		"another token":      func(b *authcore.Branching) { b.Token = sum("other") },
		"at another host":    func(b *authcore.Branching) { b.Bound, b.Origin = sum("other"), "https://wiki.example.net" },
		"another challenge":  func(b *authcore.Branching) { b.ChallengeID = uuid.New() },
		"at its end":         func(b *authcore.Branching) { b.Now = start.Add(time.Minute) },
		"of another purpose": func(b *authcore.Branching) { b.ChallengeID = otherPurpose(t, s, *b) },
		"no challenge":       func(b *authcore.Branching) { b.ChallengeID = uuid.Nil },
	} {
		b := good
		change(&b)
		refused(what, b)
	}
	// None of that has spent the code.
	_, _, err := s.OpenBranch(t.Context(), good)
	must(t, err)
	refused("used", good)

	stolen := asked(t, s, root, "stolen")
	elsewhere := stolen
	elsewhere.Bound = sum("other")
	refused("from another browser", elsewhere)
	refused("after another browser has shown it", stolen)

	late := asked(t, s, root, "late")
	_, err = s.RevokeSessions(t.Context(), a.ID, []uuid.UUID{root.ID}, false, start, authcore.Effects{})
	must(t, err)
	refused("its session ended", late)

	lapsed := aSession(a, "lapsed")
	lapsed.RefreshExpiresAt = start
	must(t, s.CreateSession(t.Context(), lapsed, authcore.Effects{}))
	refused("its session lapsed", asked(t, s, lapsed, "lapsed"))

	again := withSession(t, s, a, "again")
	raised := asked(t, s, again, "raised")
	_, _, err = s.ChangePassword(t.Context(), authcore.PasswordChange{AccountID: a.ID, Old: a.PasswordHash, PasswordHash: "new", Now: start})
	must(t, err)
	refused("its account's sessions ended", raised)
}

// otherPurpose is a challenge with the same digests that is for something else.
func otherPurpose(t testing.TB, s Store, b authcore.Branching) uuid.UUID {
	t.Helper()
	ch := aChallenge(authcore.PurposeResetPassword, "purpose", "purpose")
	ch.TokenDigest, ch.CodeDigest = b.Token, b.Bound
	return issued(t, s, ch).ID
}

func branchRace(t *testing.T, s Store) {
	a, root := signedIn(t, s)
	b := asked(t, s, root, "race")
	errs := atOnce(100, func(i int) error {
		mine := b
		mine.Session.ID = uuid.Must(uuid.NewV7())
		mine.Opened = anEvent(authcore.EventHandedOver, start)
		_, _, err := s.OpenBranch(t.Context(), mine)
		return err
	})
	if n := tally(t, errs); n[nil] != 1 || n[authcore.ErrNotFound] != 99 {
		t.Errorf("outcomes %v, want one branch", n)
	}
	if list, err := s.Sessions(t.Context(), a.ID, start); err != nil || len(list) != 2 {
		t.Errorf("%d sessions (%v), want root and branch", len(list), err)
	}
}

func branchEnds(t *testing.T, s Store) {
	root, first, second := family(t, s)
	stranger := withSession(t, s, withAccount(t, s, "other"), "stranger")
	apart := withSession(t, s, authcore.Account{ID: root.AccountID, Epoch: root.AccountEpoch}, "apart")
	before, err := s.RevokeSessions(t.Context(), root.AccountID, idList(second), false, start, authcore.Effects{})
	must(t, err)
	ends(t, s, before, second)
	lives(t, s, root)
	lives(t, s, first)
	revs, err := s.RevokeSessions(t.Context(), root.AccountID, idList(root), false, start, authcore.Effects{})
	must(t, err)
	ends(t, s, append(revs, before...), root, first, second)
	lives(t, s, stranger)
	lives(t, s, apart)
}

func branchFamily(t *testing.T, s Store) {
	root, first, second := family(t, s)
	apart := withSession(t, s, authcore.Account{ID: root.AccountID, Epoch: root.AccountEpoch}, "apart")
	stranger := withAccount(t, s, "other")
	if revs, err := s.RevokeFamily(t.Context(), stranger.ID, first.ID, start, authcore.Effects{}); err != nil || len(revs) != 0 {
		t.Errorf("a stranger ended %v (%v)", revs, err)
	}
	revs, err := s.RevokeFamily(t.Context(), root.AccountID, second.ID, start, authcore.Effects{})
	must(t, err)
	ends(t, s, revs, root, first, second)
	lives(t, s, apart)
	if again, err := s.RevokeFamily(t.Context(), root.AccountID, root.ID, start, authcore.Effects{}); err != nil || len(again) != 0 {
		t.Errorf("ended twice: %v (%v)", again, err)
	}
}

func branchOthers(t *testing.T, s Store) {
	root, first, second := family(t, s)
	apart := withSession(t, s, authcore.Account{ID: root.AccountID, Epoch: root.AccountEpoch}, "apart")
	revs, err := s.RevokeSessions(t.Context(), root.AccountID, idList(first), true, start, authcore.Effects{})
	must(t, err)
	ends(t, s, revs, second, apart)
	lives(t, s, root)
	lives(t, s, first)
}

func branchReplay(t *testing.T, s Store) {
	root, first, second := family(t, s)
	rotate(t, s, rotation(first, "branch first", "f2", 0), authcore.Rotated)
	stolen := rotate(t, s, rotation(first, "branch first", "f3", time.Hour), authcore.Replayed)
	ends(t, s, stolen.Revocations, first)
	lives(t, s, root)
	lives(t, s, second)
	rotate(t, s, rotation(root, "1", "2", 0), authcore.Rotated)
	replay := rotate(t, s, rotation(root, "1", "3", time.Hour), authcore.Replayed)
	ends(t, s, append(replay.Revocations, stolen.Revocations...), root, first, second)
}

func branchLapsed(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	root := aSession(a, "1")
	root.RefreshExpiresAt = start.Add(time.Hour)
	must(t, s.CreateSession(t.Context(), root, authcore.Effects{}))
	branch := withBranch(t, s, root, "first")
	after := 2 * time.Hour
	must(t, s.Sweep(t.Context(), start.Add(after)))
	rotate(t, s, rotation(branch, "branch first", "next", after), authcore.Rotated)
	// The root's row is gone. Whoever hands over from the branch, or ends all of the family, is served as before.
	b := asked(t, s, branch, "second")
	further, _, err := s.OpenBranch(t.Context(), b)
	if must(t, err); further.ParentID != root.ID {
		t.Errorf("hangs on %s, want %s", further.ParentID, root.ID)
	}
	revs, err := s.RevokeFamily(t.Context(), a.ID, further.ID, start.Add(after), authcore.Effects{})
	if must(t, err); len(revs) != 2 {
		t.Errorf("ended %v, want both branches", revs)
	}
}

// race opens a branch of parent while end ends the family, many times, and tests that nothing of the family lives on.
func race(t *testing.T, s Store, parent func() authcore.Session, end func(authcore.Session) error) {
	t.Helper()
	for range 20 {
		of := parent()
		b := asked(t, s, of, uuid.NewString())
		errs := atOnce(2, func(i int) error {
			if i == 0 {
				return end(of)
			}
			_, _, err := s.OpenBranch(t.Context(), b)
			return err
		})
		tally(t, errs)
		if errs[0] != nil {
			t.Fatalf("ending: %v", errs[0])
		}
		if list, err := s.Sessions(t.Context(), of.AccountID, start); err != nil || len(list) != 0 {
			t.Fatalf("%d sessions live on (%v)", len(list), err)
		}
	}
}

func branchEndRace(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	race(t, s, func() authcore.Session { return withSession(t, s, a, uuid.NewString()) }, func(of authcore.Session) error {
		_, err := s.RevokeSessions(t.Context(), a.ID, idList(of), false, start, authcore.Effects{})
		return err
	})
}

func branchFamilyRace(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	race(t, s, func() authcore.Session {
		return withBranch(t, s, withSession(t, s, a, uuid.NewString()), uuid.NewString())
	}, func(of authcore.Session) error {
		_, err := s.RevokeFamily(t.Context(), a.ID, of.ID, start, authcore.Effects{})
		return err
	})
}
