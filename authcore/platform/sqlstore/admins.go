package sqlstore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	selectApplied = "select value from settings where name = 'admins'"
	insertApplied = "insert into settings (name, value) values ('admins', $1) on conflict (name) do nothing"
	updateApplied = "update settings set value = $1 where name = 'admins' and value = $2"
	raiseRoles    = `update users set roles_version = roles_version + 1
		where email = $1 and email <> '' and email_verified_at is not null and email_verified_by = '' returning ` + accountColumns
)

// AppliedAdmins implements admin.OptionStore.
func (s *Store) AppliedAdmins(ctx context.Context) (applied []byte, err error) {
	err = s.Read(ctx, "read applied administrators", func(ctx context.Context, q sqldb.Querier) error {
		text, err := sqldb.One(ctx, q, scanText, selectApplied)
		if errors.Is(err, authcore.ErrNotFound) {
			return nil
		}
		if err == nil {
			applied, err = base64.RawStdEncoding.DecodeString(text)
		}
		return err
	})
	return applied, err
}

func scanText(r sqldb.Row) (text string, err error) { return text, r.Scan(&text) }

// ApplyAdmins implements admin.OptionStore.
func (s *Store) ApplyAdmins(ctx context.Context, was, next []byte, renew []string, now time.Time) (applied bool, err error) {
	err = s.change(ctx, "apply administrators", func(ctx context.Context, q *tx) error {
		text, args := updateApplied, []any{base64.RawStdEncoding.EncodeToString(next), base64.RawStdEncoding.EncodeToString(was)}
		if was == nil {
			text, args = insertApplied, args[:1]
		}
		n, err := sqldb.Exec(ctx, q, text, args...)
		if applied = n > 0; err != nil || !applied {
			return err
		}
		for _, address := range slices.Sorted(slices.Values(renew)) {
			accounts, err := sqldb.All(ctx, q, scanAccount, raiseRoles, address)
			if err != nil {
				return err
			}
			for _, a := range accounts {
				if err := outdate(ctx, q, a, now); err != nil {
					return fmt.Errorf("renew tokens of %s: %w", a.ID, err)
				}
			}
		}
		return nil
	})
	return applied && err == nil, err
}
