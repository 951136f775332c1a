package storetest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/operator"
)

// Operated is a store that an operator can work on.
type Operated interface {
	Store
	operator.Store
}

// RunOperations tests the promises of operator.Store as Run does those of Store.
func RunOperations(t *testing.T, open func(testing.TB) Operated) {
	for _, p := range []struct {
		name string
		test func(t *testing.T, s Operated)
	}{
		{"an account's sessions end with its epoch", endsAccount},
		{"every live session ends, once, with its revocation", endsEveryone},
		{"sessions that begin and refresh meanwhile", endsUnderTraffic},
		{"no child session outlives a parent that ends with all others", endsHandovers},
		{"codes and links are void, spent attempts stay spent", voidsChallenges},
		{"mails are sealed anew if they are still the same", resealsMails},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.test(t, open(t))
		})
	}
}

func endsAccount(t *testing.T, s Operated) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	first, second := withSession(t, s, ada, "a1"), withSession(t, s, ada, "a2")
	withSession(t, s, bob, "b1")
	event := anEvent(authcore.EventSessionsRevoked, start)
	event.AccountID = ada.ID
	rev, n, err := s.EndAccount(t.Context(), ada.ID, start, authcore.Effects{Events: []authcore.Event{event}})
	must(t, err)
	if n != 2 || rev.AccountID != ada.ID || rev.Epoch != ada.Epoch+1 || rev.Seq == 0 || rev.Until.Before(first.AccessUntil) {
		t.Errorf("%d sessions ended by %+v", n, rev)
	}
	for sess, token := range map[uuid.UUID]string{first.ID: "a1", second.ID: "a2"} {
		_, err := s.RotateRefresh(t.Context(), rotation(authcore.Session{ID: sess}, token, "next", time.Second))
		wants(t, err, authcore.ErrNotFound)
	}
	if list, err := s.Sessions(t.Context(), bob.ID, start); err != nil || len(list) != 1 {
		t.Errorf("bob has %d sessions (%v)", len(list), err)
	}
	if live, err := s.LiveRevocations(t.Context(), 0, start); err != nil || len(live) != 1 || live[0] != rev {
		t.Errorf("stored revocations %+v (%v)", live, err)
	}
	_, _, err = s.EndAccount(t.Context(), uuid.New(), start, authcore.Effects{})
	wants(t, err, authcore.ErrNotFound)
}

func endsHandovers(t *testing.T, s Operated) {
	a := withAccount(t, s, "ada")
	race(t, s, func() authcore.Session { return withSession(t, s, a, uuid.NewString()) }, func(authcore.Session) error {
		for at := uuid.Nil; at != uuid.Max; {
			var err error
			if _, at, err = s.EndNext(t.Context(), at, start, nobodyTold); err != nil {
				return err
			}
		}
		return nil
	})
}

func nobodyTold([]authcore.Revocation) authcore.Effects { return authcore.Effects{} }

// endAll goes through all sessions as an operator does.
func endAll(t testing.TB, s Operated, now time.Time) (ended []authcore.Revocation, steps int) {
	t.Helper()
	for at := uuid.Nil; at != uuid.Max; steps++ {
		var some []authcore.Revocation
		var err error
		some, at, err = s.EndNext(t.Context(), at, now, nobodyTold)
		must(t, err)
		ended = append(ended, some...)
	}
	return ended, steps
}

func endsEveryone(t *testing.T, s Operated) {
	const people, each = 3, 180
	live := map[uuid.UUID]time.Time{}
	for p := range people {
		a := withAccount(t, s, fmt.Sprint("person", p))
		for i := range each {
			live[withSession(t, s, a, fmt.Sprint(p, " ", i)).ID] = start.Add(5 * time.Minute)
		}
		over := aSession(a, "over")
		over.RefreshExpiresAt, over.AccessUntil = start, start
		must(t, openPlain(t.Context(), s, over, authcore.Effects{}))
		signedOut := withSession(t, s, a, "out")
		_, err := s.RevokeSessions(t.Context(), a.ID, []uuid.UUID{signedOut.ID}, false, start, authcore.Effects{})
		must(t, err)
		// Its access token is gone, but a connection that was opened with it may not be.
		idle := aSession(a, "idle")
		idle.AccessUntil = start.Add(-time.Hour)
		must(t, openPlain(t.Context(), s, idle, authcore.Effects{}))
		live[idle.ID] = start.Add(2 * time.Minute)
		// It can no longer be renewed, and its access token goes on.
		last := aSession(a, "last")
		last.RefreshExpiresAt = start
		must(t, openPlain(t.Context(), s, last, authcore.Effects{}))
		live[last.ID] = last.AccessUntil
	}
	now := start.Add(time.Minute)
	ended, steps := endAll(t, s, now)
	if steps < 2 {
		t.Errorf("%d rows were changed in one transaction", len(ended))
	}
	stored, err := s.LiveRevocations(t.Context(), 0, now)
	must(t, err)
	of := map[uuid.UUID]time.Time{}
	for _, r := range stored {
		of[r.SessionID] = r.Until
	}
	for _, r := range ended {
		if until, was := live[r.SessionID]; !was || !r.Until.Equal(until) || !of[r.SessionID].Equal(until) {
			t.Fatalf("ended %+v, stored until %v, want %v (live: %t)", r, of[r.SessionID], until, was)
		}
		delete(live, r.SessionID)
	}
	if len(live) != 0 {
		t.Errorf("%d sessions live on", len(live))
	}
	if again, _ := endAll(t, s, now.Add(time.Second)); len(again) != 0 {
		t.Errorf("%d sessions ended twice", len(again))
	}
}

