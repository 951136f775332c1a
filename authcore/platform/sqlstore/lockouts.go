package sqlstore

import (
	"context"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const selectLockout = "select key, until, level, tries, void_at from lockouts where key = $1"

func scanLockout(r sqldb.Row) (l authcore.Lockout, err error) {
	return l, r.Scan(&l.Key, &stamp{&l.Until}, &l.Level, &l.Tries, &stamp{&l.VoidAt})
}

// Lockout implements lockout.Store.
func (s *Store) Lockout(ctx context.Context, key string) (l authcore.Lockout, err error) {
	err = s.Read(ctx, "find lockout", func(ctx context.Context, q sqldb.Querier) (err error) {
		l, err = sqldb.One(ctx, q, scanLockout, selectLockout, key)
		return err
	})
	return l, err
}

const (
	insertLockout = "insert into lockouts (key, until, level, tries, void_at) values ($1, $2, $3, $4, $5) on conflict (key) do nothing"
	// Nodes of the release before write until and level alone, so these are compared too.
	updateLockout = `update lockouts set until = $5, level = $6, tries = $7, void_at = $8
		where key = $1 and until = $2 and level = $3 and tries = $4`
	deleteLockout = "delete from lockouts where key = $1 and until = $2 and level = $3 and tries = $4"
	clearLockout  = "delete from lockouts where key = $1 or key between $2 and $3"
)

// ChangeLockout implements lockout.Store.
func (s *Store) ChangeLockout(ctx context.Context, key string, old, next authcore.Lockout) (changed bool, err error) {
	before := []any{micros(old.Until), old.Level, old.Tries}
	after := []any{micros(next.Until), next.Level, next.Tries, micros(next.VoidAt)}
	text, args := updateLockout, append(before, after...)
	switch {
	case old.Key == "":
		text, args = insertLockout, after
	case next.Key == "":
		text, args = deleteLockout, before
	}
	err = s.Single(ctx, "change lockout", func(ctx context.Context, q sqldb.Querier) error {
		n, err := sqldb.Exec(ctx, q, text, append([]any{key}, args...)...)
		changed = n > 0
		return err
	})
	return changed, err
}

// ClearLockout implements lockout.Store.
func (s *Store) ClearLockout(ctx context.Context, key string) error {
	return s.Single(ctx, "clear lockout", func(ctx context.Context, q sqldb.Querier) error {
		// Keys are hexadecimal digits, and those of devices all as long, which every collation orders alike.
		const n = authcore.LockoutDeviceDigits
		_, err := sqldb.Exec(ctx, q, clearLockout, key, key+strings.Repeat("0", n), key+strings.Repeat("f", n))
		return err
	})
}
