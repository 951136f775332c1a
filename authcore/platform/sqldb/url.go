package sqldb

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// statementLimit is how long Postgres may work on, or wait for locks in, one statement. It is longer than the
	// usual deadlock_timeout of 1 s: ended by this limit instead, both sides of a deadlock would fail.
	statementLimit = 1200 * time.Millisecond
	// cancelLimit is how long a cancelled statement may take to say so before its connection is given up.
	cancelLimit = 250 * time.Millisecond
	dialLimit   = 2 * time.Second
	// idleLimit is how long a transaction may wait for its client.
	idleLimit = 5 * time.Second
	// CommitLimit is longer than any transaction lives that makes revocations, also one whose client was cut off with its
	// COMMIT on the way: a row that is committed later than rows with higher numbers is so by no more than this.
	CommitLimit = 10 * time.Second
)

// location is one of the two.
type location struct {
	path string // of a SQLite file, absolute
	pool *pgxpool.Config
	// settings are what each connection of the pool sets for itself.
	settings map[string]string
}

// parse never puts the URL into an error: it holds a password.
func parse(text string) (location, error) {
	scheme, rest, _ := strings.Cut(text, ":")
	switch scheme {
	case "sqlite":
		return parseFile(rest)
	case "postgres", "postgresql":
		return parsePostgres(text)
	}
	return location{}, errors.New("database: the URL must begin with sqlite:, postgres:// or postgresql://")
}

func parseFile(path string) (location, error) {
	path = strings.TrimPrefix(path, "//")
	// In a DSN what follows '?' would be read as settings, which could switch durability off.
	base := filepath.Base(path)
	if path == "" || strings.ContainsAny(path, "?#\x00") || strings.HasPrefix(path, ":") || strings.HasSuffix(path, "/") ||
		base == "." || base == ".." { // a folder
		return location{}, errors.New("database: sqlite: needs the path of a file, without ? and #")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return location{}, fmt.Errorf("database: find %s: %w", path, err)
	}
	return location{path: abs}, nil
}

func parsePostgres(text string) (location, error) {
	u, err := url.Parse(text)
	if err != nil || strayAt(u) {
		return location{}, errors.New("database: the postgres URL is malformed: " +
			"special characters in user and password must be percent-encoded")
	}
	cfg, err := pgxpool.ParseConfig(text)
	if err != nil {
		return location{}, badSetting(u, err)
	}
	if err := refuseMode(u, cfg); err != nil {
		return location{}, err
	}
	query := u.Query()
	if !query.Has("pool_max_conns") {
		cfg.MaxConns = int32(max(16, 4*runtime.GOMAXPROCS(0)))
	}
	if !query.Has("pool_min_idle_conns") {
		// A burst after a quiet time should not find an empty pool.
		cfg.MinIdleConns = min(2, cfg.MaxConns)
	}
	cfg.PingTimeout = poolWait
	conn := cfg.ConnConfig
	if !query.Has("connect_timeout") {
		conn.ConnectTimeout = dialLimit
	}
	conn.RuntimeParams["application_name"] = marked(conn.RuntimeParams["application_name"])
	setDefault(conn.RuntimeParams, "statement_timeout", fmt.Sprint(statementLimit.Milliseconds()))
	// Single statements rely on it as transactions do, whatever the database's own default is.
	setDefault(conn.RuntimeParams, "default_transaction_isolation", "read committed")
	// Not for the URL to change: a node that is cut off must not commit when it has long been given up (see CommitLimit).
	conn.RuntimeParams["idle_in_transaction_session_timeout"] = fmt.Sprint(idleLimit.Milliseconds())
	// A cancelled statement is cancelled in the server too. The usual handler closes the connection instead: clients
	// that hang up would drain the pool, and nobody would know whether a commit had happened.
	conn.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelLimit}
	}
	settings := sessionSettings(conn)
	conn.AfterConnect = setting(settings)
	return location{pool: cfg, settings: settings}, nil
}

// strayAt reports whether an @ stands where it ends no password: then one with special characters has been taken apart, and the
// rest of it for the port and the name of the database, which connecting tells the log.
func strayAt(u *url.URL) bool {
	if strings.Contains(u.EscapedPath(), "@") || strings.Contains(u.EscapedFragment(), "@") {
		return true
	}
	for setting := range strings.SplitSeq(u.RawQuery, "&") {
		if key, _, _ := strings.Cut(setting, "="); strings.Contains(key, "@") {
			return true
		}
	}
	return false
}

// badSetting names the setting that is not valid. Neither it nor what the file system said of a file's name is quoted: an error
// of pgx quotes the URL, and what that wraps quotes values.
func badSetting(u *url.URL, cause error) error {
	reason := "is not valid"
	var file *fs.PathError
	if errors.As(cause, &file) {
		reason = "names a file that cannot be read: " + file.Err.Error()
	}
	reads := func(query url.Values) bool {
		alone := url.URL{Scheme: "postgres", Host: "localhost", Path: "/", RawQuery: query.Encode()}
		_, err := pgxpool.ParseConfig(alone.String())
		return err == nil
	}
	for key, values := range u.Query() {
		if reads(nil) && !reads(url.Values{key: values}) {
			return fmt.Errorf("database: the setting %s of the postgres URL %s", key, reason)
		}
	}
	return errors.New("database: the postgres URL, or a variable of the environment for Postgres, has a setting that " + reason)
}

func setDefault(m map[string]string, key, value string) {
	if _, set := m[key]; !set {
		m[key] = value
	}
}
