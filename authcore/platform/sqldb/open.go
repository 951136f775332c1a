package sqldb

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const connectLimit = 5 * time.Second

// Config says where the data is.
type Config struct {
	// URL is sqlite:<path>, or a postgres:// or postgresql:// URL with the parameters that pgxpool knows.
	URL    string
	Logger *slog.Logger
	Trace  Trace // nil is nobody
	// Migrations has a folder for each dialect, by its name, with goose's files.
	Migrations fs.FS
	// Mark is a file that is made only once a SQLite file has its tables. Where it exists, one that is missing, empty or without
	// tables has been lost. "": there is none; then the lock beside the file shows that one has been there.
	Mark string
}

// DB is the database. Its methods may be called concurrently; several DBs, in one or many processes, may share a Postgres
// database, and exactly one process a SQLite file (Lock).
type DB struct {
	engine     engine
	file       string // SQLite's, "" for Postgres
	dialect    *Dialect
	migrations fs.FS
	log        *slog.Logger
	trace      Trace
	corruption corruption
	mark       string // Config.Mark, where it exists
}

// Open connects and asks the database one question, both within 5 s. It creates nothing but what connecting needs: for
// SQLite the file (0600) and its folder (0700). Migrate, CheckSchema and Lock are separate steps.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Logger == nil || cfg.Migrations == nil {
		return nil, fmt.Errorf("open database: logger and migrations are needed")
	}
	at, err := parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()

	step := "open database"
	d := &DB{log: cfg.Logger, trace: cfg.Trace, migrations: cfg.Migrations}
	if d.trace == nil {
		d.trace = noTrace
	}
	if at.path != "" {
		d.dialect, d.file = sqliteDialect, at.path
		step += " file " + at.path
		if d.mark, err = refuseLost(at.path, cfg.Mark); err != nil {
			return nil, err
		}
		d.engine, err = openSQLite(ctx, at.path, cfg.Logger)
	} else {
		d.dialect = postgresDialect
		d.engine, err = openPostgres(ctx, at)
	}
	if err != nil {
		return nil, d.named(finish(ctx, step, err))
	}
	return d, nil
}

// Name returns host and name of the database of a valid URL, without who signs in there and how.
func Name(text string) string {
	at, err := parse(text)
	if err != nil {
		return "none"
	}
	if at.path != "" {
		return at.path
	}
	c := at.pool.ConnConfig
	return fmt.Sprintf("%s on %s", c.Database, c.Host)
}

// Lock claims a SQLite file for this process until Close; a second process is refused with an error that names the
// file. Postgres is made for many processes: there it does nothing.
func (d *DB) Lock() error { return d.engine.lock() }

// Ping reports whether the database answers, and with Postgres whether it takes changes: a standby, or one that was made read-only,
// is an ErrReadOnly. It changes nothing.
func (d *DB) Ping(ctx context.Context) error {
	do := func(ctx context.Context, q Querier) error {
		n, err := One(ctx, q, ScanInt, d.dialect.probe)
		if err == nil && n > 0 && d.file == "" {
			return &pgconn.PgError{Severity: "ERROR", Code: readOnlyState, Message: "transaction_read_only is on"}
		}
		return err
	}
	return d.attempt(ctx, Call{Step: "ping database", Probe: d.file == ""}, func(ctx context.Context) error { return d.engine.read(ctx, do) })
}

// Close waits for running statements, disconnects and gives the lock of a SQLite file back.
func (d *DB) Close() error { return d.engine.close() }

// Dialect is what the engine needs to be told in its own words.
func (d *DB) Dialect() *Dialect { return d.dialect }
