package sqlstore

import (
	"context"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// managedColumns are those of an account as administrators see it; now is the parameter with the time.
func managedColumns(now string) string {
	return of("u", accountColumns) + `, (select count(*) from sessions s where s.account_id = u.id and s.parent_id is null
		and s.account_epoch = u.epoch and ` + live("s", now) + `)`
}

func scanManaged(r sqldb.Row) (a authcore.ManagedAccount, err error) {
	return a, r.Scan(append(accountInto(&a.Account), &a.Sessions)...)
}

var selectManaged = "select " + managedColumns("$2") + " from users u where u.id = $1"

// ManagedAccount implements admin.DirectoryStore.
func (s *Store) ManagedAccount(ctx context.Context, id uuid.UUID) (a authcore.ManagedAccount, err error) {
	err = s.Read(ctx, "find account for administrator", func(ctx context.Context, q sqldb.Querier) error {
		a, err = sqldb.One(ctx, q, scanManaged, selectManaged, id, micros(s.now()))
		return err
	})
	return a, err
}
