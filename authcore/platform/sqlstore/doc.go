// Package sqlstore keeps everything Gatehouse knows in a SQLite file or in Postgres, by way of sqldb. It implements every port
// that keeps something.
//
// It owns the schema (migrations/) and one text of every statement for both engines, one file a noun. It owns no rule of the
// domain beyond what has to be atomic, no clock (now comes in with each call) and no secret: it sees digests and sealed values
// only. Times are microseconds in UTC, null for none; lists are JSON text.
//
// Only caddymodule and tests import this package.
package sqlstore
