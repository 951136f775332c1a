package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// busyLimit is how long SQLite waits for a foreign lock: the caller has an answer well within a second.
	busyLimit = 400 * time.Millisecond
	// writerStall is how long the writer may take over usual work.
	writerStall = 700 * time.Millisecond
)

// lite is a SQLite file: one connection that writes, in turns, and several that read beside it (WAL).
type lite struct {
	path      string
	writelock *writelock
	writer    *sql.DB
	conn      *sql.Conn            // the writing one; nil before the first use and after a fault. Held with the writelock.
	stmts     map[string]*sql.Stmt // of conn. Held with the writelock.
	closed    atomic.Bool
	readers   *sql.DB
	texts     sync.Map // statement text to *sql.Stmt of readers

	lockMu sync.Mutex
	locked *os.File // nil while not locked; under lockMu
}

func openSQLite(ctx context.Context, path string, log *slog.Logger) (*lite, error) {
	if err := prepareFile(path, log); err != nil {
		return nil, err
	}
	writer, err := open(path, "_txlock=immediate")
	if err != nil {
		return nil, err
	}
	readers, err := open(path, "_pragma=query_only(1)")
	if err != nil {
		return nil, err
	}
	l := &lite{path: path, writelock: newWritelock(), writer: writer, readers: readers}
	l.writer.SetMaxOpenConns(1)
	size := max(4, 2*runtime.GOMAXPROCS(0))
	l.readers.SetMaxOpenConns(size)
	l.readers.SetMaxIdleConns(size)

	check := func(ctx context.Context, q Querier) error {
		_, err := One(ctx, q, ScanInt, sqliteDialect.probe)
		return err
	}
	// The writer first: it makes the file a WAL one.
	err = l.single(ctx, check)
	if err == nil {
		err = l.read(ctx, check)
	}
	if err != nil {
		_ = l.close()
		return nil, err
	}
	return l, nil
}

// prepareFile makes the folder and the file with their modes; SQLite gives the file's mode to its companions.
func prepareFile(path string, log *slog.Logger) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the database's folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open or make the database's file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at the database's file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		log.Warn("other users of this machine can read the database file", "file", path, "mode", info.Mode().Perm().String())
	}
	return nil
}

// open gives a handle whose connections have the settings that every one needs. synchronous(full): what was answered survives a
// power cut. secure_delete(1): what is deleted is overwritten. Copies that SQLite leaves when it moves rows to another page are not.
func open(path, more string) (*sql.DB, error) {
	settings := fmt.Sprintf("_pragma=busy_timeout(%d)&_pragma=journal_mode(wal)&_pragma=synchronous(full)"+
		"&_pragma=secure_delete(1)&_pragma=foreign_keys(1)&_pragma=trusted_schema(0)&_pragma=temp_store(memory)&_dqs=0&%s",
		busyLimit.Milliseconds(), more)
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: settings}
	c, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

func (l *lite) read(ctx context.Context, do Work) error {
	if l.closed.Load() {
		return errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, workLimit)
	defer cancel()
	return do(ctx, liteQuerier{l.readStatement})
}

func (l *lite) single(ctx context.Context, do Work) error {
	return l.inTurn(ctx, writerStall, func(ctx context.Context) error { return do(ctx, liteQuerier{l.writeStatement}) })
}

func (l *lite) transact(ctx context.Context, limit time.Duration, do Work) error {
	hold := writerStall
	if limit > workLimit {
		hold = limit
	}
	return l.inTurn(ctx, hold, func(ctx context.Context) (err error) {
		q := liteQuerier{l.writeStatement}
		if _, err := q.Exec(ctx, "begin immediate"); err != nil {
			return err
		}
		done := false
		defer func() { // also when do panics
			if done {
				return
			}
			if _, undo := q.Exec(ctx, "rollback"); undo != nil {
				l.discard()
			}
		}()
		if err := do(ctx, q); err != nil {
			return err
		}
		if _, err := q.Exec(ctx, "commit"); err != nil {
			return err
		}
		done = true
		return nil
	})
}

