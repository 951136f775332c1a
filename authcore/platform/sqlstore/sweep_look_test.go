package sqlstore_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// TestSweep_WritesOnlyWhereSomethingIsDead: a sweep with nothing to remove opens no transaction that writes, and one with one
// thing to remove opens that one's.
func TestSweep_WritesOnlyWhereSomethingIsDead(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": testpg.Database(t)} {
		t.Run(name, func(t *testing.T) {
			var wrote []string
			s, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: url, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
				Trace: func(ctx context.Context, c sqldb.Call) (context.Context, func(error)) {
					if c.Writes {
						wrote = append(wrote, c.Step)
					}
					return ctx, func(error) {}
				}})
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(err)
			s = s.WithDigester(sqlstore.TestDigester).WithRetention(authcore.Retention{Events: time.Hour, Invitations: time.Hour})
			t.Cleanup(func() { _ = s.Close() })
			must(s.Migrate(t.Context()))
			must(s.Sweep(t.Context(), time.Now())) // the first looks after what a killed process has left
			start := time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)
			live, dead, late := start.Add(24*time.Hour), start, start.Add(2*time.Hour)
			a := authcore.Account{ID: uuid.New(), Username: "anna", CreatedAt: start, UpdatedAt: start}
			must(s.CreateAccount(t.Context(), a, []authcore.Identifier{{Kind: authcore.KindUsername, Value: "anna"}}, authcore.Effects{}))
			open := func(until time.Time) authcore.Session {
				t.Helper()
				sess := authcore.Session{ID: uuid.Must(uuid.NewV7()), AccountID: a.ID, Mode: authcore.ModeBearer, CreatedAt: start,
					RefreshDigest: secret.SumString("1"), RefreshExpiresAt: until, ExpiresAt: until, AccessUntil: until}
				_, err := s.OpenSession(t.Context(), authcore.SessionOpening{Session: sess})
				must(err)
				return sess
			}
			// put leaves one row of each kind, which is good until then; the session that is ended leaves a revocation.
			put := map[string]func(until time.Time){
				"sessions": func(until time.Time) { open(until) },
				"challenges": func(until time.Time) {
					must(s.IssueChallenge(t.Context(), authcore.Challenge{ID: uuid.New(), Purpose: authcore.PurposeVerifyEmail,
						Subject: until.String(), CreatedAt: start, ExpiresAt: until}, authcore.Effects{}))
				},
				"registrations": func(until time.Time) {
					must(s.SaveRegistration(t.Context(), authcore.Registration{ID: uuid.New(), Address: "a@example.com", ProofDigest: []byte{1},
						CreatedAt: start, ExpiresAt: until}, 9, nil, authcore.Effects{}))
				},
				"events": func(until time.Time) {
					must(s.Record(t.Context(), authcore.Effects{Events: []authcore.Event{{ID: uuid.New(), Kind: authcore.EventSignedIn, At: until}}}))
				},
				"invitations": func(until time.Time) {
					must(s.CreateInvitation(t.Context(), authcore.Invitation{ID: uuid.New(), TokenDigest: secret.SumString(until.String()),
						CreatedAt: start, ExpiresAt: until}, 0, authcore.Effects{}))
				},
				"users": func(until time.Time) {
					must(s.ClaimContact(t.Context(), contact.Claim{AccountID: a.ID, Channel: authcore.ByEmail, Address: "new@example.com", Until: until, Now: start,
						Challenge: authcore.Challenge{ID: uuid.New(), Purpose: authcore.PurposeConfirmEmail, Subject: until.String(), CreatedAt: start, ExpiresAt: live}},
						authcore.Effects{}))
				},
				"lockouts": func(until time.Time) {
					_, err := s.ChangeLockout(t.Context(), until.String(), authcore.Lockout{}, authcore.Lockout{Key: until.String(), Until: until, VoidAt: until})
					must(err)
				},
			}
			sweep := func(want ...string) {
				t.Helper()
				wrote = nil
				must(s.Sweep(t.Context(), late))
				if slices.Sort(wrote); !slices.Equal(wrote, want) {
					t.Errorf("a sweep wrote for %q, want %q", wrote, want)
				}
			}
			for kind, row := range put {
				row(live)
				sweep()
				row(dead)
				sweep("sweep " + kind)
				sweep()
			}
			sess := open(live)
			_, err = s.RevokeSessions(t.Context(), a.ID, []uuid.UUID{sess.ID}, false, start, authcore.Effects{})
			must(err)
			sweep() // its access token is good until then
			late = live.Add(2 * time.Hour)
			sweep("sweep challenges", "sweep events", "sweep invitations", "sweep lockouts", "sweep registrations", "sweep revocations", "sweep sessions")
			mail := authcore.Mail{ID: uuid.New(), Kind: authcore.MailVerify, Sealed: []byte("sealed"), CreatedAt: start}
			must(s.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{mail}}))
			must(s.MailSent(t.Context(), mail.ID, start))
			sweep()
			late = start.Add(8 * 24 * time.Hour)
			sweep("sweep outbox")
			sweep()
		})
	}
}
