package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// VersionTable holds the versions of the schema.
const VersionTable = "goose_db_version"

const (
	lockSeconds = 1
	lockTries   = 300
	// A migration that waits for a table makes everybody wait who comes after it, nodes of the release before among them. So it
	// waits for less than those give their work, gives way to them, and tries again.
	tableWait  = 500 * time.Millisecond
	tableRest  = 2 * time.Second
	tableTries = 120
)

// Migrate brings the schema up to what this program knows. Processes that start together wait for each other, and for
// transactions that hold a table. A schema newer than this program knows is left alone if it says that it is compatible with
// this program, as that of the next release does while nodes of both run, and is refused if not.
func (d *DB) Migrate(ctx context.Context) (err error) {
	const step = "migrate database"
	known, err := d.known()
	if err != nil {
		return finish(ctx, step, err)
	}
	found, err := d.version(ctx)
	if err != nil {
		return err
	}
	if found == 0 && d.mark != "" {
		return lost(d.file, "has none of the gateway's tables", d.mark)
	}
	if found < known {
		if err := d.raise(ctx); err != nil {
			return err
		}
		// A newer program may have been faster.
		if found, err = d.version(ctx); err != nil {
			return err
		}
	}
	if found > known {
		return d.checkCompat(ctx, found, known)
	}
	return nil
}

// raise carries out the migrations that have not been.
func (d *DB) raise(ctx context.Context) (err error) {
	const step = "migrate database"
	db, release, err := d.engine.migrator(ctx)
	if err != nil {
		return finish(ctx, step, err)
	}
	defer func() { err = errors.Join(err, release()) }()

	folder, err := fs.Sub(d.migrations, d.dialect.Name)
	if err != nil {
		return finish(ctx, step, err)
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}
	kind := goose.DialectSQLite3
	if d.dialect.Name == Postgres {
		kind = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockSeconds, lockTries))
		if err != nil {
			return finish(ctx, step, err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(kind, db, folder, options...)
	if err != nil {
		return finish(ctx, step, err)
	}
	for try := 1; ; try++ {
		results, err := provider.Up(ctx)
		for _, r := range results {
			d.log.Info("database migrated", slog.Int64("version", r.Source.Version), slog.Duration("took", r.Duration))
		}
		if err == nil {
			return nil
		}
		if !tableHeld(err) || try == tableTries {
			return finish(ctx, step, err)
		}
		if try == 1 {
			d.log.Warn("the migration is waiting for a transaction that holds a table", slog.Duration("for_at_most", tableTries*(tableWait+tableRest)))
		}
		select {
		case <-ctx.Done():
			return finish(ctx, step, ctx.Err())
		case <-time.After(tableRest):
		}
	}
}

// tableHeld reports whether Postgres has waited for tableWait in vain (lock_not_available).
func tableHeld(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03"
}

// CheckSchema returns nil if the schema is the very one that this program knows, and an error that says what to do if it is
// older, newer or not there. It changes nothing.
func (d *DB) CheckSchema(ctx context.Context) error {
	found, known, err := d.SchemaVersions(ctx)
	if err != nil {
		return err
	}
	return compare(found, known)
}

// SchemaVersions returns the version of the schema that is there, 0 for none, and the one that this program knows.
func (d *DB) SchemaVersions(ctx context.Context) (found, known int64, err error) {
	if known, err = d.known(); err != nil {
		return 0, 0, finish(ctx, "check schema", err)
	}
	found, err = d.version(ctx)
	return found, known, err
}

func compare(found, known int64) error {
	switch {
	case found > known:
		return fmt.Errorf("the database has schema version %d and this program knows %d: use the newer program, "+
			"or restore the database from before the upgrade", found, known)
	case found == 0 && known > 0:
		return errors.New("the database has no schema yet: migrate it first")
	case found < known:
		return fmt.Errorf("the database has schema version %d and this program needs %d: migrate it first", found, known)
	}
	return nil
}

// known is the newest version that this program has a migration for.
func (d *DB) known() (int64, error) {
	files, err := fs.ReadDir(d.migrations, d.dialect.Name)
	if err != nil {
		return 0, err
	}
	var newest int64
	for _, f := range files {
		v, err := goose.NumericComponent(f.Name())
		if err != nil {
			return 0, err
		}
		newest = max(newest, v)
	}
	return newest, nil
}

// version is the schema's version, 0 for an empty database. goose's own question would make its table.
func (d *DB) version(ctx context.Context) (version int64, err error) {
	const latest = "select coalesce(max(version_id), 0) from " + VersionTable + " where is_applied"
	err = d.Read(ctx, "read schema version", func(ctx context.Context, q Querier) error {
		tables, err := One(ctx, q, ScanInt, d.dialect.versions, VersionTable)
		if err != nil || tables == 0 {
			return err
		}
		version, err = One(ctx, q, ScanInt, latest)
		return err
	})
	return version, err
}
