// Package sqldb runs SQL on a SQLite file or on Postgres, with one text of every statement for both.
//
// It owns the connections and their settings, transactions with their repetition, the limits in time, the migrations' runner,
// the lock and the corruption of a SQLite file, the server's clock, who else is connected, and the one mapping from driver errors
// to the sentinels of authcore. What the two engines cannot share is in dialect.go. It owns no table but the versions of the
// schema, and of settings the row that says which programs a schema works with (compat.go): tables, their migrations and every
// statement on them belong to its caller.
//
// pgx's own types are the common interface: a pgxpool connection and a transaction are used as they are, and sqlite.go
// makes database/sql speak them.
//
// Only sqlstore, caddymodule and tests import this package.
package sqldb
