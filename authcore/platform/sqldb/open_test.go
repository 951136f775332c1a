package sqldb_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
)

func TestMain(m *testing.M) { testpg.Main(m) }

func open(t testing.TB, url string) (*sqldb.DB, error) {
	t.Helper()
	return sqldb.Open(t.Context(), sqldb.Config{URL: url, Logger: slog.New(slog.DiscardHandler), Migrations: fstest.MapFS{}})
}

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
		err := sqldb.Validate(url)
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
		if err := sqldb.Validate("postgres://u:p@localhost/db?application_name=x&" + setting); err == nil || !strings.Contains(err.Error(), reason) {
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
		_, err := open(t, url)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("took %v", took)
		}
	}
}

// TestOpen_FarAway: where a connection takes longer to make than work waits for one in use, a burst still gets its connections.
func TestOpen_FarAway(t *testing.T) {
	t.Parallel()
	url := testpg.Database(t)
	at, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	near := net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port)))
	way := testproxy.New(t, near)
	db, err := open(t, strings.Replace(url, near, way.Addr(), 1)+"&pool_min_idle_conns=0")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	way.Set(t, testproxy.Faults{Delay: 60 * time.Millisecond})
	const burst = 3
	var all, inside sync.WaitGroup
	inside.Add(burst)
	for range burst {
		all.Go(func() {
			arrived := sync.OnceFunc(inside.Done)
			defer arrived()
			err := db.Read(t.Context(), "look", func(context.Context, sqldb.Querier) error {
				arrived()
				inside.Wait() // no connection comes back to the pool before each has one
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestValidate_Mode: what has pgx speak another way, or a pool that cannot work, is refused by name.
func TestValidate_Mode(t *testing.T) {
	t.Parallel()
	for setting, names := range map[string]string{
		"default_query_exec_mode=simple_protocol": "default_query_exec_mode", "default_query_exec_mode=exec": "default_query_exec_mode",
		"default_query_exec_mode=cache_describe": "default_query_exec_mode", "default_query_exec_mode=describe_exec": "default_query_exec_mode",
		"statement_cache_capacity=0": "statement_cache_capacity", "statement_cache_capacity=-1": "statement_cache_capacity",
		"target_session_attrs=read-only": "target_session_attrs", "target_session_attrs=standby": "target_session_attrs",
		"target_session_attrs=prefer-standby": "target_session_attrs", "pool_health_check_period=0s": "pool_health_check_period",
		"pool_max_conn_lifetime=0s": "pool_max_conn_lifetime", "pool_max_conn_idle_time=-1s": "pool_max_conn_idle_time", "pool_max_conns=0": "pool_max_conns",
		"default_query_exec_mode=cache_statement": "", "statement_cache_capacity=50": "", "target_session_attrs=read-write": "",
		"target_session_attrs=primary": "", "search_path=apart": "", "options=-c%20geqo%3Doff": "", "pool_max_conns=8&pool_min_conns=2": "",
	} {
		err := sqldb.Validate("postgres://u:p@127.0.0.1:1/x?" + setting)
		if names == "" && err != nil || names != "" && (err == nil || !strings.Contains(err.Error(), names)) {
			t.Errorf("%s: %v", setting, err)
		}
	}
}
