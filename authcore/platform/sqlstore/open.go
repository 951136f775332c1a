package sqlstore

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const connectLimit = 5 * time.Second

// Config says where the data is.
type Config struct {
	// URL is sqlite:<path>, or a postgres:// or postgresql:// URL with the parameters that pgxpool knows.
	URL    string
	Logger *slog.Logger
	Now    func() time.Time
	Trace  Trace // nil is nobody
	// Mark is a file that is made only once a SQLite file has its tables. Where it exists, one that is missing, empty or without
	// tables has been lost. "": there is none; then the lock beside the file shows that one has been there.
	Mark string
}

// Store is the database. Its methods may be called concurrently; several Stores, in one or many processes, may share a
// Postgres database, and exactly one process a SQLite file (Lock).
type Store struct {
	engine     engine
	file       string // SQLite's, "" for Postgres
	sql        Dialect
	log        *slog.Logger
	now        func() time.Time
	trace      Trace
	erase      erasures
	sweep      sweepCursor
	corruption corruption
	mark       string // Config.Mark, where it exists
}

// Open connects and asks the database one question, both within 5 s. It creates nothing but what connecting needs: for
// SQLite the file (0600) and its folder (0700). Migrate, CheckSchema and Lock are separate steps.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Logger == nil || cfg.Now == nil {
		return nil, fmt.Errorf("open database: logger and clock are needed")
	}
	at, err := parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()

	step := "open database"
	s := &Store{log: cfg.Logger, now: cfg.Now, trace: cfg.Trace}
	if s.trace == nil {
		s.trace = noTrace
	}
	if at.path != "" {
		s.sql, s.file = sqliteDialect, at.path
		step += " file " + at.path
		if s.mark, err = refuseLost(at.path, cfg.Mark); err != nil {
			return nil, err
		}
		s.engine, err = openSQLite(ctx, at.path, cfg.Logger)
	} else {
		s.sql = postgresDialect
		s.engine, err = openPostgres(ctx, at)
	}
	if err != nil {
		return nil, s.named(settle(ctx, step, err))
	}
	return s, nil
}

// Validate checks the form of a database URL. It connects to nothing and creates nothing.
func Validate(url string) error {
	_, err := parse(url)
	return err
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
func (s *Store) Lock() error { return s.engine.lock() }

// Ping reports whether the database answers, and with Postgres whether it takes changes: a standby, or one that was made read-only,
// is an ErrReadOnly. It changes nothing.
func (s *Store) Ping(ctx context.Context) error {
	do := func(ctx context.Context, q Querier) error {
		n, err := One(ctx, q, ScanInt, s.sql.probe)
		if err == nil && n > 0 && s.file == "" {
			return &pgconn.PgError{Severity: "ERROR", Code: readOnlyState, Message: "transaction_read_only is on"}
		}
		return err
	}
	return s.attempt(ctx, Call{Step: "ping database", Probe: s.file == ""}, func(ctx context.Context) error { return s.engine.read(ctx, do) })
}

// Close waits for running statements, disconnects and gives the lock of a SQLite file back.
func (s *Store) Close() error { return s.engine.close() }

func ScanInt(r Row) (n int64, err error) { return n, r.Scan(&n) }

// Interface guard
var _ authcore.Store = (*Store)(nil)
