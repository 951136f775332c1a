package testpg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func ask[T any](t *testing.T, conn *pgx.Conn, query string) T {
	t.Helper()
	var got T
	if err := conn.QueryRow(t.Context(), query).Scan(&got); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return got
}

func TestDatabase_EachIsFreshAndOwned(t *testing.T) {
	t.Parallel()
	first, second := connect(t, testpg.Database(t)), connect(t, testpg.Database(t))
	exec(t, first, "create table marks (n int primary key)")
	if n := ask[int](t, second, "select count(*) from pg_tables where tablename = 'marks'"); n != 0 {
		t.Error("a table made in one database shows in another")
	}
	if ask[bool](t, first, "select rolsuper from pg_roles where rolname = current_user") {
		t.Error("tests run as superuser")
	}
}

func TestDatabase_SortsByLanguage(t *testing.T) {
	t.Parallel()
	conn := connect(t, testpg.Database(t))
	if !ask[bool](t, conn, "select 'a' < 'B'") {
		t.Error("text sorts by bytes: queries that need collate \"C\" would go unnoticed")
	}
}

func TestDatabase_DroppedWithItsTestAlthoughInUse(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("uses a database and leaks its connection", func(t *testing.T) {
		conn, err := pgx.Connect(context.Background(), testpg.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		name = ask[string](t, conn, "select current_database()::text")
	})
	conn := connect(t, testpg.Database(t))
	if n := ask[int](t, conn, "select count(*) from pg_database where datname = '"+name+"'"); n != 0 {
		t.Errorf("database %s outlived its test", name)
	}
}

func TestServer_StopAndKillKeepWhatWasCommitted(t *testing.T) {
	t.Parallel()
	for _, how := range []struct {
		name    string
		options testpg.Options
		end     func(*testpg.Server)
	}{
		{"stop", testpg.Options{}, (*testpg.Server).Stop},
		{"kill", testpg.Options{}, (*testpg.Server).Kill},
		{"kill with fsync", testpg.Options{Fsync: true}, (*testpg.Server).Kill},
	} {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			s := testpg.New(t, how.options)
			url := s.Database(t)
			conn := connect(t, url)
			exec(t, conn, "create table marks (n int primary key)")
			exec(t, conn, "insert into marks values (1)")

			how.end(s)
			if err := conn.Ping(t.Context()); err == nil {
				t.Error("a connection outlived the server")
			}
			if _, err := pgx.Connect(t.Context(), url); err == nil {
				t.Error("the server takes connections after its end")
			}

			s.Start()
			again := connect(t, url)
			if n := ask[int](t, again, "select count(*) from marks"); n != 1 {
				t.Errorf("committed rows after the restart: %d, want 1", n)
			}
		})
	}
}

func TestServer_FreezeAnswersNothingUntilThaw(t *testing.T) {
	t.Parallel()
	s := testpg.New(t, testpg.Options{})
	conn := connect(t, s.Database(t))
	s.Freeze()
	answered := make(chan error, 1)
	go func() { answered <- conn.Ping(context.Background()) }()
	select {
	case err := <-answered:
		t.Fatalf("a frozen server answered: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	s.Thaw()
	if err := <-answered; err != nil {
		t.Fatalf("after the thaw: %v", err)
	}
}

func TestServer_ClosesWhileFrozen(t *testing.T) {
	t.Parallel()
	t.Run("frozen at its end", func(t *testing.T) {
		s := testpg.New(t, testpg.Options{})
		connect(t, s.Database(t))
		s.Freeze()
	})
}

func TestServer_SettingsWin(t *testing.T) {
	t.Parallel()
	s := testpg.New(t, testpg.Options{Fsync: true, Settings: map[string]string{"max_connections": "17"}})
	conn := connect(t, s.AdminURL())
	if got := ask[string](t, conn, "show max_connections"); got != "17" {
		t.Errorf("max_connections = %s, want 17", got)
	}
	if got := ask[string](t, conn, "show fsync"); got != "on" {
		t.Errorf("fsync = %s, want on", got)
	}
}
