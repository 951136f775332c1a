package sqlstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// Whatever the sessions' own rows say: the account decides.
func TestT24_AccountChanged(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": testpg.Database(t)} {
		for _, change := range []string{"disabled_at = 1", "epoch = epoch + 1"} {
			t.Run(name+" "+change, func(t *testing.T) {
				s := migrated(t, url)
				a := withAccount(t, s)
				sess := authcore.Session{ID: uuid.Must(uuid.NewV7()), AccountID: a.ID, Mode: authcore.ModeBearer, CreatedAt: time.Now(),
					RefreshDigest: secret.SumString("1"), RefreshExpiresAt: time.Now().Add(time.Hour), ExpiresAt: time.Now().Add(time.Hour)}
				if _, err := s.OpenSession(t.Context(), authcore.SessionOpening{Session: sess}); err != nil {
					t.Fatal(err)
				}
				code := handoverOf(t, s, sess)
				sqlstore.Change(t, s, "update users set "+change+" where id = $1", a.ID)
				if _, _, err := s.OpenChild(t.Context(), code); !errors.Is(err, authcore.ErrNotFound) {
					t.Errorf("hand-over: %v, want not found", err)
				}
				for _, presented := range []string{"1", "an older one"} {
					_, err := s.RotateRefresh(t.Context(), authcore.Rotation{SessionID: sess.ID, Token: secret.SumString(presented),
						Next: secret.SumString("2"), Mode: authcore.ModeBearer, Now: time.Now(), RefreshExpiresAt: time.Now().Add(time.Hour)})
					if !errors.Is(err, authcore.ErrNotFound) {
						t.Errorf("rotation with %s: %v, want not found", presented, err)
					}
				}
				if _, _, err := s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, time.Now()); !errors.Is(err, authcore.ErrNotFound) {
					t.Errorf("by refresh token: %v, want not found", err)
				}
				if list, err := s.LiveRevocations(t.Context(), 0, time.Now()); err != nil || len(list) != 0 {
					t.Errorf("%d revocations (%v): it was taken for a replay", len(list), err)
				}
			})
		}
	}
}

// handoverOf is a live code for a child session of the session.
func handoverOf(t *testing.T, s *sqlstore.Store, sess authcore.Session) authcore.ChildSession {
	t.Helper()
	const host = "https://app.example.com"
	now := time.Now()
	ch := authcore.Challenge{ID: uuid.Must(uuid.NewV7()), Purpose: authcore.PurposeHandover, Subject: sess.ID.String() + " " + host,
		AccountID: sess.AccountID, TokenDigest: secret.SumString("token"), CodeDigest: secret.SumString("code"),
		CreatedAt: now, AttemptsResetAt: now, ExpiresAt: now.Add(time.Minute)}
	if err := s.IssueChallenge(t.Context(), ch, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	return authcore.ChildSession{ChallengeID: ch.ID, Token: ch.TokenDigest, Bound: ch.CodeDigest, Origin: host, Now: now,
		Session: authcore.Session{ID: uuid.Must(uuid.NewV7()), Mode: authcore.ModeCookie, Origin: host, CreatedAt: now,
			RefreshDigest: secret.SumString("child"), RefreshExpiresAt: now.Add(time.Hour), ExpiresAt: now.Add(time.Hour)}}
}
