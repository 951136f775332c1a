package sqldb

import (
	"context"
	"errors"
	"log/slog"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// compat is the row of settings in which a migration says which programs work on the schema that it makes: those that know at
// least the schema version in the row. It is what lets a node of the release before be restarted while the first ones of the
// next release run, and lets an upgrade be taken back. Every migration after schema version 2 writes it, in its own transaction:
//
//	insert into settings (name, value) values ('schema_fits', '2') on conflict (name) do update set value = excluded.value;
//
// A schema that says nothing is compatible with no older program.
const compat = "schema_fits"

const selectSetting = "select value from settings where name = $1"

// checkCompat refuses a schema that is newer than this program, unless it says that it is compatible.
func (d *DB) checkCompat(ctx context.Context, found, known int64) error {
	var text string
	err := d.Read(ctx, "check schema compatibility", func(ctx context.Context, q Querier) (err error) {
		text, err = One(ctx, q, ScanText, selectSetting, compat)
		return err
	})
	if err != nil && !errors.Is(err, authcore.ErrNotFound) {
		return err
	}
	oldest, err := strconv.ParseInt(text, 10, 64)
	if err != nil || oldest < 1 || oldest > known {
		return compare(found, known)
	}
	d.log.Info("database schema is newer than this binary, but compatible", slog.Int64("version", found), slog.Int64("known", known))
	return nil
}
