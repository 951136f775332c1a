package sqldb

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

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
