package sqlstore

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

var selectPeople = "select " + managedColumns("$4") + " from users u where u.number > $1 and u.kind = 'person' order by u.number limit $3 offset $2"

// People implements admin.RosterStore.
func (s *Store) People(ctx context.Context, after int64, skip, limit int) (people []authcore.ManagedAccount, err error) {
	err = s.Read(ctx, "list people", func(ctx context.Context, q sqldb.Querier) error {
		people, err = sqldb.All(ctx, q, scanManaged, selectPeople, after, skip, limit, micros(s.now()))
		return err
	})
	return people, err
}

const countPeople = "select count(*) from (select 1 from users where kind = 'person' limit $1) as counted"

// CountPeople implements admin.RosterStore.
func (s *Store) CountPeople(ctx context.Context, most int) (int, error) {
	n, err := s.readNumber(ctx, "count people", countPeople, most)
	return int(n), err
}
