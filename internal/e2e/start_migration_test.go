package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// putAside moves every table out of the way, but that of the schema's versions.
const putAside = `
create schema newer;
do $$
declare t text;
begin
	for t in select tablename from pg_tables where schemaname = 'public' and tablename <> 'goose_db_version' loop
		execute format('alter table public.%I set schema newer', t);
	end loop;
end $$;
`

// takeBack copies the rows into the tables of the first version, as far as those have columns for them. Nothing is revoked yet, and
// an account comes before its sessions.
const takeBack = `
do $$
declare t text; columns text;
begin
	for t in select tablename from pg_tables where schemaname = 'public' and tablename not in ('goose_db_version', 'revocations')
		order by tablename <> 'users'
	loop
		select string_agg(quote_ident(column_name), ', ') into columns from information_schema.columns
			where table_schema = 'public' and table_name = t;
		execute format('insert into public.%I (%s) select %s from newer.%I', t, columns, columns, t);
	end loop;
end $$;
drop schema newer cascade;
delete from settings where name = 'schema_fits';
delete from goose_db_version where version_id > 1;
`

// makeFirst brings the database of a node that has ended back to the first version of the schema, whatever came after that.
func makeFirst(t *testing.T, g *gateway) {
	t.Helper()
	text, err := os.ReadFile("../../authcore/platform/sqlstore/migrations/postgres/0001_init.sql")
	if err != nil {
		t.Fatal(err)
	}
	g.exec(t, putAside+string(text)+takeBack)
}

// TestStart_MigrationWaits: a backup holds a table that the new release changes. The node waits for longer than any other step of
// a start may take, ends at once when it is told to, and serves when the table is free.
func TestStart_MigrationWaits(t *testing.T) {
	t.Parallel()
	database := testpg.Database(t)
	old := nodeBeside(t, plan{postgres: true}, database)
	u := old.newUser(t)
	old.terminate(t)
	makeFirst(t, old)
	backup, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer backup.Close(t.Context())
	if _, err := backup.Exec(t.Context(), "begin; select count(*) from sessions"); err != nil {
		t.Fatal(err)
	}
	waits := func() bool {
		return strings.Contains(old.Log.Tail(50), "is waiting for a transaction that holds a table")
	}

	if err := old.Launch(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the migration waits", waits)
	began := time.Now()
	old.terminate(t)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a node that waits took %s to end", took)
	}

	began = time.Now()
	if err := old.Launch(); err != nil {
		t.Fatal(err)
	}
	for time.Since(began) < 22*time.Second {
		select {
		case <-old.Exited():
			t.Fatalf("the node gave up after %s:\n%s", time.Since(began), old.Log.Tail(10))
		case <-time.After(100 * time.Millisecond):
		}
	}
	if old.Serves() {
		t.Error("the node serves on the old schema")
	}
	if _, err := backup.Exec(t.Context(), "commit"); err != nil {
		t.Fatal(err)
	}
	inTime(t, 10*time.Second, "the node serves", old.Serves)
	old.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
}
