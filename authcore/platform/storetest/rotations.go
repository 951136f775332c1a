package storetest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var rotations = []promise{
	{"a rotation replaces the live token and nothing else", rotateOnce},
	{"the refresh token never outlives the session", rotateCap},
	{"T16 100 present one token: one rotates, 99 get its successor", rotateRace},
	{"T15 a token older than the leeway ends the session, and that is committed", rotateReplay},
	{"T15 the leeway ends at its boundary instant", rotateLeewayEnd},
	{"T22 another user agent within the leeway is a thief", rotateOtherAgent},
	{"T22 another mode within the leeway is a thief", rotateOtherMode},
	{"T22 once the successor is used its parent is dead", rotateSuccessorUsed},
	{"T15 of 100 replays at once one revokes", rotateReplayRace},
	{"T24 a disabled, raised or unknown account does not refresh", rotateRefused},
	{"an erased successor cannot be repeated", rotateErased},
}

func rotate(t testing.TB, s Store, r authcore.Rotation, want authcore.RotationOutcome) authcore.RotationResult {
	t.Helper()
	got, err := s.RotateRefresh(t.Context(), r)
	must(t, err)
	if got.Outcome != want {
		t.Fatalf("outcome %d, want %d", got.Outcome, want)
	}
	return got
}

func signedIn(t testing.TB, s Store) (authcore.Account, authcore.Session) {
	t.Helper()
	a := withAccount(t, s, "anna")
	return a, withSession(t, s, a, "1")
}

// told leaves of a result what a rotation tells.
func told(r authcore.RotationResult) authcore.RotationResult {
	r.Session.CreatedAt, r.Session.AccessUntil, r.Session.DeviceName, r.Session.ParentID = time.Time{}, time.Time{}, "", uuid.Nil
	r.Account.PasswordHash, r.Account.UpdatedAt = "", time.Time{}
	return r
}

