package sqlstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

var sweepStart = time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)

func sessionOf(t testing.TB, s *Store, a authcore.Account, token string) authcore.Session {
	t.Helper()
	sess := authcore.Session{ID: newID(), AccountID: a.ID, Mode: authcore.ModeBearer, CreatedAt: sweepStart,
		RefreshDigest: secret.SumString(token), RefreshExpiresAt: sweepStart.Add(time.Hour), ExpiresAt: sweepStart.Add(time.Hour),
		AccessUntil: sweepStart.Add(5 * time.Minute)}
	if _, err := s.OpenSession(t.Context(), authcore.SessionOpening{Session: sess}); err != nil {
		t.Fatal(err)
	}
	return sess
}

func rotationOf(sess authcore.Session, from, to string, now time.Time) authcore.Rotation {
	return authcore.Rotation{SessionID: sess.ID, Token: secret.SumString(from), Next: secret.SumString(to),
		SealedSuccessor: []byte("sealed"), Mode: authcore.ModeBearer, Now: now, Leeway: 10 * time.Second,
		RefreshExpiresAt: sess.ExpiresAt, AccessUntil: now.Add(5 * time.Minute),
		Repeat: authcore.Event{ID: uuid.Must(uuid.NewV7()), Kind: authcore.EventRefreshRepeated, At: now, Result: "success"},
		Replay: authcore.Event{ID: uuid.Must(uuid.NewV7()), Kind: authcore.EventRefreshReplayed, At: now, Result: "refresh_token_reused"}}
}

func rotated(t testing.TB, s *Store, r authcore.Rotation) {
	t.Helper()
	if got, err := s.RotateRefresh(t.Context(), r); err != nil || got.Outcome != authcore.Rotated {
		t.Fatalf("outcome %d (%v)", got.Outcome, err)
	}
}

func TestSweepErasesSuccessors(t *testing.T) {
	t.Parallel()
	s, path := newFile(t)
	a, ids := newAccount("anna")
	if err := s.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	sealed := func() int64 { return count(t, s, "sessions where successor is not null") }
	sweep := func(s *Store, after time.Duration) {
		t.Helper()
		if err := s.Sweep(t.Context(), sweepStart.Add(after)); err != nil {
			t.Fatal(err)
		}
	}
	first := sessionOf(t, s, a, "1")
	rotated(t, s, rotationOf(first, "1", "2", sweepStart))
	sweep(s, 10*time.Second-time.Microsecond)
	if sealed() != 1 {
		t.Error("erased within the leeway")
	}
	// Another rotation, by another store on the same data, has its own leeway.
	other := openFile(t, path)
	rotated(t, other, rotationOf(first, "2", "3", sweepStart.Add(9*time.Second)))
	sweep(s, 10*time.Second)
	if sealed() != 1 {
		t.Error("the successor of a later rotation was erased within its leeway")
	}
	sweep(other, 19*time.Second)
	if sealed() != 0 {
		t.Error("a sealed successor is left after its leeway")
	}
	// Others may have a longer leeway than who rotated.
	kept := rotationOf(first, "3", "3b", sweepStart.Add(19*time.Second))
	kept.Leeway, kept.Keep = time.Second, 10*time.Second
	rotated(t, other, kept)
	sweep(other, 29*time.Second-time.Microsecond)
	if sealed() != 1 {
		t.Error("erased while others may still ask for it")
	}
	sweep(other, 29*time.Second)
	if sealed() != 0 {
		t.Error("a sealed successor is left after the longest leeway")
	}
	// One of a process that died is found by walking.
	rotated(t, other, rotationOf(first, "3b", "4", sweepStart.Add(30*time.Second)))
	sweep(s, 30*time.Second+successorKept-time.Microsecond)
	if sealed() != 1 {
		t.Error("a foreign successor was erased too early")
	}
	sweep(s, 30*time.Second+successorKept)
	if sealed() != 0 {
		t.Error("the successor of a dead process is left")
	}
}

