package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const (
	// workLimit bounds all of one usual piece of work, also against a server that does not answer at all.
	workLimit = 1500 * time.Millisecond
	// longLimit bounds the work of WriteLong.
	longLimit = 30 * time.Second
)

// Querier runs statements. A pgxpool connection, a pgx transaction and liteQuerier are Queriers.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Work is what runs on a connection. It uses the ctx it is given, and may run again after a conflict.
type Work func(ctx context.Context, q Querier) error

// engine is one of the two databases.
type engine interface {
	// read lends a connection for statements that change nothing.
	read(ctx context.Context, do Work) error
	// single lends a connection for one statement that is a transaction of its own.
	single(ctx context.Context, do Work) error
	// transact runs do in a transaction, which is committed when do returns nil. limit bounds it all.
	transact(ctx context.Context, limit time.Duration, do Work) error
	// migrator opens a separate handle without time-outs; release closes it.
	migrator(ctx context.Context) (db *sql.DB, release func() error, err error)
	connections() Connections
	lock() error
	close() error
}

// Row is what a scan function reads from.
type Row interface{ Scan(dest ...any) error }

// All returns every row.
func All[T any](ctx context.Context, q Querier, scan func(Row) (T, error), text string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	// Close before Err: a statement that changes something can still fail at its end, where it commits.
	rows.Close()
	return list, rows.Err()
}

// One returns the only row; authcore.ErrNotFound when there is none.
func One[T any](ctx context.Context, q Querier, scan func(Row) (T, error), text string, args ...any) (T, error) {
	var none T
	list, err := All(ctx, q, scan, text, args...)
	switch {
	case err != nil:
		return none, err
	case len(list) == 0:
		return none, authcore.ErrNotFound
	case len(list) > 1:
		return none, errors.New("more than one row")
	}
	return list[0], nil
}

// Exec returns how many rows were changed.
func Exec(ctx context.Context, q Querier, text string, args ...any) (int64, error) {
	tag, err := q.Exec(ctx, text, args...)
	return tag.RowsAffected(), err
}

// ScanInt scans a row of one number.
func ScanInt(r Row) (n int64, err error) { return n, r.Scan(&n) }

// ScanText scans a row of one text.
func ScanText(r Row) (v string, err error) { return v, r.Scan(&v) }

const (
	tries         = 6
	firstWait     = 4 * time.Millisecond
	conflictLimit = 1100 * time.Millisecond
	// deadlockLimit lets the victim of a deadlock try once more. Postgres looks for one when a lock has been waited for for 1 s,
	// or a little later on a busy machine; whoever was in it has the way free then.
	deadlockLimit = workLimit
	// busyRetry is less than busyLimit: when SQLite has waited for a foreign lock itself, that was it.
	busyRetry = 300 * time.Millisecond
)

// Read runs statements that change nothing. step names the work in errors.
func (d *DB) Read(ctx context.Context, step string, do Work) error {
	return d.attempt(ctx, Call{Step: step}, func(ctx context.Context) error { return d.engine.read(ctx, do) })
}

// Single runs one statement that is a transaction of its own.
func (d *DB) Single(ctx context.Context, step string, do Work) error {
	return d.attempt(ctx, Call{Step: step, Writes: true}, func(ctx context.Context) error { return d.engine.single(ctx, do) })
}

// Write runs a transaction.
func (d *DB) Write(ctx context.Context, step string, do Work) error {
	return d.attempt(ctx, Call{Step: step, Writes: true}, func(ctx context.Context) error { return d.engine.transact(ctx, workLimit, do) })
}

// WriteLong runs a transaction for which nobody waits as for a page: that of an operator, or one that makes keys while it holds a lock.
func (d *DB) WriteLong(ctx context.Context, step string, do Work) error {
	return d.attempt(ctx, Call{Step: step, Writes: true}, func(ctx context.Context) error { return d.engine.transact(ctx, longLimit, do) })
}

// attempt repeats what lost a race for a lock or a snapshot. Everything that a piece of work does is in its
// transaction, so a repetition leaves its effects once.
func (d *DB) attempt(ctx context.Context, c Call, run func(ctx context.Context) error) error {
	ctx, done := d.trace(ctx, c)
	err := d.named(d.repeat(ctx, c.Step, run))
	d.reportCorruption(err)
	done(err)
	return err
}

func (d *DB) repeat(ctx context.Context, step string, run func(ctx context.Context) error) error {
	start, wait := time.Now(), firstWait
	for try := 1; ; try++ {
		if err := ctx.Err(); err != nil {
			return finish(ctx, step, err)
		}
		err := run(ctx)
		if err == nil {
			return nil
		}
		if try == tries || time.Since(start) >= conflict(err) {
			return finish(ctx, step, err)
		}
		// Those who met in a deadlock must not meet again.
		timer := time.NewTimer(wait + rand.N(wait))
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
		wait *= 2
	}
}

// Call is one piece of work that a DB does: reading, one statement, or a transaction with all its repetitions.
type Call struct {
	Step   string // from a closed set of texts
	Writes bool
	// Probe is a question that succeeds only where the database would take a change, as far as settings go.
	Probe bool
}

// Trace is told when a call begins, and by done how it ended; for both see [authcore.Trace].
type Trace func(ctx context.Context, c Call) (within context.Context, done func(error))

func noTrace(ctx context.Context, _ Call) (context.Context, func(error)) {
	return ctx, func(error) {}
}

// ErrReadOnly is an [authcore.ErrUnavailable]: the database answers but takes no changes. It is a standby, was made
// read-only, or its disk is full.
var ErrReadOnly = fmt.Errorf("it takes no changes: %w", authcore.ErrUnavailable)

// ErrFull is an [ErrReadOnly] whose end no question tells, only a change that succeeds.
var ErrFull = fmt.Errorf("its disk is full: %w", ErrReadOnly)

// readOnly returns ErrReadOnly or ErrFull where err is one of them; else nil.
func readOnly(err error) error {
	var pg *pgconn.PgError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &pg):
		switch pg.Code {
		case readOnlyState:
			return ErrReadOnly
		case "53100": // disk_full
			return ErrFull
		}
	case errors.As(err, &lite):
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_READONLY:
			return ErrReadOnly
		case sqlite3.SQLITE_FULL:
			return ErrFull
		}
	}
	return nil
}

const readOnlyState = "25006" // read_only_sql_transaction
