package sqlstore

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// TestDigester is that of every store of the tests.
var TestDigester = NewDigester(func() secret.MACKey {
	key, err := secret.NewMACKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		panic(err)
	}
	return key
})

// RaiseVersion makes the schema look like that of a newer program.
func RaiseVersion(t testing.TB, s *Store, version int64) {
	t.Helper()
	Change(t, s, "insert into "+sqldb.VersionTable+" (version_id, is_applied) values ($1, true)", version)
}

// Change runs one statement that no method of the store offers.
func Change(t testing.TB, s *Store, text string, args ...any) {
	t.Helper()
	err := s.Single(t.Context(), "change", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, text, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Ask returns the text that a statement outside a transaction answers with.
func Ask(t testing.TB, s *Store, text string) (answer string) {
	t.Helper()
	err := s.Single(context.WithoutCancel(t.Context()), "ask", func(ctx context.Context, q sqldb.Querier) (err error) {
		answer, err = sqldb.One(ctx, q, sqldb.ScanText, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// Exported returns which columns of a table its owner is told, and which are secrets; nil where the table is not exported.
func Exported(table string) (columns, secrets []string) {
	for _, e := range exports {
		if e.table == table {
			return strings.Split(e.columns, ", "), strings.Split(e.secrets, ", ")
		}
	}
	return nil, nil
}

// Erased returns the tables that a deletion empties of an account.
func Erased() (tables []string) {
	for _, e := range ofAccount {
		tables = append(tables, e.table)
	}
	return tables
}

// Columns returns the names of the table's columns.
func (x SchemaTable) Columns() (names []string) {
	for _, c := range x.columns {
		names = append(names, c.name)
	}
	return names
}

// SchemaTable is a table as the schema has it.
type SchemaTable struct {
	Name    string
	columns []schemaColumn
}

type schemaColumn struct {
	name, kind string
	only       bool // the whole primary key
}

const (
	liteTables = `select t.name, c.name, lower(c.type), c.pk > 0 and (select count(*) from pragma_table_info(t.name) k where k.pk > 0) = 1
		from sqlite_master t join pragma_table_info(t.name) c where t.type = 'table' and t.name <> $1 and t.name not like 'sqlite\_%' escape '\'
		order by 1, 2`
)

// Tables returns every table of the schema.
func Tables(t testing.TB, s *Store) (tables []SchemaTable) {
	t.Helper()
	type line struct {
		table string
		schemaColumn
	}
	var lines []line
	err := s.Read(t.Context(), "read schema", func(ctx context.Context, q sqldb.Querier) (err error) {
		if s.Dialect().Name == sqldb.SQLite {
			lines, err = sqldb.All(ctx, q, func(r sqldb.Row) (l line, err error) { return l, r.Scan(&l.table, &l.name, &l.kind, &l.only) }, liteTables, sqldb.VersionTable)
			return err
		}
		keys := map[string]int{}
		lines, err = sqldb.All(ctx, q, func(r sqldb.Row) (l line, err error) {
			var identity bool
			err = r.Scan(&l.table, &l.name, &l.kind, &identity, &l.only)
			if l.only {
				keys[l.table]++
			}
			return l, err
		}, selectColumns, sqldb.VersionTable)
		for i := range lines {
			lines[i].only = lines[i].only && keys[lines[i].table] == 1
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if n := len(tables); n == 0 || tables[n-1].Name != l.table {
			tables = append(tables, SchemaTable{Name: l.table})
		}
		last := &tables[len(tables)-1]
		last.columns = append(last.columns, l.schemaColumn)
	}
	return tables
}

// isID reports whether a column holds an id. SQLite has no kind of its own for those.
func (c schemaColumn) isID() bool {
	return c.kind == "uuid" || c.kind == "text" && (c.name == "id" || strings.HasSuffix(c.name, "_id") || c.name == "used_by" || strings.HasSuffix(c.name, "ed_by"))
}

// Insert puts in a row with id in each column of an id, and text in each of a text.
func (x SchemaTable) Insert(t testing.TB, s *Store, id uuid.UUID, text string) {
	t.Helper()
	var names, places []string
	var args []any
	for _, c := range x.columns {
		var v any = int64(1)
		switch {
		case c.only && c.kind != "uuid" && c.kind != "text" && c.kind != "bytea" && c.kind != "blob": // numbered by the database
			continue
		case c.isID() && c.only:
			v = uuid.New()
		case c.isID():
			v = id
		case c.name == "kind" || c.name == "result": // words of ours
			v = "x"
		case c.kind == "text":
			v = text
		case c.kind == "boolean":
			v = false
		case c.kind == "bytea" || c.kind == "blob":
			v = []byte(text)
		case c.name == "used_at" || c.name == "done_at":
			v = nil
		}
		names, places, args = append(names, c.name), append(places, "$"+strconv.Itoa(len(args)+1)), append(args, v)
	}
	Change(t, s, "insert into "+x.Name+" ("+strings.Join(names, ", ")+") values ("+strings.Join(places, ", ")+")", args...)
}

// Find returns in how many rows some column has the text.
func (x SchemaTable) Find(t testing.TB, s *Store, text string) (rows int64) {
	t.Helper()
	var any []string
	for _, c := range x.columns {
		column := "cast(" + c.name + " as text)"
		if c.kind == "bytea" {
			column = "encode(" + c.name + ", 'escape')"
		}
		any = append(any, column+" like '%'||$1||'%'")
	}
	err := s.Read(t.Context(), "find", func(ctx context.Context, q sqldb.Querier) (err error) {
		rows, err = sqldb.One(ctx, q, sqldb.ScanInt, "select count(*) from "+x.Name+" where "+strings.Join(any, " or "), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// HistoryPlan returns how the database answers a question about an account's history.
func HistoryPlan(t testing.TB, s *Store, q history.Query) string {
	t.Helper()
	text, args := accountEvents(q)
	return plan(t, s, text, args)
}

// DirectoryPlan returns how the database answers a question for a page of accounts.
func DirectoryPlan(t testing.TB, s *Store, q admin.UserQuery) (text string) {
	t.Helper()
	l := s.accountList(q)
	err := s.Read(t.Context(), "prepare", func(ctx context.Context, db sqldb.Querier) error {
		return l.conditionsOf(ctx, db)
	})
	if err != nil {
		t.Fatal(err)
	}
	text = l.page()
	return plan(t, s, text, l.args)
}

// SearchPlan returns how the database finds what a prefix begins, AdminsPlan how whether there is another administrator.
func SearchPlan(t testing.TB, s *Store, prefix string) string {
	t.Helper()
	text, args := s.accountList(admin.UserQuery{}).searchFor(prefix)
	return plan(t, s, text, args)
}

func AdminsPlan(t testing.TB, s *Store) string {
	t.Helper()
	return plan(t, s, storedAdmins, []any{uuid.Nil})
}

// SessionsPlan returns how the database answers a question for a page of everybody's sessions.
func SessionsPlan(t testing.TB, s *Store, q admin.SessionQuery) (text string) {
	t.Helper()
	l := s.searchSessions(q)
	text = plan(t, s, l.end(), l.args)
	page, err := s.SessionsOfAll(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	tested := page.Next
	if len(page.Sessions) == q.Limit {
		tested = cursor.Position{}
	}
	return text + "\n" + plan(t, s, l.page(q, tested), l.args)
}

func plan(t testing.TB, s *Store, text string, args []any) string {
	t.Helper()
	explain := "explain (analyze, buffers off, timing off, costs off) "
	scan := sqldb.ScanText
	if s.Dialect().Name == sqldb.SQLite {
		explain, scan = "explain query plan ", func(r sqldb.Row) (line string, err error) {
			var id, parent, unused int64
			return line, r.Scan(&id, &parent, &unused, &line)
		}
	}
	var lines []string
	err := s.Read(t.Context(), "explain", func(ctx context.Context, db sqldb.Querier) (err error) {
		lines, err = sqldb.All(ctx, db, scan, explain+text, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// EventPlan returns how the database answers a search of events.
func EventPlan(t testing.TB, s *Store, q eventlog.Query) (text string, events int) {
	t.Helper()
	found, tested, err := s.FindEvents(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	search := searchEvents(q)
	tests := search.tests(tested)
	limit := " limit " + search.place(q.Limit)
	return plan(t, s, "select * from ("+search.union(eventColumns, tests+newestFirst+limit)+") as every"+newestFirst+limit, search.args), len(found)
}
