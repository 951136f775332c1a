package sqlstore

import (
	"context"
	"testing"
)

// RaiseVersion makes the schema look like that of a newer program.
func RaiseVersion(t testing.TB, s *Store, version int64) {
	t.Helper()
	Change(t, s, "insert into "+VersionTable+" (version_id, is_applied) values ($1, true)", version)
}

// Change runs one statement that no method of the store offers.
func Change(t testing.TB, s *Store, text string, args ...any) {
	t.Helper()
	err := s.engine.single(t.Context(), func(ctx context.Context, q Querier) error {
		_, err := Exec(ctx, q, text, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Ask returns the text that a statement outside a transaction answers with.
func Ask(t testing.TB, s *Store, text string) (answer string) {
	t.Helper()
	err := s.engine.single(t.Context(), func(ctx context.Context, q Querier) (err error) {
		answer, err = One(ctx, q, func(r Row) (v string, err error) { return v, r.Scan(&v) }, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
