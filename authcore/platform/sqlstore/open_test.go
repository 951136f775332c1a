package sqlstore_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
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

func TestValidate(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "none")
	for url, valid := range map[string]bool{
		"sqlite:" + folder + "/gatehouse.db":            true,
		"sqlite://" + folder + "/gatehouse.db":          true,
		"sqlite:gatehouse.db":                           true,
		"postgres://u:p@localhost/db?sslmode=disable":   true,
		"postgresql://u:p@localhost/db?pool_max_conns=": false,
		"sqlite:":                                false,
		"sqlite:/":                               false,
		"sqlite::memory:":                        false,
		"sqlite:a.db?mode=ro":                    false,
		"mysql://u:hunter2@localhost/db":         false,
		"":                                       false,
		"postgres://u:hunter2#@localhost/db":     false,
		"postgres://u:hunter2@localhost:port/db": false,
		"postgres://u:hunter2@localhost/db?sslmode=never": false,
		"postgres://u:hun%ter2@localhost/db":              false,
		// What is taken for port and database is the password.
		"postgres://u:12/hunter2@localhost/db":                                      false,
		"postgres://u:12/hunter2@localhost":                                         false,
		"postgres://u:12?hunter2@localhost/db":                                      false,
		"postgres://u:12?x=1&hunter2@localhost/db":                                  false,
		"postgres://u:12#hunter2@localhost/db":                                      false,
		"postgres://u:12@hun/ter2@localhost/db":                                     false,
		"postgres://u:p@localhost/db?pool_max_conns=hunter2":                        false,
		"postgres://u:p@localhost/db?pool_max_conn_lifetime=hunter2":                false,
		"postgres://u:p@localhost/db?connect_timeout=hunter2":                       false,
		"postgres://u:p@localhost/db?target_session_attrs=hunter2":                  false,
		"postgres://u:p@localhost/db?sslmode=require&min_protocol_version=hunter2":  false,
		"postgres://u:p@localhost/db?sslmode=verify-full&sslrootcert=/none/hunter2": false,
		"postgres://u:p%40%2F%3F@localhost/d%40b?application_name=a@b":              true,
		"postgres://localhost/db?user=me@tenant":                                    true,
	} {
		err := sqlstore.Validate(url)
		if (err == nil) != valid {
			t.Errorf("%s: error is %v, want valid %v", url, err, valid)
		}
		if err != nil && (strings.Contains(err.Error(), "hun") || strings.Contains(err.Error(), "ter2")) {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	for setting, reason := range map[string]string{"pool_max_conns=many": "the setting pool_max_conns of the postgres URL is not valid",
		"connect_timeout=long":  "the setting connect_timeout of the postgres URL is not valid",
		"sslrootcert=" + folder: "the setting sslrootcert of the postgres URL names a file that cannot be read: no such file"} {
		if err := sqlstore.Validate("postgres://u:p@localhost/db?application_name=x&" + setting); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: error is %v", setting, err)
		}
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("validating has made a folder: %v", err)
	}
}

func TestOpenUnreachable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"postgres://u:hunter2@127.0.0.1:1/db?sslmode=disable", "sqlite:" + file + "/below/a.db"} {
		begin := time.Now()
		_, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: url, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("took %v", took)
		}
	}
}

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
func unavailable(t testing.TB, s authcore.Store, a authcore.Account, limit time.Duration) {
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
