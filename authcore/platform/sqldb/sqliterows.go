package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

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
