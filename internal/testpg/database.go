package testpg

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "postgres"
	// owner is an ordinary role, as an installation would give us: what needs more fails in tests.
	owner = "gatehouse"

	statementLimit = 30 * time.Second
)

// Database makes an empty database on the server and returns its postgres:// URL. The role in it
// owns the database and is no superuser. The database goes with the server.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	at, err := s.CreateDatabase()
	if err != nil {
		t.Fatalf("testpg: %v", err)
	}
	return at
}

// CreateDatabase is Database for programs that are no tests.
func (s *Server) CreateDatabase() (at string, err error) {
	name, err := s.createDatabase()
	if err != nil {
		return "", err
	}
	return s.url(owner, name), nil
}

// AdminURL is the postgres:// URL of the superuser, for tests that change the server from outside:
// cut sessions, take the owner's rights away, read statistics.
func (s *Server) AdminURL() string { return s.url(superuser, "postgres") }

func (s *Server) url(role, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(role, s.password),
		Host:     s.Addr(),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

func (s *Server) createOwner() error {
	return s.administer("create role " + owner + " login password '" + s.password + "'")
}

func (s *Server) createDatabase() (string, error) {
	name := "t_" + strings.ToLower(rand.Text())
	return name, s.administer("create database " + name + " owner " + owner)
}

// dropDatabase cuts whoever still uses it: a leaked pool must not make another test's clean-up fail.
func (s *Server) dropDatabase(name string) error {
	return s.administer("drop database " + name + " with (force)")
}

// administer runs one statement on a connection of its own; a kept pool would show in leak checks.
func (s *Server) administer(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), statementLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.AdminURL())
	if err != nil {
		return fmt.Errorf("connecting to the test's Postgres: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		verb := strings.Join(strings.Fields(statement)[:2], " ")
		return fmt.Errorf("%s in the test's Postgres: %w", verb, err)
	}
	return nil
}
