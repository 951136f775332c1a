package sqlstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// TestRevocations_ReadInPages: after a night of revocations a node that starts reads them all, and never holds more than a
// few thousand at once besides its snapshot.
func TestRevocations_ReadInPages(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]struct{ url, ids string }{
		"SQLite":   {sqliteURL(t), "'00000000-0000-4000-8000-' || printf('%012x', n), '00000000-0000-4000-9000-' || printf('%012x', n)"},
		"Postgres": {testpg.Database(t), "gen_random_uuid(), gen_random_uuid()"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := migrated(t, kind.url)
			many, now := 12_345, time.Now()
			for from := 1; from <= many; from += 1000 { // a statement has its time-out
				sqlstore.Change(t, s, "insert into revocations (session_id, account_id, epoch, roles_version, until) select "+kind.ids+
					", 0, 0, cast($3 as bigint) from (with recursive numbers(n) as (select cast($1 as bigint) union all select n + 1 from numbers where n < cast($2 as bigint)) select n from numbers) x",
					from, min(many, from+999), now.Add(time.Hour).UnixMicro())
			}
			sqlstore.Change(t, s, "delete from revocations where seq in (4999, 5000, 5001, 10001)") // numbers have holes
			many -= 4
			longest, pages := 0, 0
			set := revocation.NewSet(nil)
			last, err := set.Load(t.Context(), func(ctx context.Context, after int64, now time.Time) ([]authcore.Revocation, error) {
				page, err := s.LiveRevocations(ctx, after, now)
				longest, pages = max(longest, len(page)), pages+1
				return page, err
			}, 0)
			if err != nil || last != int64(many+4) || set.Len() != many {
				t.Errorf("%d of %d were applied, up to %d (%v)", set.Len(), many, last, err)
			}
			if longest > 5000 || longest < 1000 {
				t.Errorf("%d in one page, want some thousands", longest)
			}
			if pages > many/longest+2 {
				t.Errorf("%d pages", pages)
			}
			if set.Check(uuid.New(), uuid.New(), 0, 0) != authcore.Valid {
				t.Error("a session that nobody ended")
			}

			// A node that starts when all but one have ended, and none is swept yet, goes on behind them.
			sqlstore.Change(t, s, "update revocations set until = $1 where seq = 6000", now.Add(3*time.Hour).UnixMicro())
			late, pages := revocation.NewSet(func() time.Time { return now.Add(2 * time.Hour) }), 0
			last, err = late.Load(t.Context(), func(ctx context.Context, after int64, now time.Time) ([]authcore.Revocation, error) {
				pages++
				return s.LiveRevocations(ctx, after, now)
			}, 0)
			if err != nil || last != int64(many+4) || late.Len() != 3 || pages != 2 {
				t.Errorf("%d pages, %d rows up to %d (%v)", pages, late.Len(), last, err)
			}
		})
	}
}
