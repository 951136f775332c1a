package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// InUseError says that another process has the database, and what to do about it.
type InUseError struct{ text string }

func (e *InUseError) Error() string { return e.text }

// finish is the one place where errors of the engines become what the ports promise. Outcomes stay as they are, an
// ended ctx stays a context error, a database that cannot answer wraps authcore.ErrUnavailable, the rest is a fault.
// No text of a driver holds values of rows or passwords.
func finish(ctx context.Context, step string, err error) error {
	switch {
	case outcome(err):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", step, ctx.Err())
	case readOnly(err) != nil:
		return fmt.Errorf("%s: %w: %w", step, readOnly(err), err)
	case away(err):
		return fmt.Errorf("%s: %w: %w", step, authcore.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", step, err)
}

func outcome(err error) bool {
	var taken *authcore.TakenError
	return errors.As(err, &taken) || errors.Is(err, authcore.ErrSessionEnded) || errors.Is(err, authcore.ErrNotFound) ||
		errors.Is(err, authcore.ErrWrongCode) || errors.Is(err, authcore.ErrNoAttempts) || errors.Is(err, authcore.ErrSpentCode)
}

// conflict returns for how long after its beginning the same work may be run again at once; zero: it would not help.
func conflict(err error) time.Duration {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "40001": // serialization_failure
			return conflictLimit
		case "40P01": // deadlock_detected
			return deadlockLimit
		}
		return 0
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		if primary := lite.Code() & 0xff; primary == sqlite3.SQLITE_BUSY || primary == sqlite3.SQLITE_LOCKED {
			return busyRetry
		}
		return 0
	}
	// A connection that had died in the pool: nothing was sent.
	var dial *pgconn.ConnectError
	if pgconn.SafeToRetry(err) && !errors.As(err, &dial) && !errors.Is(err, context.DeadlineExceeded) {
		return conflictLimit
	}
	return 0
}

// away reports whether the database cannot answer now.
func away(err error) bool {
	var dial *pgconn.ConnectError
	if errors.As(err, &dial) {
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return awayState(pg.Code)
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return awayCode(lite.Code() & 0xff)
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) || anyOf(err,
		errStuck, errClosed, context.DeadlineExceeded, context.Canceled, os.ErrDeadlineExceeded,
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, pgx.ErrTxClosed, sql.ErrConnDone)
}

func anyOf(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// awayState sorts SQLSTATEs (PostgreSQL, Appendix A).
func awayState(code string) bool {
	switch code {
	case "25006", // read_only_sql_transaction: this server is a standby now
		"25P03",          // idle_in_transaction_session_timeout
		"40001", "40P01", // conflicts that outlasted the retries
		"55P03",          // lock_not_available
		"XX001", "XX002": // data_corrupted, index_corrupted
		return true
	}
	switch code[:min(2, len(code))] {
	case "08", // connection exceptions
		"53", // insufficient resources: disk full, out of memory, too many connections
		"57", // operator intervention: statement time-out, shutting down, starting up
		"58": // system errors: I/O
		return true
	}
	return false
}

// awayCode sorts primary result codes of SQLite.
func awayCode(code int) bool {
	switch code {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_READONLY,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_PERM, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT:
		return true
	}
	return false
}

// corruption is when a damaged file was last told of, in Unix nanoseconds; zero for never.
type corruption struct{ told atomic.Int64 }

// corruptionEvery keeps the log's lines of a damaged file apart.
const corruptionEvery = time.Minute

// corrupted reports whether SQLite has found something else in its file than what was written.
func corrupted(err error) bool {
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return false
	}
	code := lite.Code() & 0xff
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// named adds to the error of a damaged file which one it is, and what to do.
func (d *DB) named(err error) error {
	if d.file == "" || !corrupted(err) {
		return err
	}
	return fmt.Errorf("the database file %s is damaged and is not replaced: stop the gateway, keep a copy of the file, and restore a backup: %w", d.file, err)
}

// reportCorruption logs that the file is damaged, now and then. A table that can be read does not make up for one that cannot,
// so the database does not count as away, and nobody else tells of it.
func (d *DB) reportCorruption(err error) {
	if !corrupted(err) {
		return
	}
	now, last := time.Now().UnixNano(), d.corruption.told.Load()
	if last != 0 && last <= now && now-last < int64(corruptionEvery) || !d.corruption.told.CompareAndSwap(last, now) {
		return
	}
	d.log.Error("part of the database cannot be read; requests that need it are refused", "component", "database", "state", "damaged", "file", d.file, "error", err)
}
