package sqlstore_test

import (
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

func refusal(t *testing.T, at string) string {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: at, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err == nil {
		_ = s.Close()
		return ""
	}
	return err.Error()
}

// TestPooler_Modes: behind a pooler that lends connections for a session everything works; one that lends them for less is refused, with
// the cure, also while others use it.
func TestPooler_Modes(t *testing.T) {
	t.Parallel()
	direct := testpg.Database(t)
	for _, mode := range []string{"transaction", "statement"} {
		through := testpg.Pooled(t, direct, mode, 20)
		for range 3 {
			if said := refusal(t, through); !strings.Contains(said, "pool_mode = session") {
				t.Errorf("%s: %q", mode, said)
			}
		}
	}
	session := testpg.Pooled(t, direct, "session", 60)
	s := migrated(t, session)
	for setting, want := range map[string]string{"statement_timeout": "1200ms", "idle_in_transaction_session_timeout": "5s", "default_transaction_isolation": "read committed"} {
		if got := sqlstore.Ask(t, s, "show "+setting); got != want {
			t.Errorf("%s is %s", setting, got)
		}
	}
	if err := sqldb.RefuseConnected(t.Context(), session); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a node behind the pooler is not seen: %v", err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		node := opened(t, session+"&pool_max_conns=2")
		all.Go(func() {
			keys, err := node.ChangeKeys(t.Context(), time.Now(), storetest.Birth(string(rune('a'+i))))
			if err != nil || len(keys) != 3 {
				t.Errorf("%d keys (%v)", len(keys), err)
			}
		})
	}
	all.Wait()
	if said := refusal(t, testpg.Pooled(t, direct, "session", 1)); !strings.Contains(said, "default_pool_size") {
		t.Errorf("no room for a second connection: %q", said)
	}
	if said := refusal(t, session+"&options=-c%20geqo%3Doff"); !strings.Contains(said, "ignore_startup_parameters") {
		t.Errorf("a parameter that the pooler does not take: %q", said)
	}
}

// TestPooler_Store is the store's whole contract behind a pooler, and with a schema of its own.
func TestPooler_Store(t *testing.T) {
	t.Parallel()
	databases := &recycled{owner: t}
	own := testpg.Database(t)
	pooler, err := url.Parse(testpg.Pooled(t, own, "session", 40)) // of every database of the server
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, func(t testing.TB) storetest.Store {
		at, err := url.Parse(databases.take(t))
		if err != nil {
			t.Fatal(err)
		}
		at.Host = pooler.Host
		return migrated(t, at.String())
	})
	s := opened(t, own)
	sqlstore.Change(t, s, "create schema apart")
	apart := migrated(t, own+"&search_path=apart")
	if got := sqlstore.Ask(t, apart, "select string_agg(distinct schemaname, ',') from pg_tables where tablename in ('users', 'goose_db_version')"); got != "apart" {
		t.Errorf("the tables are in %s", got)
	}
}

// TestPing_ReadOnly: a database that takes no changes says so to a question that makes none, and again when it does.
func TestPing_ReadOnly(t *testing.T) {
	t.Parallel()
	at := testpg.Database(t)
	s := migrated(t, at)
	sqlstore.Change(t, s, "alter database "+databaseName(t, at)+" set default_transaction_read_only = on")
	reader := opened(t, at)
	if err := reader.Ping(t.Context()); !errors.Is(err, sqldb.ErrReadOnly) || errors.Is(err, sqldb.ErrFull) {
		t.Errorf("read-only: %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("a connection of before: %v", err)
	}
	sqlstore.Change(t, s, "alter database "+databaseName(t, at)+" reset default_transaction_read_only")
	for begin := time.Now(); ; {
		err := reader.Ping(t.Context())
		if err == nil {
			break
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("it takes changes again: %v", err)
		}
	}
}