func TestSweepEmpties(t *testing.T) {
	t.Parallel()
	s, _ := newFile(t)
	a, ids := newAccount("anna")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.CreateAccount(t.Context(), a, ids, authcore.Effects{}))
	for i := range sessionPage + 5 {
		sess := authcore.Session{ID: newID(), AccountID: a.ID, RefreshExpiresAt: sweepStart, ExpiresAt: sweepStart, CreatedAt: sweepStart}
		if i%100 == 0 {
			sess.ExpiresAt, sess.RefreshExpiresAt = sweepStart.Add(time.Hour), sweepStart.Add(time.Hour)
		}
		_, err := s.OpenSession(t.Context(), authcore.SessionOpening{Session: sess})
		must(err)
	}
	for i := range sweepBatch + 5 {
		subject := fmt.Sprint("subject", i)
		must(s.IssueChallenge(t.Context(), authcore.Challenge{ID: newID(), Purpose: authcore.PurposeVerifyEmail, Subject: subject,
			CreatedAt: sweepStart, ExpiresAt: sweepStart}, authcore.Effects{}))
	}
	mail := authcore.Mail{ID: newID(), Kind: authcore.MailVerify, Sealed: []byte("address and code"), CreatedAt: sweepStart}
	must(s.SaveRegistration(t.Context(), authcore.Registration{ID: newID(), Address: "a@example.com", ProofDigest: []byte{1},
		CreatedAt: sweepStart, ExpiresAt: sweepStart}, 9, nil, authcore.Effects{Mails: []authcore.Mail{mail}}))
	_, err := s.ChangeLockout(t.Context(), "a", authcore.Lockout{}, authcore.Lockout{Key: "a", Until: sweepStart, VoidAt: sweepStart})
	must(err)
	_, err = s.RevokeSessions(t.Context(), a.ID, []uuid.UUID{}, true, sweepStart, authcore.Effects{})
	must(err)
	must(s.MailSent(t.Context(), mail.ID, sweepStart))
	if n := count(t, s, "outbox where sealed is not null"); n != 0 {
		t.Error("a sent mail keeps its content")
	}

	must(s.Sweep(t.Context(), sweepStart.Add(mailKept)))
	for _, table := range []string{"sessions", "challenges", "registrations", "revocations", "outbox", "lockouts"} {
		if n := count(t, s, table); n != 0 {
			t.Errorf("%d rows of %s are left", n, table)
		}
	}
	if n := count(t, s, "identifiers"); n != 1 {
		t.Errorf("%d identifiers, want the account's", n)
	}
}

func TestEveryLeewayHitIsAnEvent(t *testing.T) {
	t.Parallel()
	s, _ := newFile(t)
	a, ids := newAccount("anna")
	if err := s.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	sess := sessionOf(t, s, a, "1")
	rotated(t, s, rotationOf(sess, "1", "2", sweepStart))
	for range 3 {
		if got, err := s.RotateRefresh(t.Context(), rotationOf(sess, "1", "x", sweepStart)); err != nil || got.Outcome != authcore.Repeated {
			t.Fatalf("outcome %d (%v)", got.Outcome, err)
		}
	}
	if got, err := s.RotateRefresh(t.Context(), rotationOf(sess, "1", "x", sweepStart.Add(time.Minute))); err != nil || got.Outcome != authcore.Replayed {
		t.Fatalf("outcome %d (%v)", got.Outcome, err)
	}
	for kind, want := range map[string]int64{"session.refresh_repeated": 3, "session.refresh_replayed": 1} {
		if n := count(t, s, "events where kind = '"+kind+"' and session_id = '"+sess.ID.String()+"'"); n != want {
			t.Errorf("%d events %s, want %d", n, kind, want)
		}
	}
}

// BenchmarkRefresh compares a refresh with the least that one can cost here: a bare update of one row.
func BenchmarkRefresh(b *testing.B) {
	s, _ := newFile(b)
	a, ids := newAccount("anna")
	if err := s.CreateAccount(b.Context(), a, ids, authcore.Effects{}); err != nil {
		b.Fatal(err)
	}
	const clients = 16
	run := func(name string, do func(client, round int, sess *authcore.Session) error) {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(clients / 2)
			next := make(chan int, 1000)
			for i := range cap(next) {
				next <- i
			}
			b.RunParallel(func(pb *testing.PB) {
				client := <-next
				sess := sessionOf(b, s, a, fmt.Sprint(client, " ", 0))
				for round := 0; pb.Next(); round++ {
					if err := do(client, round, &sess); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
	run("bare update", func(_, round int, sess *authcore.Session) error {
		return s.ReplacePasswordHash(b.Context(), sess.AccountID, "", "")
	})
	run("refresh", func(client, round int, sess *authcore.Session) error {
		r := rotationOf(*sess, fmt.Sprint(client, " ", round), fmt.Sprint(client, " ", round+1), sweepStart)
		got, err := s.RotateRefresh(b.Context(), r)
		if err == nil && got.Outcome != authcore.Rotated {
			err = fmt.Errorf("outcome %d", got.Outcome)
		}
		return err
	})
}

func TestDummyMailHoldsNothingAndIsSweptLikeASentOne(t *testing.T) {
	t.Parallel()
	s, _ := newFile(t)
	dummy := authcore.Mail{ID: newID(), Kind: authcore.MailReset, Sealed: []byte("sealed"), CreatedAt: sweepStart, Dummy: true}
	if err := s.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{dummy}}); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "outbox where sealed is null and due_at is null and done_at is not null"); n != 1 {
		t.Errorf("%d rows that are done and hold nothing, want 1", n)
	}
	if err := s.Sweep(t.Context(), sweepStart.Add(mailKept)); err != nil || count(t, s, "outbox") != 0 {
		t.Errorf("%d rows in the end (%v)", count(t, s, "outbox"), err)
	}
}
