package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var sessions = []promise{
	{"round trip with its account", sessionRoundTrip},
	{"only for an enabled account at its epoch", sessionRefused},
	{"live until the boundary instant of either end", sessionExpiry},
	{"listed by when they were last seen", sessionList},
	{"revoking those named, and every one but those", sessionRevoke},
	{"of those named the live ones, with their account's roles version", sessionsLive},
}

func sessionRoundTrip(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	want := withSession(t, s, a, "1")
	got, account, err := s.SessionByRefresh(t.Context(), want.ID, want.RefreshDigest, start)
	must(t, err)
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(a, account, unnumbered); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	_, _, err = s.SessionByRefresh(t.Context(), want.ID, sum("other"), start)
	wants(t, err, authcore.ErrNotFound)
	_, _, err = s.SessionByRefresh(t.Context(), uuid.New(), want.RefreshDigest, start)
	wants(t, err, authcore.ErrNotFound)
	present, owner, err := s.SessionOwner(t.Context(), want.ID)
	if must(t, err); owner != a.ID || present != want.ID {
		t.Errorf("the session is %s and belongs to %s, want %s and %s", present, owner, want.ID, a.ID)
	}
	_, _, err = s.SessionOwner(t.Context(), uuid.New())
	wants(t, err, authcore.ErrNotFound)
}

func sessionRefused(t *testing.T, s Store) {
	disabled := anAccount("disabled")
	disabled.DisabledAt = start
	must(t, s.CreateAccount(t.Context(), disabled, idsOf(disabled), authcore.Effects{}))
	ahead, behind := withAccount(t, s, "ahead"), withAccount(t, s, "behind")
	ahead.Epoch++
	behind.Epoch--
	for _, a := range []authcore.Account{disabled, ahead, behind, anAccount("unknown")} {
		wants(t, openPlain(t.Context(), s, aSession(a, "1"), mails(1)), authcore.ErrNotFound)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 0 {
		t.Errorf("%d mails of refused sessions (%v)", n, err)
	}
}

func sessionExpiry(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	idle, absolute := aSession(a, "idle"), aSession(a, "absolute")
	idle.RefreshExpiresAt = start.Add(time.Hour)
	absolute.ExpiresAt = start.Add(time.Hour)
	for _, sess := range []authcore.Session{idle, absolute} {
		must(t, openPlain(t.Context(), s, sess, authcore.Effects{}))
		end := start.Add(time.Hour)
		_, _, err := s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, end.Add(-time.Microsecond))
		must(t, err)
		_, _, err = s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, end)
		wants(t, err, authcore.ErrNotFound)
		r := rotation(sess, map[bool]string{true: "idle", false: "absolute"}[sess.ID == idle.ID], "next", time.Hour)
		_, err = s.RotateRefresh(t.Context(), r)
		wants(t, err, authcore.ErrNotFound)
		if list, err := s.Sessions(t.Context(), a.ID, end); err != nil || len(list) != 0 {
			t.Errorf("%d are listed (%v)", len(list), err)
		}
	}
	if list, err := s.Sessions(t.Context(), a.ID, start.Add(time.Hour-time.Microsecond)); err != nil || len(list) != 2 {
		t.Errorf("%d are listed (%v), want 2", len(list), err)
	}
}

func sessionList(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	first, second := withSession(t, s, a, "1"), withSession(t, s, a, "2")
	withSession(t, s, withAccount(t, s, "other"), "3")
	_, err := s.RotateRefresh(t.Context(), rotation(first, "1", "1b", time.Minute))
	must(t, err)
	list, err := s.Sessions(t.Context(), a.ID, start)
	must(t, err)
	if len(list) != 2 || list[0].ID != first.ID || list[1].ID != second.ID {
		t.Errorf("%+v, want the one that was seen last first", list)
	}
}

