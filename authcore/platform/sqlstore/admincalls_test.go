package sqlstore_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// TestM07_ReadsWithinAMinuteAreOneEvent: of one caller, about one thing, also where they come at once and on two nodes.
func TestM07_ReadsWithinAMinuteAreOneEvent(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": testpg.Database(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, start := migrated(t, url), time.Now()
			boss, about := uuid.New(), uuid.New()
			read := func(by, account uuid.UUID, at time.Time) {
				e := authcore.Event{Kind: authcore.EventAdminUsersGet, At: at, ActorID: by, Via: authcore.ViaSession, AccountID: account, Result: "success"}
				if err := s.RecordRead(t.Context(), e, at.Add(-time.Minute)); err != nil {
					t.Error(err)
				}
			}
			want := func(n string) {
				t.Helper()
				if got := sqlstore.Ask(t, s, "select cast(count(*) as text) from events"); got != n {
					t.Errorf("%s events, want %s", got, n)
				}
			}
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() { read(boss, about, start) })
			}
			all.Wait()
			read(boss, about, start.Add(59*time.Second))
			want("1")
			read(boss, uuid.Nil, start)
			want("2")
			read(uuid.New(), about, start)
			want("3")
			read(boss, about, start.Add(time.Minute))
			want("4")
		})
	}
}