// inTurn runs do while nobody else writes. A ctx can end the wait, not the work: it is short, and interrupting it would
// leave open whether it was committed.
func (l *lite) inTurn(ctx context.Context, hold time.Duration, do func(ctx context.Context) error) (err error) {
	if err := l.writelock.lock(ctx, hold); err != nil {
		return err
	}
	blocked := false
	defer func() { l.writelock.unlock(blocked) }()
	if l.closed.Load() {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err = do(context.WithoutCancel(ctx))
	var fault *sqlite.Error
	blocked = errors.As(err, &fault) && fault.Code()&0xff == sqlite3.SQLITE_BUSY
	return err
}

// writeStatement is called with the writelock held.
func (l *lite) writeStatement(ctx context.Context, text string) (*sql.Stmt, error) {
	if l.conn == nil {
		conn, err := l.writer.Conn(ctx)
		if err != nil {
			return nil, err
		}
		l.conn, l.stmts = conn, make(map[string]*sql.Stmt)
	}
	if stmt, ok := l.stmts[text]; ok {
		return stmt, nil
	}
	stmt, err := l.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	l.stmts[text] = stmt
	return stmt, nil
}

func (l *lite) readStatement(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt, ok := l.texts.Load(text); ok {
		return stmt.(*sql.Stmt), nil
	}
	stmt, err := l.readers.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	if first, loaded := l.texts.LoadOrStore(text, stmt); loaded {
		_ = stmt.Close()
		return first.(*sql.Stmt), nil
	}
	return stmt, nil
}

// discard closes the writing connection, whatever state it is in; the next use opens one. Called with the writelock held.
func (l *lite) discard() {
	if l.conn == nil {
		return
	}
	for _, stmt := range l.stmts {
		_ = stmt.Close()
	}
	_ = l.conn.Raw(func(any) error { return errBadConn })
	_ = l.conn.Close()
	l.conn, l.stmts = nil, nil
}

func (l *lite) migrator(ctx context.Context) (*sql.DB, func() error, error) {
	unlock, err := l.lockForMigration(ctx)
	if err != nil {
		return nil, nil, err
	}
	db, err := open(l.path, "_txlock=immediate")
	if err != nil {
		return nil, nil, errors.Join(err, unlock())
	}
	db.SetMaxOpenConns(1)
	return db, func() error { return errors.Join(db.Close(), unlock()) }, nil
}

func (l *lite) close() error {
	// Whoever writes finishes first; a stuck writer is cut off by closing its connection.
	l.closed.Store(true)
	if l.writelock.lock(context.Background(), writerStall) == nil {
		l.discard()
		l.writelock.unlock(false)
	}
	l.lockMu.Lock()
	defer l.lockMu.Unlock()
	err := errors.Join(l.readers.Close(), l.writer.Close())
	if l.locked != nil {
		err = errors.Join(err, l.locked.Close())
		l.locked = nil
	}
	return err
}

// errBadConn makes database/sql drop a connection instead of keeping it.
var errBadConn = driver.ErrBadConn

// liteQuerier makes prepared statements of database/sql speak pgx.
type liteQuerier struct {
	prepare func(ctx context.Context, text string) (*sql.Stmt, error)
}

// Query implements querier.
func (l liteQuerier) Query(ctx context.Context, text string, args ...any) (pgx.Rows, error) {
	stmt, err := l.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	return &liteRows{rows: rows}, nil
}

// Exec implements querier.
func (l liteQuerier) Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error) {
	stmt, err := l.prepare(ctx, text)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	n, err := result.RowsAffected()
	return pgconn.NewCommandTag("EXEC " + strconv.FormatInt(n, 10)), err
}

// liteRows offers what all and one use of pgx.Rows.
type liteRows struct {
	pgx.Rows // nil: the rest is never called
	rows     *sql.Rows
	closeErr error
}

// Next implements pgx.Rows.
func (l *liteRows) Next() bool { return l.rows.Next() }

// Scan implements pgx.Rows.
func (l *liteRows) Scan(dest ...any) error { return l.rows.Scan(dest...) }

// Close implements pgx.Rows.
func (l *liteRows) Close() {
	if err := l.rows.Close(); err != nil {
		l.closeErr = err
	}
}

// Err implements pgx.Rows.
func (l *liteRows) Err() error {
	if err := l.rows.Err(); err != nil {
		return err
	}
	return l.closeErr
}

// Interface guards
var (
	_ Querier = liteQuerier{}
	_ Querier = (pgx.Tx)(nil)
)
