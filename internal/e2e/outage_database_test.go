package e2e

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
)

func databaseLink(f testproxy.Faults) func(*scene) {
	return func(s *scene) { links(s.t, f, s.aData, s.bData) }
}

// databaseOutages: without the database nothing is changed, and everything says so; who is signed in stays so, for Redis
// confirms the snapshot of revocations.
var databaseOutages = []outage{
	{name: "Postgres is killed", breaks: func(s *scene) { s.postgres.Kill() }, mends: func(s *scene) { s.postgres.Start() }},
	{name: "Postgres is frozen", breaks: func(s *scene) { s.postgres.Freeze() }, mends: func(s *scene) { s.postgres.Thaw() }},
	{name: "Postgres refuses connections",
		breaks: databaseLink(testproxy.Faults{Cut: true}), mends: databaseLink(testproxy.Faults{})},
	{name: "Postgres is behind a black hole",
		breaks: databaseLink(testproxy.Faults{Stalled: true}), mends: databaseLink(testproxy.Faults{})},
	foreign("Postgres' tables are locked", func(s *scene, conn *pgx.Conn) func() {
		s.run(conn, "begin")
		s.run(conn, "lock table users, sessions, registrations, challenges in access exclusive mode")
		return func() { s.run(conn, "rollback") }
	}),
	foreign("Postgres has no connection left", func(s *scene, conn *pgx.Conn) func() {
		others := s.exhaust(conn)
		return func() {
			for _, other := range others {
				_ = other.Close(context.Background())
			}
		}
	}),
	foreign("Postgres is read-only", func(s *scene, conn *pgx.Conn) func() {
		name := s.name(conn)
		s.run(conn, "alter database "+name+" set default_transaction_read_only = on")
		s.run(conn, cutNodes)
		return func() {
			s.run(conn, "set default_transaction_read_only = off")
			s.run(conn, "alter database "+name+" reset default_transaction_read_only")
			s.run(conn, cutNodes)
		}
	}),
}

// cutNodes ends the sessions of everybody but the superuser.
const cutNodes = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'gatehouse'"

// foreign is an outage that a superuser of the database makes, who has a connection before and keeps it.
func foreign(name string, does func(s *scene, conn *pgx.Conn) (undo func())) outage {
	var conn *pgx.Conn
	var undo func()
	return outage{name: name,
		breaks: func(s *scene) {
			var err error
			config, err := pgx.ParseConfig(s.postgres.AdminURL())
			if err != nil {
				s.t.Fatal(err)
			}
			own, err := pgx.ParseConfig(s.a.database)
			if err != nil {
				s.t.Fatal(err)
			}
			config.Database = own.Database
			if conn, err = pgx.ConnectConfig(s.t.Context(), config); err != nil {
				s.t.Fatal(err)
			}
			undo = does(s, conn)
		},
		mends: func(s *scene) {
			undo()
			_ = conn.Close(context.Background())
		}}
}

func (s *scene) run(conn *pgx.Conn, statement string) {
	s.t.Helper()
	if _, err := conn.Exec(s.t.Context(), statement); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

func (s *scene) name(conn *pgx.Conn) (name string) {
	s.t.Helper()
	if err := conn.QueryRow(s.t.Context(), "select current_database()::text").Scan(&name); err != nil {
		s.t.Fatal(err)
	}
	return name
}

// exhaust takes every connection that the server gives to those who are no superuser, the nodes' own included.
func (s *scene) exhaust(conn *pgx.Conn) (taken []*pgx.Conn) {
	s.t.Helper()
	eventually(s.t, "every connection is taken", func() bool {
		for {
			c, err := pgx.Connect(s.t.Context(), s.a.database)
			if err != nil {
				break
			}
			taken = append(taken, c)
		}
		// A session that was ended may have gone, and its place not be taken yet: then a node could have it.
		var nodes, left int
		query := `select count(*) filter (where usename = 'gatehouse' and pid <> all($1)),
			current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - count(*)
			from pg_stat_activity where backend_type = 'client backend'`
		pids := make([]int32, len(taken))
		for i, c := range taken {
			pids[i] = int32(c.PgConn().PID())
		}
		if err := conn.QueryRow(s.t.Context(), query, pids).Scan(&nodes, &left); err != nil {
			s.t.Fatal(err)
		}
		if nodes == 0 && left <= 0 {
			return true
		}
		if _, err := conn.Exec(s.t.Context(), cutNodes+" and pid <> all($1)", pids); err != nil {
			s.t.Fatal(err)
		}
		return false
	})
	return taken
}

// TestF09_F10_DatabaseOutages: each way in which Postgres can be away, beside guarded traffic on two nodes.
func TestF09_F10_DatabaseOutages(t *testing.T) {
	t.Parallel()
	heavy(t)
	newScene(t, testpg.Options{Settings: map[string]string{"max_connections": "60"}}, "").outages(databaseOutages)
}
