package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

var sweeps = []promise{
	{"live rows stay", sweepKeeps},
	{"a store that has swept forgets nothing that can still act", sweepBoundary},
	{"an SMS that nobody sends is given up after a day, a mail is not", sweepSMS},
	{"events, devices and unused invitations go when they have been kept long enough", sweepRetention},
	{"a claim that nobody has confirmed lapses, and the account keeps what it has", sweepPending},
	{"a sweep by a clock that is ahead takes nothing that lives", sweepAhead},
}

// spare is how long what has expired must stay.
const spare = time.Hour

func sweepKeeps(t *testing.T, s Store) {
	a, sess := signedIn(t, s)
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	must(t, s.SaveRegistration(t.Context(), aRegistration("new@example.com", "new", 0), 10, nil, mails(1)))
	locked := aLockout("a", 1, "")
	_, err := s.ChangeLockout(t.Context(), "a", authcore.Lockout{}, locked)
	must(t, err)
	rev := revokeNew(t, s, a, start.Add(5*time.Minute))
	_, err = s.ChangeKeys(t.Context(), start, Birth("a"))
	must(t, err)

	must(t, s.Sweep(t.Context(), start))
	_, _, err = s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, start)
	must(t, err)
	keeps(t, s, ch, rev)
	lockoutIs(t, s, "a", locked)
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v)", n, err)
	}
	if list, err := s.Keys(t.Context()); err != nil || len(list) != 3 {
		t.Errorf("%d keys (%v)", len(list), err)
	}
	_, err = s.AccountByIdentifier(t.Context(), username(a.Username))
	must(t, err)
}

func sweepBoundary(t *testing.T, s Store) {
	a, sess := signedIn(t, s)
	must(t, s.Sweep(t.Context(), sess.RefreshExpiresAt.Add(spare-time.Microsecond)))
	_, _, err := s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, start)
	must(t, err)
	must(t, s.Sweep(t.Context(), sess.RefreshExpiresAt.Add(spare)))
	_, _, err = s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, start)
	wants(t, err, authcore.ErrNotFound)

	// A revoked session is kept while an access token of it is out.
	rev := revokeNew(t, s, a, start.Add(5*time.Minute))
	must(t, s.Sweep(t.Context(), rev.Until.Add(spare-time.Microsecond)))
	if list, err := s.LiveRevocations(t.Context(), 0, start); err != nil || len(list) != 1 {
		t.Errorf("%d revocations (%v), want 1", len(list), err)
	}
	must(t, s.Sweep(t.Context(), rev.Until.Add(spare)))
	if list, err := s.LiveRevocations(t.Context(), 0, start); err != nil || len(list) != 0 {
		t.Errorf("%d revocations (%v), want none", len(list), err)
	}
}

// What expires within the hour lives by every clock that is not ahead by more.
func sweepAhead(t *testing.T, s Store) {
	a, sess := signedIn(t, s)
	next := rotation(sess, "1", "2", 0)
	next.RefreshExpiresAt = start.Add(time.Minute)
	rotate(t, s, next, authcore.Rotated)
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	must(t, s.SaveRegistration(t.Context(), aRegistration("new@example.com", "new", 0), 10, nil, mails(1)))
	rev := revokeNew(t, s, a, start.Add(5*time.Minute))

	must(t, s.Sweep(t.Context(), start.Add(spare)))
	_, _, err := s.SessionByRefresh(t.Context(), sess.ID, secret.SumString("2"), start)
	must(t, err)
	keeps(t, s, ch, rev)
}

// keeps fails unless a sweep has left the challenge, the one registration and the one revocation.
func keeps(t *testing.T, s Store, ch authcore.Challenge, rev authcore.Revocation) {
	t.Helper()
	_, err := s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start)
	must(t, err)
	if list, err := s.Registrations(t.Context(), "new@example.com", start); err != nil || len(list) != 1 {
		t.Errorf("%d registrations (%v)", len(list), err)
	}
	if list, err := s.LiveRevocations(t.Context(), 0, start); err != nil || len(list) != 1 || list[0] != rev {
		t.Errorf("revocations %v (%v)", list, err)
	}
}

func sweepSMS(t *testing.T, s Store) {
	fx := mails(2)
	fx.Mails[1].Channel = authcore.BySMS
	must(t, s.Record(t.Context(), fx))
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{24 * time.Hour, 1}, {25 * time.Hour, 0}} {
		must(t, s.Sweep(t.Context(), start.Add(c.after)))
		if n, _, err := s.SMSDepth(t.Context()); err != nil || n != c.want {
			t.Errorf("after %v %d SMS wait (%v), want %d", c.after, n, err, c.want)
		}
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails wait (%v), want 1", n, err)
	}
}

func sweepRetention(t *testing.T, s Store) {
	day := 24 * time.Hour
	ada := withAccount(t, s, "ada")
	opened(t, s, anOpening(ada, "1", "phone"))
	must(t, s.Record(t.Context(), authcore.Effects{Events: []authcore.Event{anEvent(authcore.EventSignedIn, start)}}))
	unused, used := anInvitation(ada.ID, "unused"), anInvitation(ada.ID, "used")
	for _, i := range []authcore.Invitation{unused, used} {
		must(t, s.CreateInvitation(t.Context(), i, 0, authcore.Effects{}))
	}
	invited := anAccount("bob")
	must(t, registersInvited(t.Context(), s, invited, used.ID))

	kept := func(events, devices int, invited error) {
		t.Helper()
		all, err := s.ExportAccount(t.Context(), ada.ID)
		must(t, err)
		if len(all["events"]) < events || events == 0 && len(all["events"]) > 0 || len(all["devices"]) != devices {
			t.Errorf("%d events and %d devices, want %d and %d", len(all["events"]), len(all["devices"]), events, devices)
		}
		if _, err := s.InvitationByID(t.Context(), unused.ID); !errors.Is(err, invited) {
			t.Errorf("the unused invitation: %v", err)
		}
	}
	must(t, s.Sweep(t.Context(), unused.ExpiresAt.Add(90*day-time.Microsecond)))
	kept(2, 1, nil)
	must(t, s.Sweep(t.Context(), unused.ExpiresAt.Add(90*day)))
	kept(2, 1, authcore.ErrNotFound)
	must(t, s.Sweep(t.Context(), start.Add(400*day-time.Microsecond)))
	kept(2, 1, authcore.ErrNotFound)
	must(t, s.Sweep(t.Context(), start.Add(400*day)))
	kept(0, 0, authcore.ErrNotFound)
	if _, err := s.InvitationByID(t.Context(), used.ID); err != nil {
		t.Errorf("the used invitation: %v", err)
	}
}

func sweepPending(t *testing.T, s Store) {
	const week = 7 * 24 * time.Hour
	a := withAccount(t, s, "anna")
	claimsAddress(t, s, a, "new@example.com", "1")
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{week + spare - time.Microsecond, "new@example.com"}, {week + spare, ""}} {
		must(t, s.Sweep(t.Context(), start.Add(c.after)))
		got, err := s.AccountByID(t.Context(), a.ID)
		must(t, err)
		if got.PendingEmail != c.want || got.PendingEmailUntil.IsZero() != (c.want == "") || got.Email != a.Email {
			t.Errorf("%v later the claim is of %q until %v, the address %q", c.after, got.PendingEmail, got.PendingEmailUntil, got.Email)
		}
	}
}
