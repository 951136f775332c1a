package sqlstore_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// Twenty thousand events of one account, of which one in two hundred is a sign-in, one a change of the password, and none a deletion.
const (
	liteEvents = `with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
		insert into events (` + columns + `) select printf('%08x-0000-7000-8000-000000000000', i), ` + anyKind + `, i, $1, 'success', 'password', '', '' from n`
	postgresEvents = `insert into events (` + columns + `) select gen_random_uuid(), ` + anyKind + `, i, $1, 'success', 'password', '', ''
		from generate_series(1, 20000) i`
	columns = `id, kind, at, account_id, result, method, addr, user_agent`
	anyKind = `case when i = 5 then 'password.changed' when i % 200 = 0 then 'session.signed_in' else 'session.handed_over' end`
)

// TestHistory_GoesAlongAnIndex: a page costs as many rows as it has, however many events the account has.
func TestHistory_GoesAlongAnIndex(t *testing.T) {
	t.Parallel()
	account := uuid.New()
	lite, big := migrated(t, sqliteURL(t)), migrated(t, testpg.Database(t))
	sqlstore.Change(t, lite, liteEvents, account)
	sqlstore.Change(t, big, postgresEvents, account)
	sqlstore.Change(t, big, "analyze events")
	logins := []authcore.EventKind{authcore.EventSignedIn, authcore.EventSignInFailed}
	middle := cursor.Position{At: time.UnixMicro(10000), ID: uuid.Max}
	for name, q := range map[string]history.Query{
		"everything":         {},
		"sign-ins":           {Kinds: logins},
		"older sign-ins":     {Kinds: logins, Older: middle},
		"newer sign-ins":     {Kinds: logins, Newer: middle},
		"sign-ins of a time": {Kinds: logins, Since: time.UnixMicro(8000), Until: time.UnixMicro(18000), Method: "password"},
		"one rare kind":      {Kinds: []authcore.EventKind{authcore.EventPasswordChanged}},
		"none":               {Kinds: []authcore.EventKind{authcore.EventAccountDeleted}},
		"older of all":       {Older: middle},
	} {
		q.AccountID, q.Limit = account, 51
		plan := sqlstore.HistoryPlan(t, lite, q)
		index := "events_account "
		if q.Kinds != nil {
			index = "events_account_kind "
		}
		if strings.Contains(plan, "SCAN events") || strings.Count(plan, "USING INDEX "+index) != max(1, len(q.Kinds)) {
			t.Errorf("SQLite, %s:\n%s", name, plan)
		}
		plan = sqlstore.HistoryPlan(t, big, q)
		for _, rows := range regexp.MustCompile(`Scan.*actual rows=([0-9.]+)|Rows Removed by Filter: ([0-9]+)`).FindAllStringSubmatch(plan, -1) {
			if n, err := strconv.ParseFloat(rows[1]+rows[2], 64); err != nil || n > 60 {
				t.Errorf("Postgres, %s:\n%s", name, plan)
			}
		}
		// One account has all there are: Postgres may then take the index by time alone, or that by kind.
		if q.Kinds != nil && !strings.Contains(plan, "using events_account_kind ") && !strings.Contains(plan, "using events_kind ") {
			t.Errorf("Postgres, %s:\n%s", name, plan)
		}
	}
}
