package sqlstore_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

func TestMain(m *testing.M) { testpg.Main(m) }

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) storetest.Store { return overheard(t, migrated(t, sqliteURL(t))) })
	storetest.RunOperations(t, func(t testing.TB) storetest.Operated { return overheard(t, migrated(t, sqliteURL(t))) })
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	databases := &recycled{owner: t}
	storetest.Run(t, func(t testing.TB) storetest.Store { return overheard(t, migrated(t, databases.take(t))) })
	storetest.RunOperations(t, func(t testing.TB) storetest.Operated { return overheard(t, migrated(t, databases.take(t))) })
}

// recycled hands out empty databases. Emptying one is much faster than making one.
type recycled struct {
	owner testing.TB

	mu   sync.Mutex
	free []string
}

func (r *recycled) take(t testing.TB) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var url string
	if n := len(r.free); n > 0 {
		url, r.free = r.free[n-1], r.free[:n-1]
	} else {
		url = testpg.Database(r.owner)
	}
	t.Cleanup(func() {
		empty(t, url)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.free = append(r.free, url)
	})
	return url
}

func empty(t testing.TB, url string) {
	ctx := context.Background() // the test's has ended
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Errorf("empty database: %v", err)
		return
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `truncate users, identifiers, registrations, challenges, sessions, revocations, events, outbox, security_links,
		signing_keys, settings, lockouts, avatars, devices, former_identifiers, invitations, security_links, factors, recovery_codes, pending_signins,
		connections, former_connections, social_starts, social_tokens, used_tokens, provider_sessions, dialect_tokens, provider_grants, blocks, block_hits, runtime_settings, runtime_setting_changes restart identity`)
	if err != nil {
		t.Errorf("empty database: %v", err)
	}
}

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db") }

func opened(t testing.TB, url string) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: url, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s.WithDigester(sqlstore.TestDigester)
}

func migrated(t testing.TB, url string) *sqlstore.Store {
	t.Helper()
	s := opened(t, url)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return s
}
