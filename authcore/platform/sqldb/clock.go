package sqldb

import (
	"context"
	"time"
)

// ServerTime returns the time by the clock of the database's server, at some moment between the call and its return. ok is
// false where the database has no clock of its own, which is so with SQLite.
func (d *DB) ServerTime(ctx context.Context) (at time.Time, ok bool, err error) {
	if d.dialect.clock == "" {
		return time.Time{}, false, nil
	}
	var us int64
	err = d.Read(ctx, "read the server's clock", func(ctx context.Context, q Querier) error {
		us, err = One(ctx, q, ScanInt, d.dialect.clock)
		return err
	})
	return time.UnixMicro(us).UTC(), err == nil, err
}
