package sqlstore

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// counting counts the statements of a transaction.
type counting struct {
	sqldb.Querier
	n int
}

func (c *counting) Query(ctx context.Context, text string, args ...any) (pgx.Rows, error) {
	c.n++
	return c.Querier.Query(ctx, text, args...)
}

func (c *counting) Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error) {
	c.n++
	return c.Querier.Exec(ctx, text, args...)
}

// A sign-in was three statements before there were devices: the look at the account, the session and its event. It may be two more, and on
// SQLite one that writes down when it was, which Postgres does with another.
func TestOpenSession_Statements(t *testing.T) {
	t.Parallel()
	start := sweepStart
	s, err := Open(t.Context(), Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "g.db"), Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := authcore.Account{ID: uuid.New(), Username: "ada", CreatedAt: start, UpdatedAt: start}
	if err := s.CreateAccount(t.Context(), a, nil, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	signIn := func(device string, maxSessions, maxDevices int) int {
		t.Helper()
		sess := authcore.Session{ID: newID(), AccountID: a.ID, Mode: authcore.ModeBearer, CreatedAt: start, LastSeenAt: start,
			RefreshExpiresAt: start.Add(time.Hour), ExpiresAt: start.Add(time.Hour), AccessUntil: start.Add(time.Minute)}
		event := authcore.Event{Kind: authcore.EventSignedIn, At: start, AccountID: a.ID, SessionID: sess.ID}
		o := authcore.SessionOpening{Session: sess, Keep: true, MaxSessions: maxSessions, MaxDevices: maxDevices, Seen: event, Ended: event, Forgotten: event, Effects: authcore.Effects{Events: []authcore.Event{event}},
			Device: authcore.Device{ID: uuid.New(), TokenDigest: secret.SumString(device)},
			NewDevice: func([]authcore.SecurityLink) (authcore.Effects, error) {
				return authcore.Effects{Mails: []authcore.Mail{{ID: newID(), CreatedAt: start}},
					SecurityLinks: []authcore.SecurityLink{{ID: newID(), AccountID: a.ID, TokenDigest: secret.SumString(newID().String()), At: start, ExpiresAt: start}}}, nil
			}}
		n := 0
		err := s.Write(t.Context(), "sign in", func(ctx context.Context, q sqldb.Querier) error {
			c := &counting{Querier: q}
			_, err := s.open(ctx, &tx{Querier: c}, o)
			n = c.n
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const before = 3 + 1
	for _, c := range []struct {
		name, device            string
		sessions, devices, most int
	}{
		{"the first of all", "phone", 100, 100, before + 2}, {"from a known device", "phone", 100, 100, before},
		{"from a new device", "desk", 100, 100, before + 2}, {"that ends another session", "desk", 3, 100, before + 2},
		{"from one device too many", "tablet", 100, 2, before + 3},
	} {
		if n := signIn(c.device, c.sessions, c.devices); n > c.most {
			t.Errorf("a sign-in %s makes %d statements, %d at most", c.name, n, c.most)
		}
	}
}
