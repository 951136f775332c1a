package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const keyColumns = "kid, key_use, algorithm, public, sealed, created_at, not_before, retire_at, remove_at"

func scanKey(r sqldb.Row) (k authcore.KeyRecord, err error) {
	return k, r.Scan(&k.KID, &k.Use, &k.Algorithm, &k.Public, &k.Sealed, &stamp{&k.CreatedAt}, &stamp{&k.NotBefore},
		&stamp{&k.RetireAt}, &stamp{&k.RemoveAt})
}

const selectKeys = "select " + keyColumns + " from signing_keys order by created_at, kid"

// Keys implements keyring.Store.
func (s *Store) Keys(ctx context.Context) (keys []authcore.KeyRecord, err error) {
	err = s.Read(ctx, "read keys", func(ctx context.Context, q sqldb.Querier) error {
		keys, err = sqldb.All(ctx, q, scanKey, selectKeys)
		return err
	})
	return keys, err
}

const (
	// lockKeys makes every other node wait at this row until the transaction ends.
	lockKeys = `insert into settings (name, value) values ('signing_keys', '')
		on conflict (name) do update set value = settings.value`
	// hadKeys yields 1 once keys have been made in this database.
	hadKeys   = "select count(*) from settings where name = 'signing_keys'"
	upsertKey = "insert into signing_keys (" + keyColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (kid) do update set key_use = excluded.key_use, algorithm = excluded.algorithm,
			public = excluded.public, sealed = excluded.sealed, created_at = excluded.created_at,
			not_before = excluded.not_before, retire_at = excluded.retire_at, remove_at = excluded.remove_at`
	removeKeys = "delete from signing_keys where remove_at <= $1"
)

// errKeysGone: new keys would sign everybody out, and make every code that is out invalid.
var errKeysGone = errors.New("the database has lost its signing keys: restore the table signing_keys from the backup; if there is none, " +
	"delete the row signing_keys from the table settings; the next start then makes new keys and signs everyone out")

// ChangeKeys implements keyring.Store. change runs inside the transaction, for at most 30 s, and must not use the
// store; after a conflict it runs again.
func (s *Store) ChangeKeys(ctx context.Context, now time.Time,
	change func(present []authcore.KeyRecord) ([]authcore.KeyRecord, error)) (keys []authcore.KeyRecord, err error) {
	do := func(ctx context.Context, q sqldb.Querier) error {
		had, err := sqldb.One(ctx, q, sqldb.ScanInt, hadKeys)
		if err != nil {
			return err
		}
		if _, err := sqldb.Exec(ctx, q, lockKeys); err != nil {
			return err
		}
		// A new statement sees what the node before has committed.
		present, err := sqldb.All(ctx, q, scanKey, selectKeys)
		if err != nil {
			return err
		}
		changed, err := change(present)
		if err != nil {
			return fmt.Errorf("decide on keys: %w", err)
		}
		if len(present) == 0 && len(changed) > 0 && had > 0 {
			return errKeysGone
		}
		for _, k := range changed {
			_, err := sqldb.Exec(ctx, q, upsertKey, k.KID, k.Use, k.Algorithm, k.Public, k.Sealed, micros(k.CreatedAt),
				micros(k.NotBefore), micros(k.RetireAt), micros(k.RemoveAt))
			if err != nil {
				return err
			}
		}
		if _, err := sqldb.Exec(ctx, q, removeKeys, micros(now)); err != nil {
			return err
		}
		keys, err = sqldb.All(ctx, q, scanKey, selectKeys)
		return err
	}
	err = s.WriteLong(ctx, "change keys", do)
	if err != nil {
		return nil, err
	}
	return keys, nil
}
