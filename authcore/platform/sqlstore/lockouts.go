package sqlstore

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const upsertLockout = `insert into lockouts (key, until, level) values ($1, $2, $3)
	on conflict (key) do update set until = excluded.until, level = excluded.level`

// SaveLockout implements authcore.LockoutStore.
func (s *Store) SaveLockout(ctx context.Context, l authcore.Lockout) error {
	return s.single(ctx, "save lockout", func(ctx context.Context, q querier) error {
		_, err := exec(ctx, q, upsertLockout, l.Key, micros(l.Until), l.Level)
		return err
	})
}

const deleteLockout = "delete from lockouts where key = $1"

// ClearLockout implements authcore.LockoutStore.
func (s *Store) ClearLockout(ctx context.Context, key string) error {
	return s.single(ctx, "clear lockout", func(ctx context.Context, q querier) error {
		_, err := exec(ctx, q, deleteLockout, key)
		return err
	})
}

const selectLockout = "select key, until, level from lockouts where key = $1"

// Lockout implements authcore.LockoutStore.
func (s *Store) Lockout(ctx context.Context, key string) (l authcore.Lockout, err error) {
	err = s.read(ctx, "find lockout", func(ctx context.Context, q querier) (err error) {
		l, err = one(ctx, q, scanLockout, selectLockout, key)
		return err
	})
	return l, err
}

const lockoutPage = 5000

const selectLockouts = "select key, until, level from lockouts where until > $1 and key > $2 order by key limit $3"

func scanLockout(r row) (l authcore.Lockout, err error) {
	return l, r.Scan(&l.Key, &stamp{&l.Until}, &l.Level)
}

// Lockouts implements authcore.LockoutStore.
func (s *Store) Lockouts(ctx context.Context, since time.Time) (list []authcore.Lockout, err error) {
	last := ""
	for {
		var next []authcore.Lockout
		err := s.read(ctx, "list lockouts", func(ctx context.Context, q querier) (err error) {
			next, err = all(ctx, q, scanLockout, selectLockouts, micros(since), last, lockoutPage)
			return err
		})
		if err != nil {
			return nil, err
		}
		list = append(list, next...)
		if len(next) < lockoutPage {
			return list, nil
		}
		last = next[len(next)-1].Key
	}
}
