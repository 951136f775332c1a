package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

func openFile(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: "sqlite:" + path, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.WithDigester(TestDigester)
}

func newFile(t testing.TB) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	s := openFile(t, path)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, path
}

func newAccount(name string) (authcore.Account, []authcore.Identifier) {
	a := authcore.Account{ID: uuid.New(), Username: name, CreatedAt: time.Now(), UpdatedAt: time.Now()}
	return a, []authcore.Identifier{{Kind: authcore.KindUsername, Value: name}}
}

// tune runs a pragma, or the like, on the writing connection.
func tune(t testing.TB, s *Store, pragma string) {
	t.Helper()
	err := s.Single(t.Context(), "test", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, pragma)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", pragma, err)
	}
}

func count(t testing.TB, s *Store, from string) int64 {
	t.Helper()
	var n int64
	err := s.Read(t.Context(), "test", func(ctx context.Context, q sqldb.Querier) (err error) {
		n, err = sqldb.One(ctx, q, sqldb.ScanInt, "select count(*) from "+from)
		return err
	})
	if err != nil {
		t.Fatalf("count %s: %v", from, err)
	}
	return n
}

func TestF14_ForeignExclusiveLock(t *testing.T) {
	t.Parallel()
	s, path := newFile(t)
	a, ids := newAccount("anna")
	if err := s.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	foreign := openFile(t, path) // its one writer keeps its connection, and what was begun there
	tune(t, foreign, "begin exclusive")

	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			begin := time.Now()
			b, ids := newAccount(fmt.Sprint("user", i))
			err := s.CreateAccount(t.Context(), b, ids, authcore.Effects{})
			if i%2 == 0 {
				err = s.ReplacePasswordHash(t.Context(), a.ID, "", "x")
			}
			if !errors.Is(err, authcore.ErrUnavailable) {
				t.Errorf("error is %v, want unavailable", err)
			}
			// Two calls in a row for half of them.
			if took := time.Since(begin); took > 2500*time.Millisecond {
				t.Errorf("took %v: those who wait must not find out one after the other", took)
			}
		})
	}
	if _, err := s.AccountByID(t.Context(), a.ID); err != nil {
		t.Errorf("reading beside the lock: %v", err)
	}
	all.Wait()
	begin := time.Now()
	if err := s.ReplacePasswordHash(t.Context(), a.ID, "", "x"); !errors.Is(err, authcore.ErrUnavailable) {
		t.Errorf("error is %v, want unavailable", err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("a single call took %v, want an answer within a second", took)
	}

	tune(t, foreign, "rollback")
	if n := count(t, s, "users"); n != 1 {
		t.Errorf("%d accounts, want the first one only", n)
	}
	b, ids := newAccount("berta")
	if err := s.CreateAccount(t.Context(), b, ids, authcore.Effects{}); err != nil {
		t.Errorf("after the lock is gone: %v", err)
	}
}

func TestF14_FullDisk(t *testing.T) {
	t.Parallel()
	s, _ := newFile(t)
	tune(t, s, "pragma max_page_count = 60")
	var failed error
	made := int64(0)
	for i := 0; failed == nil && i < 10_000; i++ {
		a, ids := newAccount(fmt.Sprint("user", i))
		a.AvatarURL = strings.Repeat("x", 3000)
		if failed = s.CreateAccount(t.Context(), a, ids, authcore.Effects{}); failed == nil {
			made++
		}
	}
	if !errors.Is(failed, authcore.ErrUnavailable) {
		t.Fatalf("a full disk gives %v, want unavailable", failed)
	}
	if users, claimed := count(t, s, "users"), count(t, s, "identifiers"); users != made || claimed != made {
		t.Errorf("%d accounts and %d identifiers of %d that were answered for: there are half ones", users, claimed, made)
	}
	tune(t, s, "pragma max_page_count = 100000")
	a, ids := newAccount("after")
	if err := s.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestF14_ReadOnly(t *testing.T) {
	t.Parallel()
	s, _ := newFile(t)
	tune(t, s, "pragma query_only = on")
	a, ids := newAccount("anna")
	if err := s.CreateAccount(t.Context(), a, ids, authcore.Effects{}); !errors.Is(err, authcore.ErrUnavailable) {
		t.Errorf("error is %v, want unavailable", err)
	}
	tune(t, s, "pragma query_only = off")
	if err := s.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
		t.Errorf("writable again: %v", err)
	}
}

