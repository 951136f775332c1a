package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const (
	// workLimit bounds all of one usual piece of work, also against a server that does not answer at all.
	workLimit = 1500 * time.Millisecond
	// longLimit bounds the work that may make keys while it holds a lock.
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
