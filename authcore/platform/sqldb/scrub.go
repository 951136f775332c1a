package sqldb

import "context"

// Scrub empties SQLite's log of changes into the file. Until then the log may hold rows that have been deleted; those of the file
// are overwritten, by secure_delete. done is false while somebody reads what the log holds: then it is to be tried again. Postgres does
// with its log what its operator has set.
func (d *DB) Scrub(ctx context.Context) (done bool, err error) {
	if d.dialect.Name != SQLite {
		return true, nil
	}
	err = d.Single(ctx, "scrub log", func(ctx context.Context, q Querier) error {
		busy, err := One(ctx, q, func(r Row) (busy int64, err error) {
			var frames, moved int64
			return busy, r.Scan(&busy, &frames, &moved)
		}, "pragma wal_checkpoint(truncate)")
		done = err == nil && busy == 0
		return err
	})
	return done, err
}
