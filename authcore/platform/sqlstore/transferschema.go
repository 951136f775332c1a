package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// table is what the schema says of a table.
type table struct {
	name    string
	columns []column
}

type column struct {
	name, kind string // kind as Postgres calls it
	key        bool   // part of the primary key
	identity   bool   // numbered by the database
}

const (
	// Tables, their columns in alphabetical order, and what the primary key has of them.
	selectColumns = `select c.table_name, c.column_name, c.data_type, c.is_identity = 'YES', k.column_name is not null
		from information_schema.columns c
		join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
			and t.table_type = 'BASE TABLE'
		left join (select u.table_schema, u.table_name, u.column_name from information_schema.key_column_usage u
			join information_schema.table_constraints p on p.constraint_schema = u.constraint_schema
				and p.constraint_name = u.constraint_name and p.constraint_type = 'PRIMARY KEY') k
			on k.table_schema = c.table_schema and k.table_name = c.table_name and k.column_name = c.column_name
		where c.table_schema = current_schema() and c.table_name <> $1
		order by c.table_name, c.column_name`
	selectReferences = `select conrelid::regclass::text, confrelid::regclass::text from pg_catalog.pg_constraint
		where contype = 'f' and connamespace = current_schema()::regnamespace and conrelid <> confrelid`
	selectLiteColumns = `select t.name || '.' || c.name from sqlite_master t join pragma_table_info(t.name) c
		where t.type = 'table' and t.name <> $1 and t.name not like 'sqlite\_%' escape '\' order by 1`
)

// schema reads what there is to copy, and refuses what this program cannot.
func (t *transfer) schema(ctx context.Context) ([]table, error) {
	type line struct {
		table string
		column
	}
	var lines []line
	var references [][2]string
	err := t.to.WriteLong(ctx, "read the target's schema", func(ctx context.Context, q sqldb.Querier) (err error) {
		lines, err = sqldb.All(ctx, q, func(r sqldb.Row) (l line, err error) {
			return l, r.Scan(&l.table, &l.name, &l.kind, &l.identity, &l.key)
		}, selectColumns, sqldb.VersionTable)
		if err != nil {
			return err
		}
		references, err = sqldb.All(ctx, q, func(r sqldb.Row) (p [2]string, err error) { return p, r.Scan(&p[0], &p[1]) }, selectReferences)
		return err
	})
	if err != nil {
		return nil, err
	}
	var tables []table
	var names []string
	for _, l := range lines {
		if n := len(tables); n == 0 || tables[n-1].name != l.table {
			tables = append(tables, table{name: l.table})
		}
		last := &tables[len(tables)-1]
		last.columns = append(last.columns, l.column)
		names = append(names, l.table+"."+l.name)
	}
	if err := t.sameColumns(ctx, names); err != nil {
		return nil, err
	}
	return inOrder(tables, references)
}

func (t *transfer) sameColumns(ctx context.Context, want []string) error {
	var got []string
	err := t.from.Read(ctx, "read the source's schema", func(ctx context.Context, q sqldb.Querier) (err error) {
		got, err = sqldb.All(ctx, q, sqldb.ScanText, selectLiteColumns, sqldb.VersionTable)
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		return fmt.Errorf("the two schemas differ: %d columns in the source, %d in the target", len(got), len(want))
	}
	return nil
}

// inOrder puts each table after those that it refers to.
func inOrder(tables []table, references [][2]string) (ordered []table, err error) {
	placed := map[string]bool{}
	for len(ordered) < len(tables) {
		before := len(ordered)
		for _, t := range tables {
			waits := slices.ContainsFunc(references, func(r [2]string) bool { return r[0] == t.name && !placed[r[1]] })
			if placed[t.name] || waits {
				continue
			}
			if len(t.key(make([]any, len(t.columns)))) == 0 {
				return nil, fmt.Errorf("table %s has no primary key", t.name)
			}
			placed[t.name] = true
			ordered = append(ordered, t)
		}
		if len(ordered) == before {
			return nil, fmt.Errorf("%d tables refer to each other in a circle", len(tables)-before)
		}
	}
	return ordered, nil
}

// key returns the values of a row's primary key.
func (t table) key(row []any) (key []any) {
	for i, c := range t.columns {
		if c.key {
			key = append(key, row[i])
		}
	}
	return key
}

func (t table) names(of string, only func(column) bool) string {
	var names []string
	for _, c := range t.columns {
		if only == nil || only(c) {
			names = append(names, of+c.name)
		}
	}
	return strings.Join(names, ", ")
}

func inKey(c column) bool { return c.key }

// parameters are the first n of a statement.
func (t table) parameters() (list string, n int) {
	var texts []string
	for _, c := range t.columns {
		if c.key {
			n++
			texts = append(texts, fmt.Sprint("$", n))
		}
	}
	return strings.Join(texts, ", "), n
}

func (t table) selectPage(after bool) string {
	where := ""
	if after {
		parameters, _ := t.parameters()
		where = fmt.Sprintf(" where (%s) > (%s)", t.names("", inKey), parameters)
	}
	return fmt.Sprintf("select %s from %s%s order by %s limit %d", t.names("", nil), t.name, where, t.names("", inKey), transferPage)
}

func (t table) selectOne() string {
	parameters, _ := t.parameters()
	return fmt.Sprintf("select %s from %s where (%s) = (%s)", t.names("", nil), t.name, t.names("", inKey), parameters)
}

// selectThose returns the rows with the keys of those in the JSON text.
func (t table) selectThose() string {
	return fmt.Sprintf("select %s from %s a join json_populate_recordset(null::%s, $1) b on (%s) = (%s)",
		t.names("a.", nil), t.name, t.name, t.names("a.", inKey), t.names("b.", inKey))
}

// insert writes the rows in the JSON text that are not there.
func (t table) insert() string {
	columns := t.names("", nil)
	return fmt.Sprintf("insert into %s (%s) overriding system value select %s from json_populate_recordset(null::%s, $1) on conflict do nothing",
		t.name, columns, columns, t.name)
}

// count leaves out the mark of the transfer itself.
func (t table) count() string {
	if t.name == "settings" {
		return "select count(*) from settings where name <> '" + transferring + "'"
	}
	return "select count(*) from " + t.name
}

// scan reads a row of either database into the same Go values.
func (t table) scan(r sqldb.Row) ([]any, error) {
	values := make([]any, len(t.columns))
	into := make([]any, len(t.columns))
	for i, c := range t.columns {
		into[i] = &cell{kind: c.kind, into: &values[i]}
	}
	return values, r.Scan(into...)
}

// cell scans one value as what Postgres calls its kind; nil for null.
type cell struct {
	kind string
	into *any
}

// Scan implements sql.Scanner.
func (c *cell) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*c.into = nil
		return nil
	case int64:
		if *c.into = v; c.kind == "boolean" {
			*c.into = v != 0
			return nil
		}
		return c.is("bigint")
	case bool:
		*c.into = v
		return c.is("boolean")
	case []byte:
		*c.into = append([]byte{}, v...)
		return c.is("bytea")
	case [16]byte:
		*c.into = uuid.UUID(v)
		return c.is("uuid")
	case string:
		if *c.into = v; c.kind != "uuid" {
			return c.is("text")
		}
		id, err := uuid.Parse(v)
		*c.into = id
		return err
	}
	return fmt.Errorf("a %s is stored as %T", c.kind, src)
}

func (c *cell) is(kind string) error {
	if c.kind != kind {
		return fmt.Errorf("a %s is stored where a %s should be", kind, c.kind)
	}
	return nil
}
