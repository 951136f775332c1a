package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Call is one piece of work that a Store does: reading, one statement, or a transaction with all its repetitions.
type Call struct {
	Step   string // from a closed set of texts
	Writes bool
}

// Watch is told when a call begins, and by done how it ended; for both see [authcore.Watch].
type Watch func(ctx context.Context, c Call) (within context.Context, done func(error))

func unwatched(ctx context.Context, _ Call) (context.Context, func(error)) {
	return ctx, func(error) {}
}

// ErrReadOnly is an [authcore.ErrUnavailable]: the database answers but takes no changes. It is a standby, was made
// read-only, or its disk is full.
var ErrReadOnly = fmt.Errorf("it takes no changes: %w", authcore.ErrUnavailable)

func readOnly(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "25006" || pg.Code == "53100" // read_only_sql_transaction, disk_full
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		code := lite.Code() & 0xff
		return code == sqlite3.SQLITE_READONLY || code == sqlite3.SQLITE_FULL
	}
	return false
}

// Connections is what a Store's pool looks like at a moment.
type Connections struct {
	InUse, Idle, Max int // for SQLite those that read; one more writes
	Waiting          int // who waits for one; for SQLite, for the turn to write
}

// Connections returns the pool's present state. It asks the database nothing.
func (s *Store) Connections() Connections { return s.engine.connections() }

func (p *postgres) connections() Connections {
	stat := p.pool.Stat()
	return Connections{InUse: int(stat.AcquiredConns()), Idle: int(stat.IdleConns()), Max: int(stat.MaxConns()),
		Waiting: int(p.waiting.Load())}
}

func (l *lite) connections() Connections {
	stats := l.readers.Stats()
	return Connections{InUse: stats.InUse, Idle: stats.Idle, Max: stats.MaxOpenConnections, Waiting: int(l.gate.waiting.Load())}
}