func TestF14_FlippedBytes(t *testing.T) {
	t.Parallel()
	s, path := newFile(t)
	a, ids := newAccount("anna")
	if err := s.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	var root int64
	err := s.Read(t.Context(), "test", func(ctx context.Context, q sqldb.Querier) (err error) {
		root, err = sqldb.One(ctx, q, sqldb.ScanInt, "select rootpage from sqlite_master where name = 'users'")
		return err
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	pages, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := (root - 1) * 4096; i < root*4096; i++ {
		pages[i] ^= 0x5a
	}
	if err := os.WriteFile(path, pages, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := openFile(t, path)
	if _, err := broken.AccountByID(t.Context(), a.ID); !errors.Is(err, authcore.ErrUnavailable) {
		t.Errorf("damaged pages: %v, want unavailable", err)
	}
	b, ids := newAccount("berta")
	if err := broken.CreateAccount(t.Context(), b, ids, authcore.Effects{}); !errors.Is(err, authcore.ErrUnavailable) {
		t.Errorf("damaged pages: %v, want unavailable", err)
	}
	if err := broken.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Config{URL: "sqlite:" + path, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if !errors.Is(err, authcore.ErrUnavailable) {
		t.Errorf("another kind of file: %v, want unavailable", err)
	}
}

func TestSQLiteSettings(t *testing.T) {
	t.Parallel()
	s, _ := newFile(t)
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "trusted_schema": "0", "busy_timeout": "400", "secure_delete": "1",
	} {
		for name, lend := range map[string]func(context.Context, string, sqldb.Work) error{"writer": s.Single, "reader": s.Read} {
			err := lend(t.Context(), pragma, func(ctx context.Context, q sqldb.Querier) error {
				got, err := sqldb.One(ctx, q, sqldb.ScanText, "pragma "+pragma)
				if got != want {
					t.Errorf("%s of the %s is %q, want %q", pragma, name, got, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	err := s.Single(t.Context(), "test", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, `select "no such column"`)
		return err
	})
	if err == nil {
		t.Error("a misspelt column in double quotes counts as a text")
	}
}

func TestSQLiteFileModes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // has no such modes
	}
	folder := filepath.Join(t.TempDir(), "data")
	s := openFile(t, filepath.Join(folder, "gatehouse.db"))
	if err := errors.Join(s.Lock(), s.Migrate(t.Context())); err != nil {
		t.Fatal(err)
	}
	want := map[string]os.FileMode{"": 0o700, "gatehouse.db": 0o600, "gatehouse.db-wal": 0o600, "gatehouse.db-shm": 0o600,
		"gatehouse.db.lock": 0o600}
	for name, mode := range want {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Errorf("%q: %v", name, err)
		} else if info.Mode().Perm() != mode {
			t.Errorf("%q has mode %v, want %v", name, info.Mode().Perm(), mode)
		}
	}
}

func TestSQLiteOneProcess(t *testing.T) {
	t.Parallel()
	first, path := newFile(t)
	second := openFile(t, path)
	if err := errors.Join(first.Lock(), first.Lock()); err != nil {
		t.Fatal(err)
	}
	err := second.Lock()
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "in use by another gatehouse process") {
		t.Fatalf("error is %v, want one that names the file and what to do", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.Lock(); err != nil {
		t.Errorf("after the first has closed: %v", err)
	}
}