func rotateOnce(t *testing.T, s Store) {
	a, sess := signedIn(t, s)
	r := rotation(sess, "1", "2", time.Minute)
	r.Mode, r.UserAgent = authcore.ModeCookie, "another"
	got := rotate(t, s, r, authcore.Rotated)
	stored, _, err := s.SessionByRefresh(t.Context(), sess.ID, r.Next, r.Now)
	must(t, err)
	want := sess
	want.RefreshDigest, want.RefreshExpiresAt, want.AccessUntil, want.LastSeenAt = r.Next, r.RefreshExpiresAt, r.AccessUntil, r.Now
	want.Mode, want.Addr, want.UserAgent = r.Mode, r.Addr, r.UserAgent
	if diff := cmp.Diff(want, stored, unnumbered); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(told(authcore.RotationResult{Outcome: authcore.Rotated, Session: want, Account: a}), told(got), unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func rotateCap(t *testing.T, s Store) {
	_, sess := signedIn(t, s)
	r := rotation(sess, "1", "2", time.Minute)
	r.RefreshExpiresAt, r.AccessUntil = sess.ExpiresAt.Add(time.Hour), sess.AccessUntil.Add(-time.Minute)
	got := rotate(t, s, r, authcore.Rotated)
	if !got.Session.RefreshExpiresAt.Equal(sess.ExpiresAt) {
		t.Errorf("refresh until %v, want the session's end %v", got.Session.RefreshExpiresAt, sess.ExpiresAt)
	}
	stored, _, err := s.SessionByRefresh(t.Context(), sess.ID, r.Next, r.Now)
	must(t, err)
	if !stored.RefreshExpiresAt.Equal(sess.ExpiresAt) {
		t.Errorf("stored until %v, want the session's end %v", stored.RefreshExpiresAt, sess.ExpiresAt)
	}
	// A token of a longer life may be out: what was ever promised stays.
	if !stored.AccessUntil.Equal(sess.AccessUntil) {
		t.Errorf("access until %v, want %v as before", stored.AccessUntil, sess.AccessUntil)
	}
}

func rotateRace(t *testing.T, s Store) {
	a, sess := signedIn(t, s)
	type answer struct {
		result authcore.RotationResult
		err    error
	}
	answers := atOnce(100, func(i int) answer {
		got, err := s.RotateRefresh(t.Context(), rotation(sess, "1", fmt.Sprintf("next %d", i), time.Duration(i)*time.Millisecond))
		return answer{got, err}
	})
	var winner authcore.RotationResult
	outcomes := map[authcore.RotationOutcome]int{}
	for _, got := range answers {
		must(t, got.err)
		outcomes[got.result.Outcome]++
		if got.result.Outcome == authcore.Rotated {
			winner = got.result
		}
	}
	if outcomes[authcore.Rotated] != 1 || outcomes[authcore.Repeated] != 99 {
		t.Fatalf("outcomes %v, want 1 rotated and 99 repeated", outcomes)
	}
	for _, got := range answers {
		if got.result.Outcome != authcore.Repeated {
			continue
		}
		sealed := got.result.SealedSuccessor
		if sum(string(bytes.TrimPrefix(sealed, []byte("sealed ")))) != winner.Session.RefreshDigest {
			t.Fatalf("a loser got %q, which is not the winner's", sealed)
		}
		if diff := cmp.Diff(winner.Session, told(got.result).Session, unnumbered); diff != "" {
			t.Fatalf("a loser sees another session (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(a, got.result.Account, unnumbered); diff != "" {
			t.Fatalf("a loser sees another account (-want +got):\n%s", diff)
		}
	}
}

// dead tests that the session is revoked and that other nodes can read it.
func dead(t testing.TB, s Store, sess authcore.Session, live string, until time.Time) {
	t.Helper()
	list, err := s.LiveRevocations(t.Context(), 0, start)
	if err != nil || len(list) != 1 {
		t.Fatalf("revocations %+v (%v), want one", list, err)
	}
	rev := list[0]
	if rev.SessionID != sess.ID || rev.AccountID != sess.AccountID || rev.Epoch != 0 || rev.Seq == 0 || !rev.Until.Equal(until) {
		t.Errorf("revocation %+v, want the session's until %v", rev, until)
	}
	_, err = s.RotateRefresh(t.Context(), rotation(sess, live, "more", time.Second))
	wants(t, err, authcore.ErrNotFound)
	if list, err := s.Sessions(t.Context(), sess.AccountID, start); err != nil || len(list) != 0 {
		t.Errorf("%d sessions live (%v)", len(list), err)
	}
}

func rotateReplay(t *testing.T, s Store) {
	_, sess := signedIn(t, s)
	r := rotation(sess, "1", "2", 0)
	rotate(t, s, r, authcore.Rotated)
	late := rotation(sess, "1", "3", time.Hour)
	got := rotate(t, s, late, authcore.Replayed)
	if !got.Session.RevokedAt.Equal(late.Now) || got.SealedSuccessor != nil {
		t.Errorf("session revoked at %v, successor %q", got.Session.RevokedAt, got.SealedSuccessor)
	}
	// Its access tokens are out of date, but connections that they opened may be there still.
	until := time.Time{}
	for _, r := range liveRevocations(t, s, start) {
		until = r.Until
	}
	if !until.After(late.Now) {
		t.Errorf("revoked until %v, which nobody will read", until)
	}
	dead(t, s, sess, "2", until)
}

func rotateLeewayEnd(t *testing.T, s Store) {
	_, sess := signedIn(t, s)
	first := rotation(sess, "1", "2", 0)
	rotate(t, s, first, authcore.Rotated)
	got := rotate(t, s, rotation(sess, "1", "3", leeway-time.Microsecond), authcore.Repeated)
	if !bytes.Equal(got.SealedSuccessor, first.SealedSuccessor) {
		t.Errorf("successor %q, want %q", got.SealedSuccessor, first.SealedSuccessor)
	}
	rotate(t, s, rotation(sess, "1", "3", leeway), authcore.Replayed)
	dead(t, s, sess, "2", first.AccessUntil)
}

func rotateOtherAgent(t *testing.T, s Store) {
	_, sess := signedIn(t, s)
	first := rotation(sess, "1", "2", 0)
	rotate(t, s, first, authcore.Rotated)
	thief := rotation(sess, "1", "3", time.Second)
	thief.UserAgent = "curl/8"
	rotate(t, s, thief, authcore.Replayed)
	dead(t, s, sess, "2", first.AccessUntil)
}

func rotateOtherMode(t *testing.T, s Store) {
	_, sess := signedIn(t, s)
	first := rotation(sess, "1", "2", 0)
	rotate(t, s, first, authcore.Rotated)
	thief := rotation(sess, "1", "3", time.Second)
	thief.Mode = authcore.ModeCookie
	rotate(t, s, thief, authcore.Replayed)
	dead(t, s, sess, "2", first.AccessUntil)
}

func rotateSuccessorUsed(t *testing.T, s Store) {
	_, sess := signedIn(t, s)
	rotate(t, s, rotation(sess, "1", "2", 0), authcore.Rotated)
	second := rotation(sess, "2", "3", time.Second)
	rotate(t, s, second, authcore.Rotated)
	rotate(t, s, rotation(sess, "1", "4", 2*time.Second), authcore.Replayed)
	dead(t, s, sess, "3", second.AccessUntil)
}

func rotateReplayRace(t *testing.T, s Store) {
	_, sess := signedIn(t, s)
	first := rotation(sess, "1", "2", 0)
	rotate(t, s, first, authcore.Rotated)
	results := make([]authcore.RotationResult, 100)
	counts := countErrors(t, atOnce(len(results), func(i int) (err error) {
		results[i], err = s.RotateRefresh(t.Context(), rotation(sess, "1", fmt.Sprint(i), time.Minute))
		return err
	}))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Fatalf("%v, want one to revoke and the others to find it revoked", counts)
	}
	for _, got := range results {
		if got.Outcome == authcore.Replayed {
			dead(t, s, sess, "2", first.AccessUntil)
		} else if got.Outcome != 0 {
			t.Errorf("outcome %d", got.Outcome)
		}
	}
}

func rotateRefused(t *testing.T, s Store) {
	a, sess := signedIn(t, s)
	unknown := sess
	unknown.ID = uuid.New()
	_, err := s.RotateRefresh(t.Context(), rotation(unknown, "1", "2", 0))
	wants(t, err, authcore.ErrNotFound)
	// A reset raises the epoch.
	_, _, err = s.ResetPassword(t.Context(), aReset(resetChallenge(t, s, a), a))
	must(t, err)
	for range 2 { // and does not turn into a replay
		_, err = s.RotateRefresh(t.Context(), rotation(sess, "1", "2", 0))
		wants(t, err, authcore.ErrNotFound)
	}
	if list, err := s.LiveRevocations(t.Context(), 0, start); err != nil || len(list) != 1 {
		t.Errorf("%d revocations (%v), want that of the reset alone", len(list), err)
	}
}

func rotateErased(t *testing.T, s Store) {
	_, sess := signedIn(t, s)
	first := rotation(sess, "1", "2", 0)
	rotate(t, s, first, authcore.Rotated)
	must(t, s.Sweep(t.Context(), start.Add(leeway-time.Microsecond)))
	rotate(t, s, rotation(sess, "1", "3", time.Second), authcore.Repeated)
	must(t, s.Sweep(t.Context(), start.Add(leeway)))
	// A clock that is behind must not bring it back.
	rotate(t, s, rotation(sess, "1", "3", time.Second), authcore.Replayed)
	dead(t, s, sess, "2", first.AccessUntil)
}
