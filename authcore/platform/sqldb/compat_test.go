package sqldb

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// unsaid is the newest schema version whose migration says nothing about the programs that it fits.
const unsaid = 2

var saysCompat = regexp.MustCompile(`(?m)^insert into settings \(name, value\) values \('` + compat +
	`', '([0-9]+)'\) on conflict \(name\) do update set value = excluded\.value;$`)

// schema are the migrations that there are.
var schema = os.DirFS("../sqlstore/migrations")

// checkCompat demands of every migration that it says which programs it fits.
func checkCompat(folder fs.FS) error {
	names, err := fs.Glob(folder, "*.sql")
	if err != nil {
		return err
	}
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return err
		}
		if version <= unsaid {
			continue
		}
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		said := saysCompat.FindAllSubmatch(text, -1)
		if len(said) != 1 {
			return fmt.Errorf("%s says %d times which programs it fits, and should once (see compat.go)", name, len(said))
		}
		if oldest, err := strconv.ParseInt(string(said[0][1]), 10, 64); err != nil || oldest < 1 || oldest > version {
			return fmt.Errorf("%s fits programs of schema version %s, which is none from 1 to %d", name, said[0][1], version)
		}
	}
	return nil
}

const said = "insert into settings (name, value) values ('schema_fits', '%s') on conflict (name) do update set value = excluded.value;\n"

func TestMigrationsSayWhatTheyFit(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{SQLite, Postgres} {
		sub, err := fs.Sub(schema, folder)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkCompat(sub); err != nil {
			t.Errorf("%s: %v", folder, err)
		}
	}
	for text, good := range map[string]bool{
		"-- +goose Up\n" + fmt.Sprintf(said, "2"):                                true,
		"-- +goose Up\n" + fmt.Sprintf(said, "3"):                                true,
		"-- +goose Up\nalter table users add column x text;\n":                   false,
		"-- +goose Up\n-- " + fmt.Sprintf(said, "2"):                             false,
		"-- +goose Up\n" + fmt.Sprintf(said, "0"):                                false,
		"-- +goose Up\n" + fmt.Sprintf(said, "4"):                                false,
		"-- +goose Up\n" + fmt.Sprintf(said, "2") + fmt.Sprintf(said, "3"):       false,
		"-- +goose Up\n" + strings.Replace(fmt.Sprintf(said, "2"), "do ", "", 1): false,
	} {
		if err := checkCompat(fstest.MapFS{"0003_more.sql": {Data: []byte(text)}}); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func fresh(t *testing.T, url string, log *slog.Logger) *DB {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: url, Logger: log, Migrations: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// first makes the schema of the first version.
func first(t *testing.T, url string) {
	t.Helper()
	const file = "postgres/0001_init.sql"
	text, err := fs.ReadFile(schema, file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{URL: url, Logger: slog.New(slog.DiscardHandler), Migrations: fstest.MapFS{file: {Data: text}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func change(t testing.TB, d *DB, text string, args ...any) {
	t.Helper()
	err := d.Single(t.Context(), "change", func(ctx context.Context, q Querier) error {
		_, err := Exec(ctx, q, text, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func ask(t testing.TB, d *DB, text string) (answer string) {
	t.Helper()
	err := d.Single(t.Context(), "ask", func(ctx context.Context, q Querier) (err error) {
		answer, err = One(ctx, q, ScanText, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// A schema that is newer than the program is taken where it says that it fits, as in a rolling upgrade and on the way back.
func TestNewerSchemaThatFits(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"sqlite": "sqlite:" + t.TempDir() + "/a.db", "postgres": testpg.Database(t)} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t, url, slog.New(slog.DiscardHandler))
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			known, err := s.known()
			if err != nil {
				t.Fatal(err)
			}
			change(t, s, "insert into "+VersionTable+" (version_id, is_applied) values ($1, true)", known+2)
			for value, taken := range map[string]bool{strconv.FormatInt(known, 10): true, "1": true, strconv.FormatInt(known+1, 10): false,
				"0": false, "-1": false, "": false, "x": false, "99999999999999999999": false} {
				change(t, s, "delete from settings where name = 'schema_fits'")
				change(t, s, fmt.Sprintf(said, value))
				if err := s.Migrate(t.Context()); (err == nil) != taken {
					t.Errorf("fits %q, this is %d: %v", value, known, err)
				}
				if err := s.CheckSchema(t.Context()); err == nil {
					t.Errorf("fits %q: it is not the very schema", value)
				}
			}
		})
	}
}

// lines are a log's.
type lines struct {
	mu   sync.Mutex
	text []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *lines) contain(what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.text, []byte(what))
}

// A migration that has to wait for a table holds nobody up for longer than their work may take, and is carried out when the
// table is free.
func TestMigrationGivesWay(t *testing.T) {
	t.Parallel()
	url := testpg.Database(t)
	log := &lines{}
	s := fresh(t, url, slog.New(slog.NewTextHandler(log, nil)))
	first(t, url)
	holder, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())
	if _, err := holder.Exec(t.Context(), "begin; select count(*) from sessions"); err != nil { // as a backup does
		t.Fatal(err)
	}
	migrated := make(chan error, 1)
	go func() { migrated <- s.Migrate(context.WithoutCancel(t.Context())) }()
	deadline := time.Now().Add(time.Minute)
	waiting := "select count(*)::text from pg_locks where not granted and relation = 'sessions'::regclass"
	for held := 0; !log.contain("is waiting for a transaction"); {
		if time.Now().After(deadline) {
			t.Fatal("the migration does not give way")
		}
		if ask(t, s, waiting) == "0" && held == 0 {
			continue
		}
		held++
		began := time.Now()
		if ask(t, s, "select count(*)::text from sessions") != "0" {
			t.Error("there is a session")
		}
		if took := time.Since(began); took > workLimit {
			t.Errorf("somebody else waited %s", took)
		}
	}
	if _, err := holder.Exec(t.Context(), "commit"); err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Error(err)
	}
	if ask(t, s, "select coalesce(max(host), 'migrated') from sessions") != "migrated" {
		t.Error("the column is not there")
	}
}