func endsUnderTraffic(t *testing.T, s Operated) {
	a := withAccount(t, s, "ada")
	const n = 100
	var all []authcore.Session
	for i := range n {
		all = append(all, withSession(t, s, a, fmt.Sprint(i)))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		atOnce(4, func(worker int) error {
			for i := worker; i < n; i += 4 {
				_, err := s.RotateRefresh(t.Context(), rotation(all[i], fmt.Sprint(i), fmt.Sprint("next ", i), time.Second))
				if err == nil {
					err = openPlain(t.Context(), s, aSession(a, fmt.Sprint("new ", i)), authcore.Effects{})
				}
				_ = err // ended first, which is what the others are tested for
			}
			return nil
		})
	}()
	endAll(t, s, start.Add(2*time.Second))
	<-done
	for i, sess := range all {
		for _, token := range []string{fmt.Sprint(i), fmt.Sprint("next ", i)} {
			_, err := s.RotateRefresh(t.Context(), rotation(sess, token, "later", 3*time.Second))
			wants(t, err, authcore.ErrNotFound)
		}
	}
}

func voidsChallenges(t *testing.T, s Operated) {
	const n = 510 // more than one batch
	for i := range n {
		issued(t, s, aChallenge(authcore.PurposeResetPassword, fmt.Sprint("subject ", i), fmt.Sprint(i)))
	}
	_, err := s.ProveCode(t.Context(), authcore.PurposeResetPassword, "subject 0", sum("code wrong"), secret.Digest{}, start)
	wants(t, err, authcore.ErrWrongCode)
	voided, err := s.VoidChallenges(t.Context(), start.Add(time.Second))
	if err != nil || voided != n {
		t.Errorf("%d voided (%v), want %d", voided, err, n)
	}
	for _, now := range []time.Time{start.Add(time.Second), start.Add(-time.Minute)} { // also on a node whose clock is behind
		_, err = s.ProveCode(t.Context(), authcore.PurposeResetPassword, "subject 1", sum("code 1"), secret.Digest{}, now)
		wants(t, err, authcore.ErrSpentCode)
		_, err = s.ProveToken(t.Context(), authcore.PurposeResetPassword, sum("token 2"), now)
		wants(t, err, authcore.ErrNotFound)
	}
	again := aChallenge(authcore.PurposeResetPassword, "subject 0", "again")
	issued(t, s, again)
	got, err := s.ProveCode(t.Context(), authcore.PurposeResetPassword, "subject 0", sum("code again"), secret.Digest{}, start)
	if err != nil || got.AttemptsLeft != again.AttemptsLeft-1 {
		t.Errorf("%d attempts left (%v), one was spent before", got.AttemptsLeft, err)
	}
}

func resealsMails(t *testing.T, s Operated) {
	fx := mails(5)
	must(t, s.Record(t.Context(), fx))
	must(t, s.MailSent(t.Context(), fx.Mails[0].ID, start))
	var seen []authcore.Mail
	for at := uuid.Nil; ; {
		page, err := s.SealedMails(t.Context(), at, 3)
		must(t, err)
		if len(page) == 0 {
			break
		}
		seen, at = append(seen, page...), page[len(page)-1].ID
	}
	if len(seen) != 4 || !bytes.Equal(seen[0].Sealed, fx.Mails[1].Sealed) {
		t.Fatalf("%d mails are sealed: %+v", len(seen), seen)
	}
	must(t, s.ResealMail(t.Context(), seen[0].ID, seen[0].Sealed, []byte("new")))
	must(t, s.ResealMail(t.Context(), seen[1].ID, []byte("another"), []byte("new")))
	must(t, s.DropMail(t.Context(), seen[2].ID, start))
	claimed, err := s.ClaimMail(t.Context(), start, time.Minute, 10)
	must(t, err)
	left := map[uuid.UUID]string{}
	for _, m := range claimed {
		left[m.ID] = string(m.Sealed)
	}
	if len(left) != 3 || left[seen[0].ID] != "new" || left[seen[1].ID] != string(seen[1].Sealed) {
		t.Errorf("to be sent: %q", left)
	}
}
