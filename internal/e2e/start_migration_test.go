package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// TestStart_MigrationWaits: a backup holds a table that the new release changes. The node waits for longer than any other step of
// a start may take, ends at once when it is told to, and serves when the table is free.
func TestStart_MigrationWaits(t *testing.T) {
	t.Parallel()
	database := testpg.Database(t)
	old := nodeBeside(t, plan{postgres: true}, database)
	u := old.newUser(t)
	old.terminate(t)
	old.exec(t, "alter table sessions drop column parent_id, drop column host")
	old.exec(t, "alter table lockouts drop column tries, drop column void_at")
	old.exec(t, "delete from goose_db_version where version_id > 1")
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
