package sqldb

import (
	"context"
	"encoding/json"
	"hash/fnv"

	"github.com/google/uuid"
)

// The two dialects, by [Dialect.Name].
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Dialect is everything that one text cannot say to both engines, the DDL apart.
type Dialect struct {
	Name string // also the folder of the migrations
	// probe touches the database's own file or process and returns one integer; for Postgres 1 where it takes no changes.
	probe string
	// clock asks for the server's time in microseconds; "" where there is no server.
	clock string
	// versions returns how many tables of the given name exist.
	versions string
	// These end a select that locks its rows. SQLite has one writer: there the transaction is the lock.
	ForShare, ForUpdate, SkipLocked string
	// AnyOf compares with a list that was passed as the parameter.
	AnyOf func(parameter string) string
	// List makes that parameter.
	List func(ids []uuid.UUID) any
	// Texts makes one of texts.
	Texts func(texts []string) any
	// Serialise lets one transaction at a time pass with this key.
	Serialise func(ctx context.Context, q Querier, key string) error
}

var postgresDialect = &Dialect{
	Name:       Postgres,
	probe:      "select (current_setting('transaction_read_only') = 'on')::int::bigint",
	clock:      "select (extract(epoch from clock_timestamp()) * 1000000)::bigint",
	versions:   "select count(*) from pg_catalog.pg_class where oid = to_regclass($1)",
	SkipLocked: " for update skip locked",
	ForUpdate:  " for update",
	ForShare:   " for share",
	AnyOf:      func(parameter string) string { return "= any(" + parameter + ")" },
	// Never nil: that would be null, and nothing compares with null.
	List:  func(ids []uuid.UUID) any { return append([]uuid.UUID{}, ids...) },
	Texts: func(texts []string) any { return append([]string{}, texts...) },
	Serialise: func(ctx context.Context, q Querier, key string) error {
		h := fnv.New64a()
		_, _ = h.Write([]byte(key))
		_, err := Exec(ctx, q, "select pg_advisory_xact_lock($1)", int64(h.Sum64()))
		return err
	},
}

var sqliteDialect = &Dialect{
	Name:     SQLite,
	probe:    "select count(*) from sqlite_master",
	versions: "select count(*) from sqlite_master where type = 'table' and name = $1",
	AnyOf:    func(parameter string) string { return "in (select value from json_each(" + parameter + "))" },
	List: func(ids []uuid.UUID) any {
		if len(ids) == 0 {
			return "[]"
		}
		text, _ := json.Marshal(ids) // strings of hexadecimal digits: cannot go wrong
		return string(text)
	},
	Texts: func(texts []string) any {
		text, _ := json.Marshal(append([]string{}, texts...)) // cannot go wrong
		return string(text)
	},
	Serialise: func(context.Context, Querier, string) error { return nil },
}
