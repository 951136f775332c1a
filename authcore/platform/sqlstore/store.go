package sqlstore

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

//go:embed migrations
var migrations embed.FS

// Config says where the data is.
type Config struct {
	URL    string // see sqldb.Config
	Logger *slog.Logger
	Now    func() time.Time
	Trace  sqldb.Trace // nil is nobody
	Mark   string      // see sqldb.Config
}

// Store is the database with everything Gatehouse keeps in it.
type Store struct {
	*sqldb.DB
	now       func() time.Time
	committed func(context.Context, Commit) // see AfterCommit
	admins    authcore.Admins               // see WithAdmins
	inviters  authcore.Inviters             // see WithInviters
	former    Digester                      // see WithDigester; nil: none
	erasures  *erasures
	sweep     *sweepCursor
	retention authcore.Retention // see WithRetention
	// unscrubbed says that SQLite's log may hold deleted rows; that of a process that was killed may.
	unscrubbed *atomic.Bool
}

// Open opens the database as sqldb.Open does. Migrate, CheckSchema and Lock are separate steps.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Now == nil {
		return nil, errors.New("open database: a clock is needed")
	}
	folders, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := sqldb.Open(ctx, sqldb.Config{URL: cfg.URL, Logger: cfg.Logger, Trace: cfg.Trace, Migrations: folders, Mark: cfg.Mark})
	if err != nil {
		return nil, err
	}
	s := &Store{DB: db, now: cfg.Now, committed: func(context.Context, Commit) {}, erasures: &erasures{}, sweep: &sweepCursor{},
		unscrubbed: &atomic.Bool{}}
	s.unscrubbed.Store(true)
	return s, nil
}

// Migrate brings the schema up to what this program knows, as sqldb.DB.Migrate does, and refuses a database that Transfer has
// filled half-way.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.DB.Migrate(ctx); err != nil {
		return err
	}
	return s.refuseUnfinished(ctx)
}

// readNumber returns the one number that a query selects.
func (s *Store) readNumber(ctx context.Context, what, query string, args ...any) (n int64, err error) {
	err = s.Read(ctx, what, func(ctx context.Context, q sqldb.Querier) error {
		n, err = sqldb.One(ctx, q, sqldb.ScanInt, query, args...)
		return err
	})
	return n, err
}
