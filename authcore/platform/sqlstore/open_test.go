package sqlstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": testpg.Database(t)} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			for range 6 {
				s := opened(t, url)
				all.Go(func() {
					if err := s.Migrate(t.Context()); err != nil {
						t.Errorf("migrate: %v", err)
					}
					if err := s.CheckSchema(t.Context()); err != nil {
						t.Errorf("check: %v", err)
					}
				})
			}
			all.Wait()
		})
	}
}

func TestSchemaOfAnotherVersion(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": testpg.Database(t)} {
		t.Run(name, func(t *testing.T) {
			s := opened(t, url)
			for range 2 { // looking must not make it
				if err := s.CheckSchema(t.Context()); err == nil || !strings.Contains(err.Error(), "migrate it first") {
					t.Errorf("an empty database: %v", err)
				}
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			sqlstore.RaiseVersion(t, s, 9999)
			sqlstore.Change(t, s, "delete from settings where name = 'schema_fits'")
			for step, do := range map[string]func(context.Context) error{"migrate": s.Migrate, "check": s.CheckSchema} {
				if err := do(t.Context()); err == nil || !strings.Contains(err.Error(), "version 9999 and this program knows") {
					t.Errorf("%s on a newer schema: %v", step, err)
				}
			}
		})
	}
}

func TestKeyBirthOfManyNodes(t *testing.T) {
	t.Parallel()
	url := testpg.Database(t)
	migrated(t, url)
	nodes := make([]*sqlstore.Store, 16)
	for i := range nodes {
		nodes[i] = opened(t, url+"&pool_max_conns=2")
	}
	var all sync.WaitGroup
	for i, node := range nodes {
		all.Go(func() {
			keys, err := node.ChangeKeys(t.Context(), time.Now(), storetest.Birth(string(rune('a'+i))))
			if err != nil || len(keys) != 3 {
				t.Errorf("%d keys (%v), want one set of 3", len(keys), err)
			}
		})
	}
	all.Wait()
}

// administer runs statements as the superuser.
func administer(t testing.TB, server *testpg.Server, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, text := range statements {
		if _, err := conn.Exec(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

func databaseName(t testing.TB, url string) string {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Database
}

// unavailable calls a read and two writes and wants each to say so in time.
func unavailable(t testing.TB, s storetest.Store, a authcore.Account, limit time.Duration) {
	t.Helper()
	for name, call := range map[string]func() error{
		"read":     func() error { _, err := s.AccountByID(t.Context(), a.ID); return err },
		"single":   func() error { return s.ReplacePasswordHash(t.Context(), a.ID, "", "x") },
		"transact": func() error { return s.CreateAccount(t.Context(), account("new"), nil, authcore.Effects{}) },
	} {
		begin := time.Now()
		if err := call(); !errors.Is(err, authcore.ErrUnavailable) {
			t.Errorf("%s: error is %v, want unavailable", name, err)
		}
		if took := time.Since(begin); took > limit {
			t.Errorf("%s: took %v, want at most %v", name, took, limit)
		}
	}
}
