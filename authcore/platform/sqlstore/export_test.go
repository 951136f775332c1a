package sqlstore

import (
	"context"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

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
