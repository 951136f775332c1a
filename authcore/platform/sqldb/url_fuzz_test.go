package sqldb

import (
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse: a SQLite path is an absolute file without settings in it, a Postgres pool has our limits, and no error shows
// the password.
func FuzzParse(f *testing.F) {
	const password = "hunter2"
	for text, ok := range map[string]bool{
		"sqlite:/tmp/x.db": true, "sqlite://x.db": true, "sqlite:x?_pragma=synchronous(OFF)": false, "sqlite::memory:": false,
		"sqlite:": false, "sqlite:x/": false, "sqlite:x#": false, "sqlite:/.": false, "sqlite:x/..": false, "": false, "mysql://u@h/d": false, "postgres": false,
		"postgres://u:hunter2@h/d": true, "postgresql://u:hunter2@h:5433/d?sslmode=require": true,
		"postgres://u:hunter2@h:port/d": false, "postgres://u:hunter2%zz@h/d": false, "postgres://u:hunter2@h/d?sslmode=hunter2": false,
	} {
		if _, err := parse(text); (err == nil) != ok {
			f.Fatalf("%q: %v", text, err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parse(text)
		if err != nil {
			if at.path != "" || at.pool != nil || strings.HasPrefix(text, "postgres") && strings.Contains(text, ":"+password+"@") && strings.Contains(err.Error(), password) {
				t.Fatalf("%q: %+v, %v", text, at, err)
			}
			return
		}
		if (at.path == "") == (at.pool == nil) {
			t.Fatalf("%q is both or neither: %+v", text, at)
		}
		if at.pool == nil {
			if !filepath.IsAbs(at.path) || strings.ContainsAny(at.path, "?#\x00") || strings.HasSuffix(at.path, "/") {
				t.Fatalf("%q is the file %q", text, at.path)
			}
			return
		}
		settings := at.settings
		if settings["statement_timeout"] == "" || settings["default_transaction_isolation"] == "" || at.pool.MaxConns < 1 {
			t.Fatalf("%q has no limits: %v", text, settings)
		}
	})
}
