package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// start is the instant at which every test begins. Microseconds: that is what stores keep.
var start = time.Date(2026, 11, 22, 13, 0, 0, 123456000, time.UTC)

const (
	leeway = 10 * time.Second
	agent  = "Mozilla/5.0 (tests)"
)

func sum(text string) secret.Digest { return secret.SumString(text) }

func email(value string) authcore.Identifier {
	return authcore.Identifier{Kind: authcore.KindEmail, Value: value}
}

func username(value string) authcore.Identifier {
	return authcore.Identifier{Kind: authcore.KindUsername, Value: value}
}

// anAccount has every field set, in as many scripts as fit.
func anAccount(name string) authcore.Account {
	return authcore.Account{
		ID: uuid.New(), Email: name + "@example.com", EmailVerifiedAt: start.Add(-time.Hour), Username: name,
		Phone: "+4930123456", FirstName: "Zoë 山田", LastName: "O'Brien \"%' — ﷺ 👩‍👩‍👧", AvatarURL: "https://a.example/x?y=1&z=ü",
		Locale: "de-AT", Fields: map[string]any{"team": "blåu \"%'\\ 👩", "age": -7.0, "news": false},
		Roles: []string{"admin", "ops:eu"}, PasswordHash: "$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA",
		Epoch: 7, RolesVersion: 3, CreatedAt: start.Add(-2 * time.Hour), UpdatedAt: start.Add(-time.Minute),
	}
}

func idsOf(a authcore.Account) []authcore.Identifier {
	return []authcore.Identifier{email(a.Email), username(a.Username)}
}

func withAccount(t testing.TB, s Store, name string) authcore.Account {
	t.Helper()
	a := anAccount(name)
	must(t, s.CreateAccount(t.Context(), a, idsOf(a), authcore.Effects{}))
	return a
}

// unverified is an account of open sign-up: its address is claimed and not verified.
func unverified(t testing.TB, s Store, name string) authcore.Account {
	t.Helper()
	a := anAccount(name)
	a.EmailVerifiedAt = time.Time{}
	must(t, s.CreateAccount(t.Context(), a, idsOf(a), authcore.Effects{}))
	return a
}

func aSession(a authcore.Account, refresh string) authcore.Session {
	return authcore.Session{
		ID: uuid.Must(uuid.NewV7()), AccountID: a.ID, AccountEpoch: a.Epoch, Mode: authcore.ModeBearer,
		AMR: []string{"pwd", "otp"}, AuthTime: start.Add(-time.Second), CreatedAt: start, LastSeenAt: start,
		RefreshDigest: sum(refresh), RefreshExpiresAt: start.Add(30 * 24 * time.Hour), ExpiresAt: start.Add(90 * 24 * time.Hour),
		AccessUntil: start.Add(5 * time.Minute), Addr: "2001:db8::1", UserAgent: agent, DeviceName: "Café ☕",
	}
}

// openPlain opens a session without a device.
func openPlain(ctx context.Context, s interface {
	OpenSession(context.Context, authcore.SessionOpening) (authcore.Session, error)
}, sess authcore.Session, fx authcore.Effects) error {
	_, err := s.OpenSession(ctx, authcore.SessionOpening{Session: sess, Effects: fx})
	return err
}

func withSession(t testing.TB, s Store, a authcore.Account, refresh string) authcore.Session {
	t.Helper()
	sess := aSession(a, refresh)
	must(t, openPlain(t.Context(), s, sess, authcore.Effects{}))
	return sess
}

// rotation presents one token and offers the next, after some time.
func rotation(sess authcore.Session, presented, next string, after time.Duration) authcore.Rotation {
	now, mode := start.Add(after), authcore.ModeBearer
	if sess.Origin != "" {
		mode = sess.Mode
	}
	return authcore.Rotation{
		SessionID: sess.ID, Token: sum(presented), Origin: sess.Origin, Next: sum(next), SealedSuccessor: []byte("sealed " + next),
		Mode: mode, Addr: "192.0.2.7", UserAgent: agent, Now: now, Leeway: leeway,
		RefreshExpiresAt: now.Add(30 * 24 * time.Hour), AccessUntil: now.Add(5*time.Minute + leeway),
		Repeat: anEvent(authcore.EventRefreshRepeated, now), Replay: anEvent(authcore.EventRefreshReplayed, now),
	}
}

