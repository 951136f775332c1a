package sqldb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// refuseLost returns an error where a SQLite file has been there and is not any more, or is cut to nothing: what would be begun
// in its place is an installation without accounts that whoever comes first can sign up at. Nothing is touched: SQLite itself
// would remove the write-ahead log of an empty file. It returns the mark if that exists.
//
// The mark is looked at before the file: of two processes that begin together, one makes the file and then the mark.
func refuseLost(path, mark string) (string, error) {
	trace := mark
	if mark == "" {
		trace = path + lockSuffix
	}
	if _, err := os.Stat(trace); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if errors.Is(err, syscall.ENOTDIR) {
		return "", fmt.Errorf("%s is not a folder: %w", filepath.Dir(trace), err)
	} else if err != nil {
		return "", fmt.Errorf("look whether there has been a database: %w", err)
	}
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return "", lost(path, "is missing", trace)
	case err == nil && info.Mode().IsRegular() && info.Size() == 0:
		return "", lost(path, "is empty", trace)
	}
	return mark, nil
}

func lost(path, what, trace string) error {
	return fmt.Errorf("the database file %s %s, but %s shows that there was an installation, so no empty database is created. "+
		"Restore the file from a backup, or correct the option database. To start over without any account, move the other file away: mv %[3]s %[3]s.old",
		path, what, trace)
}