func sessionRevoke(t *testing.T, s Store) {
	a, other := withAccount(t, s, "anna"), withAccount(t, s, "other")
	var all []authcore.Session
	for i := range 4 {
		sess := aSession(a, string(rune('a'+i)))
		sess.AccessUntil = start.Add(time.Duration(i+2) * time.Minute)
		must(t, openPlain(t.Context(), s, sess, authcore.Effects{}))
		all = append(all, sess)
	}
	foreign := withSession(t, s, other, "foreign")
	expired := aSession(a, "expired")
	expired.RefreshExpiresAt, expired.AccessUntil = start, start
	must(t, openPlain(t.Context(), s, expired, authcore.Effects{}))

	revoked := func(ids []uuid.UUID, everyOther bool) map[uuid.UUID]time.Time {
		t.Helper()
		list, err := s.RevokeSessions(t.Context(), a.ID, ids, everyOther, start, authcore.Effects{})
		must(t, err)
		until := map[uuid.UUID]time.Time{}
		for _, r := range list {
			if r.AccountID != a.ID || r.Epoch != 0 || r.Seq == 0 {
				t.Errorf("revocation %+v", r)
			}
			until[r.SessionID] = r.Until
		}
		return until
	}
	want := map[uuid.UUID]time.Time{all[1].ID: all[1].AccessUntil}
	if diff := cmp.Diff(want, revoked([]uuid.UUID{all[1].ID, foreign.ID, expired.ID, uuid.New()}, false), unnumbered); diff != "" {
		t.Errorf("those named (-want +got):\n%s", diff)
	}
	if got := revoked([]uuid.UUID{all[1].ID}, false); len(got) != 0 {
		t.Errorf("revoked twice: %v", got)
	}
	if got := revoked(nil, false); len(got) != 0 {
		t.Errorf("none was named: %v", got)
	}
	want = map[uuid.UUID]time.Time{all[0].ID: all[0].AccessUntil, all[3].ID: all[3].AccessUntil}
	if diff := cmp.Diff(want, revoked([]uuid.UUID{all[2].ID}, true), unnumbered); diff != "" {
		t.Errorf("every one but (-want +got):\n%s", diff)
	}
	want = map[uuid.UUID]time.Time{all[2].ID: all[2].AccessUntil}
	if diff := cmp.Diff(want, revoked(nil, true), unnumbered); diff != "" {
		t.Errorf("every one (-want +got):\n%s", diff)
	}
	_, err := s.RotateRefresh(t.Context(), rotation(all[0], "a", "next", time.Second))
	wants(t, err, authcore.ErrNotFound)
	_, _, err = s.SessionByRefresh(t.Context(), foreign.ID, foreign.RefreshDigest, start)
	must(t, err)
}

// sessionsLive goes through how a session ends: connections that were opened with it end by what this finds.
func sessionsLive(t *testing.T, s Store) {
	a, changed := withAccount(t, s, "anna"), withAccount(t, s, "changed")
	first, second, unnamed := withSession(t, s, a, "1"), withSession(t, s, a, "2"), withSession(t, s, a, "3")
	past := withSession(t, s, changed, "4")
	outlived := aSession(a, "5") // its access token is good for a while longer
	outlived.RefreshExpiresAt = start.Add(time.Minute)
	must(t, openPlain(t.Context(), s, outlived, authcore.Effects{}))

	named := []uuid.UUID{first.ID, second.ID, past.ID, outlived.ID, uuid.New()}
	wantLive := func(at time.Time, want ...authcore.Session) {
		t.Helper()
		list, err := s.LiveSessions(t.Context(), named, at)
		must(t, err)
		got, expected := map[uuid.UUID]int64{}, map[uuid.UUID]int64{}
		for _, l := range list {
			got[l.ID] = l.RolesVersion
		}
		for _, w := range want {
			expected[w.ID] = a.RolesVersion
		}
		if diff := cmp.Diff(expected, got, unnumbered); diff != "" || len(list) != len(want) {
			t.Errorf("at %v (-want +got):\n%s", at, diff)
		}
	}
	wantLive(start, first, second, past, outlived)

	_, err := s.RevokeSessions(t.Context(), a.ID, []uuid.UUID{second.ID, unnamed.ID}, false, start, authcore.Effects{})
	must(t, err)
	_, _, err = s.ChangePassword(t.Context(), authcore.PasswordChange{AccountID: changed.ID, Old: changed.PasswordHash, PasswordHash: "new", Now: start})
	must(t, err)
	wantLive(start, first, outlived)
	wantLive(outlived.AccessUntil.Add(-time.Microsecond), first, outlived)
	wantLive(outlived.AccessUntil, first)
	wantLive(first.RefreshExpiresAt.Add(-time.Microsecond), first)
	wantLive(first.RefreshExpiresAt)
	if list, err := s.LiveSessions(t.Context(), nil, start); err != nil || len(list) != 0 {
		t.Errorf("of no sessions %v live (%v)", list, err)
	}
}
