package sqlstore

import (
	"context"
	"encoding/json"
	"hash/fnv"

	"github.com/google/uuid"
)

// dialect is everything that one text cannot say to both engines, the DDL apart.
type dialect struct {
	folder string // of the migrations
	// probe touches the database's own file or process and returns one integer; for Postgres 1 where it takes no changes.
	probe string
	// clock asks for the server's time in microseconds; "" where there is no server.
	clock string
	// versions returns how many tables of the given name exist.
	versions string
	// These end a select that locks its rows. SQLite has one writer: there the transaction is the lock.
	forShare, forUpdate, skipLocked string
	// rotate replaces a refresh token.
	rotate string
	// anyOf compares with a list that was passed as the parameter.
	anyOf func(parameter string) string
	// list makes that parameter.
	list func(ids []uuid.UUID) any
	// serialise lets one transaction at a time pass with this key.
	serialise func(ctx context.Context, q querier, key string) error
}

var postgresDialect = dialect{
	folder:     "migrations/postgres",
	probe:      "select (current_setting('transaction_read_only') = 'on')::int::bigint",
	clock:      "select (extract(epoch from clock_timestamp()) * 1000000)::bigint",
	versions:   "select count(*) from pg_catalog.pg_class where oid = to_regclass($1)",
	skipLocked: " for update skip locked",
	forUpdate:  " for update",
	forShare:   " for share",
	rotate:     rotateJoined,
	anyOf:      func(parameter string) string { return "= any(" + parameter + ")" },
	// Never nil: that would be null, and nothing compares with null.
	list: func(ids []uuid.UUID) any { return append([]uuid.UUID{}, ids...) },
	serialise: func(ctx context.Context, q querier, key string) error {
		h := fnv.New64a()
		_, _ = h.Write([]byte(key))
		_, err := exec(ctx, q, "select pg_advisory_xact_lock($1)", int64(h.Sum64()))
		return err
	},
}

var sqliteDialect = dialect{
	folder:   "migrations/sqlite",
	probe:    "select count(*) from sqlite_master",
	versions: "select count(*) from sqlite_master where type = 'table' and name = $1",
	rotate:   rotateNested,
	anyOf:    func(parameter string) string { return "in (select value from json_each(" + parameter + "))" },
	list: func(ids []uuid.UUID) any {
		if len(ids) == 0 {
			return "[]"
		}
		text, _ := json.Marshal(ids) // strings of hexadecimal digits: cannot go wrong
		return string(text)
	},
	serialise: func(context.Context, querier, string) error { return nil },
}
