package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// commit ends a transaction of Postgres. Where the server's answer does not come, the work may have been done, so it must not
// be done again: pgx (5.12) tells of that as of a connection that was closed before anything was sent, which would be safe
// to repeat. The error is then one of an outage, and nothing of pgx's is left in it.
func commit(ctx context.Context, tx pgx.Tx) error {
	err := tx.Commit(ctx)
	var said *pgconn.PgError
	if err == nil || errors.As(err, &said) || errors.Is(err, pgx.ErrTxCommitRollback) {
		return err // the server has answered
	}
	return fmt.Errorf("commit: no answer (%v): %w", err, io.ErrUnexpectedEOF)
}
