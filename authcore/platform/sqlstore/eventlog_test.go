package sqlstore_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// Twenty thousand events; each account, actor, session and address has one in a hundred, and a kind one in twenty.
const (
	manyColumns = `id, kind, at, account_id, session_id, result, method, addr, user_agent, actor_id, actor_via`
	manyLite    = `with recursive n(i) as (select $1 union all select i + 1 from n where i < $1 + 4999)
		insert into events (` + manyColumns + `) select printf('%08x-0000-7000-8000-000000000000', i), ` + manyKind + `, i,
		printf('%08x-0000-7000-8000-00000000000a', i % 100), printf('%08x-0000-7000-8000-00000000000b', i % 100), 'success', 'password', '192.0.2.' || (i % 100), '',
		printf('%08x-0000-7000-8000-00000000000c', i % 100), 'session' from n`
	manyPostgres = `insert into events (` + manyColumns + `) select gen_random_uuid(), ` + manyKind + `, i,
		(lpad(to_hex(i % 100), 8, '0') || '-0000-7000-8000-00000000000a')::uuid, (lpad(to_hex(i % 100), 8, '0') || '-0000-7000-8000-00000000000b')::uuid, 'success', 'password', '192.0.2.' || (i % 100), '',
		(lpad(to_hex(i % 100), 8, '0') || '-0000-7000-8000-00000000000c')::uuid, 'session' from generate_series($1::bigint, $1 + 4999) i`
	manyKind = `case when i % 20 = 0 then 'session.signed_in' when i % 20 = 1 then 'session.signed_out' else 'session.handed_over' end`
)

// TestEventLog_GoesAlongAnIndex: each filter that leads has an index, and however little fits, no more rows are looked at than may be.
func TestEventLog_GoesAlongAnIndex(t *testing.T) {
	t.Parallel()
	lite, big := migrated(t, sqliteURL(t)), migrated(t, testpg.Database(t))
	for first := 1; first <= 20_000; first += 5000 { // each within the time that a statement has
		sqlstore.Change(t, lite, manyLite, first)
		sqlstore.Change(t, big, manyPostgres, first)
	}
	sqlstore.Change(t, big, "analyze events")
	of := func(last string) uuid.UUID { return uuid.MustParse("00000007-0000-7000-8000-00000000000" + last) }
	kinds := []authcore.EventKind{authcore.EventSignedIn, authcore.EventSignedOut}
	for name, c := range map[string]struct {
		ask   eventlog.Filter
		index string
	}{
		"time":                  {eventlog.Filter{}, "events_at"},
		"a span":                {eventlog.Filter{From: time.UnixMicro(100), To: time.UnixMicro(9000)}, "events_at"},
		"failures":              {eventlog.Filter{Result: eventlog.Failure}, "events_failed"},
		"a code":                {eventlog.Filter{Result: "account_locked"}, "events_failed"},
		"account":               {eventlog.Filter{Account: of("a")}, "events_account"},
		"kinds of an account":   {eventlog.Filter{Account: of("a"), Kinds: kinds}, "events_account_kind"},
		"actor":                 {eventlog.Filter{Actor: of("c")}, "events_actor_at"},
		"session":               {eventlog.Filter{Session: of("b")}, "events_session"},
		"session, and nobody's": {eventlog.Filter{Session: of("b"), Account: of("a"), Addr: "203.0.113.1"}, "events_session"},
		"address":               {eventlog.Filter{Addr: "192.0.2.7"}, "events_addr"},
		"kinds":                 {eventlog.Filter{Kinds: kinds}, "events_kind"},
		"failures of kinds":     {eventlog.Filter{Kinds: kinds, Result: eventlog.Failure}, "events_failed"},
		"failures of a kind":    {eventlog.Filter{Kinds: kinds[:1], Result: eventlog.Failure}, "events_kind"},
	} {
		q := eventlog.Query{Filter: c.ask, Limit: 51, Test: 2000}
		plan, _ := sqlstore.EventPlan(t, lite, q)
		if strings.Contains(plan, "SCAN events") || !strings.Contains(plan, "INDEX "+c.index+" ") {
			t.Errorf("SQLite, %s:\n%s", name, plan)
		}
		plan, _ = sqlstore.EventPlan(t, big, q)
		rows := 0.0
		for _, part := range regexp.MustCompile(`Scan.*actual rows=([0-9.]+)|Rows Removed by Filter: ([0-9]+)`).FindAllStringSubmatch(plan, -1) {
			n, err := strconv.ParseFloat(part[1]+part[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			rows += n
		}
		// A row of a bitmap is told twice; of two filters Postgres may find the other one rarer.
		index := strings.Contains(plan, "using "+c.index) || strings.Contains(plan, "Scan on "+c.index) || c.ask.Addr != "" && strings.Contains(plan, "using events_addr") ||
			c.ask.Result != "" && strings.Contains(plan, "using events_failed")
		if !index || strings.Contains(plan, "Seq Scan") || rows > 2*2200 || c.ask.Result == "" && c.ask.Addr == "" && rows > 700 {
			t.Errorf("Postgres, %s, %.0f rows:\n%s", name, rows, plan)
		}
	}
	// A page that finds nothing in so many rows says where to go on.
	for _, s := range []*sqlstore.Store{lite, big} {
		_, tested, err := s.FindEvents(t.Context(), eventlog.Query{Filter: eventlog.Filter{Kinds: authcore.EventKinds()[:9]}, Limit: 51, Test: 10_000})
		if err != nil || tested.At.UnixMicro() != 10_001 {
			t.Errorf("tested up to %v (%v)", tested, err)
		}
	}
}
