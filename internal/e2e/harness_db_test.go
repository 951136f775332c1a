package e2e

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// sqlitePath is the gateway's SQLite file.
func (g *gateway) sqlitePath() string { return filepath.Join(g.Dir, "data", "gatehouse.db") }

// openSQLite opens the gateway's file beside it; the connection ends with the test.
func (g *gateway) openSQLite(t testing.TB) *sql.DB {
	t.Helper()
	db := g.beside(t)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// beside is openSQLite for whoever closes it: a test may look thousands of times.
func (g *gateway) beside(t testing.TB) *sql.DB {
	t.Helper()
	dsn := url.URL{Scheme: "file", Path: g.sqlitePath(), RawQuery: "_pragma=busy_timeout(5000)"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

// query returns the rows of a statement that both databases understand, every value as the driver gives it.
func (g *gateway) query(t testing.TB, statement string) [][]any {
	t.Helper()
	if g.database != "" {
		return g.queryPostgres(t, statement)
	}
	db := g.beside(t)
	defer db.Close()
	rows, err := db.Query(statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]any
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func (g *gateway) queryPostgres(t testing.TB, statement string) [][]any {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, g.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out [][]any
	for rows.Next() {
		row, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// count is the single number that a statement yields.
func (g *gateway) count(t testing.TB, statement string) int64 {
	t.Helper()
	rows := g.query(t, statement)
	if len(rows) != 1 || len(rows[0]) != 1 {
		t.Fatalf("%s yields no single value", statement)
	}
	n, ok := rows[0][0].(int64)
	if !ok {
		t.Fatalf("%s yields %T", statement, rows[0][0])
	}
	return n
}

// exec changes the database behind the gateway's back.
func (g *gateway) exec(t testing.TB, statement string) {
	t.Helper()
	if g.database == "" {
		db := g.beside(t)
		defer db.Close()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		return
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, g.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatal(err)
	}
}