func anEvent(kind authcore.EventKind, at time.Time) authcore.Event {
	return authcore.Event{ID: uuid.Must(uuid.NewV7()), Kind: kind, At: at, Result: "success", Addr: "192.0.2.7", UserAgent: agent}
}

func aChallenge(purpose authcore.Purpose, subject, code string) authcore.Challenge {
	return authcore.Challenge{
		ID: uuid.Must(uuid.NewV7()), Purpose: purpose, Subject: subject, CodeDigest: sum("code " + code),
		TokenDigest: sum("token " + code), AttemptsLeft: 5, AttemptsResetAt: start.Add(time.Hour),
		CreatedAt: start, ExpiresAt: start.Add(10 * time.Minute),
	}
}

func issued(t testing.TB, s Store, ch authcore.Challenge) authcore.Challenge {
	t.Helper()
	must(t, s.IssueChallenge(t.Context(), ch, authcore.Effects{}))
	return ch
}

func aMail() authcore.Mail {
	return authcore.Mail{ID: uuid.Must(uuid.NewV7()), Kind: authcore.MailVerify, Channel: authcore.ByEmail, Sealed: []byte{0, 1, 0xff}, CreatedAt: start}
}

func mails(n int) (fx authcore.Effects) {
	for range n {
		fx.Mails = append(fx.Mails, aMail())
	}
	return fx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func wants(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error is %v, want %v", err, target)
	}
}

func wantsTaken(t testing.TB, err error, field authcore.IdentifierKind) {
	t.Helper()
	var taken *authcore.TakenError
	if !errors.As(err, &taken) || taken.Field != field {
		t.Fatalf("error is %v, want %s to be taken", err, field)
	}
}

// atOnce calls do n times, all released at the same moment, and returns what each returned. Who is told that the store is unavailable,
// because a busy machine let so many wait for too long, tries again.
func atOnce[T any](n int, do func(i int) T) []T {
	results := make([]T, n)
	release := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-release
			results[i] = do(i)
			for end := time.Now().Add(time.Minute); time.Now().Before(end); results[i] = do(i) {
				if err, failed := any(results[i]).(error); !failed || !errors.Is(err, authcore.ErrUnavailable) {
					break
				}
			}
		})
	}
	close(release)
	all.Wait()
	return results
}

// countErrors counts errors by what they are: nil and the sentinels. Any other is a failure of the test.
func countErrors(t testing.TB, errs []error) map[error]int {
	t.Helper()
	counts := map[error]int{}
	for _, err := range errs {
		kind := error(nil)
		for _, known := range []error{authcore.ErrNotFound, authcore.ErrWrongCode, authcore.ErrNoAttempts, authcore.ErrSpentCode} {
			if errors.Is(err, known) {
				kind = known
			}
		}
		if err != nil && kind == nil {
			t.Fatalf("unexpected error: %v", err)
		}
		counts[kind]++
	}
	return counts
}

// win wants so many of several callers to have succeeded, and all others to have met loser.
func win(t testing.TB, want int, loser error, errs []error) {
	t.Helper()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			wants(t, err, loser)
		}
	}
	if won != want {
		t.Errorf("%d have won, want %d", won, want)
	}
}

// oneMade wants exactly one of several callers to have made an account, and the address to be taken for all others.
func oneMade(t testing.TB, errs []error) {
	t.Helper()
	made := 0
	for _, err := range errs {
		var taken *authcore.TakenError
		switch {
		case err == nil:
			made++
		case !errors.As(err, &taken) || taken.Field != authcore.KindEmail:
			t.Fatalf("unexpected error: %v", err)
		}
	}
	if made != 1 {
		t.Errorf("%d accounts of one address, want 1", made)
	}
}

// unnumbered compares accounts but for their numbers, which the database gives.
var unnumbered = cmpopts.IgnoreFields(authcore.Account{}, "Number")
