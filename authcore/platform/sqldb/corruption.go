package sqldb

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// corruption is when a damaged file was last told of, in Unix nanoseconds; zero for never.
type corruption struct{ told atomic.Int64 }

// corruptionEvery keeps the log's lines of a damaged file apart.
const corruptionEvery = time.Minute

// corrupted reports whether SQLite has found something else in its file than what was written.
func corrupted(err error) bool {
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return false
	}
	code := lite.Code() & 0xff
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// named adds to the error of a damaged file which one it is, and what to do.
func (d *DB) named(err error) error {
	if d.file == "" || !corrupted(err) {
		return err
	}
	return fmt.Errorf("the database file %s is damaged and is not replaced: stop the gateway, keep a copy of the file, and restore a backup: %w", d.file, err)
}

// reportCorruption logs that the file is damaged, now and then. A table that can be read does not make up for one that cannot,
// so the database does not count as away, and nobody else tells of it.
func (d *DB) reportCorruption(err error) {
	if !corrupted(err) {
		return
	}
	now, last := time.Now().UnixNano(), d.corruption.told.Load()
	if last != 0 && last <= now && now-last < int64(corruptionEvery) || !d.corruption.told.CompareAndSwap(last, now) {
		return
	}
	d.log.Error("part of the database cannot be read; requests that need it are refused", "component", "database", "state", "damaged", "file", d.file, "error", err)
}
