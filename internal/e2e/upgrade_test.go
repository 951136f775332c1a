//go:build upgrade

package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// These tests need programs of two releases, so they stand behind a tag of their own: tools/soak.sh builds the release before
// and names its program in GATEHOUSE_PREVIOUS. GATEHOUSE_PREVIOUS_BACK=1 says that it can run on the schema of this tree.

// TestK08_FromThePreviousRelease: the nodes are upgraded one by one while people are about their business, and back again
// where the release before can go on with the newer schema.
func TestK08_FromThePreviousRelease(t *testing.T) {
	previous := os.Getenv("GATEHOUSE_PREVIOUS")
	if previous == "" {
		t.Fatal("GATEHOUSE_PREVIOUS names no program: run SOAK_STEPS=upgrade tools/soak.sh")
	}
	this, err := gatehousetest.Release()
	if err != nil {
		t.Fatal(err)
	}
	rolled(t, previous, this, os.Getenv("GATEHOUSE_PREVIOUS_BACK") == "1")
}

// TestK08_ToTheNextReleaseAndBack: the next release is this one with one more migration, which adds to every table.
func TestK08_ToTheNextReleaseAndBack(t *testing.T) {
	this, err := gatehousetest.Release()
	if err != nil {
		t.Fatal(err)
	}
	rolled(t, this, nextRelease(t), true)
}

const nextMigration = `-- +goose Up
-- +goose StatementBegin
do $$
declare t text;
begin
	for t in select tablename from pg_tables where schemaname = current_schema() and tablename <> 'goose_db_version' loop
		execute format('alter table %%I add column of_the_next integer not null default 0', t);
	end loop;
end $$;
-- +goose StatementEnd
create table of_the_next (id bigint primary key);
create index of_the_next_sessions on sessions (of_the_next);
insert into settings (name, value) values ('schema_fits', '%d') on conflict (name) do update set value = excluded.value;
`

// nextRelease builds this tree with one more migration.
func nextRelease(t testing.TB) string {
	t.Helper()
	folder, err := filepath.Abs("../../authcore/platform/sqlstore/migrations/postgres")
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(os.DirFS(folder), "*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("migrations %q, %v", files, err)
	}
	newest, err := strconv.Atoi(files[len(files)-1][:4])
	if err != nil {
		t.Fatal(err)
	}
	more, overlay := filepath.Join(workDir(t), "next.sql"), filepath.Join(workDir(t), "next.json")
	text, err := json.Marshal(object{"Replace": object{filepath.Join(folder, fmt.Sprintf("%04d_next.sql", newest+1)): more}})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{more: fmt.Appendf(nil, nextMigration, newest), overlay: text} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binary, err := gatehousetest.Build("gatehouse-next", "-overlay", overlay)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// rolled upgrades two nodes, takes the upgrade back if that is possible, and does it again; in each mixed state for a while.
func rolled(t *testing.T, older, newer string, back bool) {
	f := startFleet(t, older)
	a, b := f.nodes[0], f.nodes[1]
	f.visitors = f.populate()
	schema := f.schema()
	f.phase("old and old", func() { f.bothWays() })
	f.phase("the first node goes up", func() {
		f.roll(a, newer)
		f.bothWays()
		f.mixed()
	})
	t.Logf("the schema went from version %d to %d while the older program ran", schema, f.schema())
	f.withoutRedis(a, b)
	f.withoutRedis(b, a)
	f.phase("the second node goes up", func() { f.roll(b, newer) })
	if !back {
		f.refusedSchema(older)
	}
	if back {
		child := f.child()
		f.visitors = append(f.visitors, child)
		f.phase("the first node goes back", func() {
			f.roll(a, older)
			f.bothWays()
			f.mixed()
		})
		f.phase("the second node goes back", func() { f.roll(b, older) })
		f.phase("the second node goes up again", func() {
			f.roll(b, newer)
			f.bothWays()
			f.mixed()
		})
		f.phase("the first node goes up again", func() { f.roll(a, newer) })
	}
	f.phase("new and new", func() { f.bothWays() })
	for _, v := range f.visitors {
		if v.account == "" {
			continue
		}
		if n := a.count(t, "select count(*) from events where kind = 'session.refresh_replayed' and account_id = '"+v.account+"'"); n != 0 {
			t.Errorf("%s: %d refreshes were taken for theft", v.name, n)
		}
	}
}

// refusedSchema demands that a program that cannot run on the schema says so and ends, and changes nothing.
func (f *fleet) refusedSchema(binary string) {
	f.t.Helper()
	before := f.schema()
	g := nodeBeside(f.t, plan{postgres: true, binary: binary, failing: true, global: twoIssuer}, f.nodes[0].database)
	if err := g.WaitExit(f.t); err == nil || !strings.Contains(g.logs(), fmt.Sprintf("the database has schema version %d and this program knows", before)) {
		f.t.Errorf("the older program ended with %v", err)
	}
	if after := f.schema(); after != before {
		f.t.Errorf("the schema was of version %d and is of %d", before, after)
	}
}

// mixed lets both releases run beside each other for a while.
func (f *fleet) mixed() {
	over := time.NewTimer(soak.For(5*time.Second, 150*time.Second))
	defer over.Stop()
	<-over.C
}
