// Package sqlstore keeps everything Gatehouse knows in a SQLite file or in Postgres. It implements [authcore.Store] and
// is the only place that speaks SQL.
//
// It owns the schema (migrations/), one text of every statement for both engines, transactions with their retries, and
// the one mapping from driver errors to the sentinels of authcore. What the two engines cannot share is in dialect.go
// and in the DDL. It owns no rule of the domain beyond what has to be atomic, no clock (now comes in with each call)
// and no secret: it sees digests and sealed values only.
//
// pgx's own types are the common interface: a pgxpool connection and a transaction are used as they are, and sqlite.go
// makes database/sql speak them. Times are microseconds in UTC, null for none; lists are JSON text.
//
// Only caddymodule and tests import this package.
package sqlstore
