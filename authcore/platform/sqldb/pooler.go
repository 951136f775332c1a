package sqldb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// startup are the parameters that go out while connecting. PgBouncer refuses a client that gives others, unless it is told to ignore
// them, so these are set once the connection is there. (options is the URL's own doing.)
var startup = []string{"application_name", "client_encoding", "datestyle", "timezone", "standard_conforming_strings", "options"}

// sessionSettings takes what a connection has to set out of the parameters that it is opened with.
func sessionSettings(conn *pgx.ConnConfig) map[string]string {
	later := make(map[string]string)
	for name, value := range conn.RuntimeParams {
		if !slices.Contains(startup, strings.ToLower(name)) {
			later[name] = value
			delete(conn.RuntimeParams, name)
		}
	}
	return later
}

// setting returns what gives a new connection its settings, in one question.
func setting(of map[string]string) pgconn.AfterConnectFunc {
	var calls []string
	var values [][]byte
	for _, name := range slices.Sorted(maps.Keys(of)) {
		calls = append(calls, fmt.Sprintf("set_config($%d, $%d, false)", len(values)+1, len(values)+2))
		values = append(values, []byte(name), []byte(of[name]))
	}
	text := "select " + strings.Join(calls, ", ")
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		return conn.ExecParams(ctx, text, values, nil, nil, nil).Read().Err
	}
}

// refuseMode refuses what would have pgx speak another way than the statements here are written for: single calls would fail.
func refuseMode(u *url.URL, pool *pgxpool.Config) error {
	const leave = "database: the setting %s of the postgres URL must be left out: single calls fail with it (behind PgBouncer use pool_mode = session)"
	switch conn := pool.ConnConfig; {
	case conn.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement:
		return fmt.Errorf(leave, "default_query_exec_mode")
	case conn.StatementCacheCapacity < 1:
		return fmt.Errorf(leave, "statement_cache_capacity")
	case pool.HealthCheckPeriod <= 0:
		return fmt.Errorf("database: the setting %s of the postgres URL must be more than 0", "pool_health_check_period")
	case pool.MaxConnLifetime <= 0:
		return fmt.Errorf("database: the setting %s of the postgres URL must be more than 0", "pool_max_conn_lifetime")
	case pool.MaxConnIdleTime <= 0:
		return fmt.Errorf("database: the setting %s of the postgres URL must be more than 0", "pool_max_conn_idle_time")
	}
	// pgx keeps no word of it, but a function.
	switch cmp.Or(u.Query().Get("target_session_attrs"), os.Getenv("PGTARGETSESSIONATTRS")) {
	case "read-only", "standby", "prefer-standby":
		return errors.New("database: target_session_attrs of the postgres URL must be any, primary or read-write: a gateway writes")
	}
	return nil
}

const sharedBackend = "the pooler in front of Postgres gives a connection to several clients at once (PgBouncer's pool_mode transaction or statement): " +
	"set pool_mode = session for this database in its configuration, or name Postgres itself in the URL"

// refuseShared refuses a pooler that lends connections for a transaction or a statement: settings, prepared statements and locks of
// a session would be lost, or be somebody else's. A pooler makes up the process id that it tells while connecting, so who is told
// the right one has Postgres itself. Two clients of a pooler that lends for a session have a process each, and keep it. It reports
// whether there is a pooler.
func refuseShared(ctx context.Context, cfg *pgx.ConnConfig) (pooled bool, err error) {
	cfg = cfg.Copy()
	cfg.AfterConnect = nil // nothing is left behind in a connection that others use
	first, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return false, startupRefused(err)
	}
	defer first.Close(context.WithoutCancel(ctx))
	pid, err := backend(ctx, first)
	if err != nil || pid == first.PgConn().PID() {
		return false, err
	}
	second, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return true, err
	}
	defer second.Close(context.WithoutCancel(ctx))
	for range 8 { // a pooler may take them in turns
		soon, cancel := context.WithTimeout(ctx, dialLimit)
		other, err := backend(soon, second)
		cancel()
		if err != nil {
			return true, fmt.Errorf("the pooler in front of Postgres gives no second connection: its pool (PgBouncer's default_pool_size) must "+
				"have room for pool_max_conns of every node: %w", err)
		}
		again, err := backend(ctx, first)
		switch {
		case err != nil:
			return true, err
		case other == pid || again != pid:
			return true, errors.New(sharedBackend)
		}
	}
	return true, nil
}

func backend(ctx context.Context, conn *pgx.Conn) (pid uint32, err error) {
	err = conn.QueryRow(ctx, "select pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	return pid, err
}

// startupRefused adds the cure to a pooler's refusal of a parameter.
func startupRefused(err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) && strings.Contains(said.Message, "startup parameter") {
		return fmt.Errorf("%w: leave it out of the postgres URL, or add it to PgBouncer's ignore_startup_parameters", err)
	}
	return err
}
