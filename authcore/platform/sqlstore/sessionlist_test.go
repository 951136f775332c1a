package sqlstore_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// Twenty-four thousand sessions of two hundred accounts: one in a hundred is from each address, one in ten on each of two hosts, one in
// three revoked. Until the hour of the test only every second of the accounts' goes on.
const someSessions = `insert into sessions (id, account_id, account_epoch, mode, amr, created_at, refresh_digest, refresh_expires_at, expires_at, addr, user_agent, device_name,
		revoked_at, host)
	select %id, (select id from users where number = 1 + i %mod 200), 0, 'bearer', '[]', i, %blob, case when i %mod 2 = 0 then 1000000 else 10 end, 1000000, '192.0.2.' || (i %mod 100), '', '',
		case when i %mod 3 = 0 then 1 end, case i %mod 10 when 1 then 'https://one.example' when 2 then 'https://two.example' end from `

func fillSessions(t testing.TB, s *sqlstore.Store, id, blob, from string) {
	t.Helper()
	inParts(t, s, strings.NewReplacer("%id", id, "%blob", blob, "%mod", "%").Replace(someSessions)+from)
}

// TestSessionList_GoesAlongAnIndex: what leads a list has an index, in the order of the list or with few rows, and no more than
// admin.Tested rows are tested, however many sessions there are.
func TestSessionList_GoesAlongAnIndex(t *testing.T) {
	t.Parallel()
	lite, big := migrated(t, sqliteURL(t)), migrated(t, testpg.Database(t))
	const liteID, bigID = "printf('%08x-0000-4000-8000-000000000000', i)", "cast(lpad(to_hex(i), 8, '0') || '-0000-4000-8000-000000000000' as uuid)"
	fillAccounts(t, lite, liteID, liteAccounts)
	fillAccounts(t, big, bigID, postgresAccounts)
	fillSessions(t, lite, liteID, "zeroblob(32)", liteAccounts)
	fillSessions(t, big, bigID, "decode(repeat('00', 32), 'hex')", postgresAccounts)
	for _, table := range []string{"users", "sessions"} {
		sqlstore.Change(t, big, "analyze "+table)
	}
	sqlstore.Change(t, lite, "analyze")
	one := uuid.MustParse("00000007-0000-4000-8000-000000000000")
	for name, c := range map[string]struct {
		filter admin.SessionFilter
		index  string
		most   float64 // rows of an index that are looked at
	}{
		"all":                    {admin.SessionFilter{}, "sessions_created", 10_100},
		"of an account":          {admin.SessionFilter{Account: one}, "sessions_account", 200},
		"from an address":        {admin.SessionFilter{Addr: "192.0.2.7"}, "sessions_created", 10_100},
		"of a host":              {admin.SessionFilter{Host: "one.example"}, "sessions_host", 2500},
		"of no host":             {admin.SessionFilter{Host: "none.example"}, "sessions_host", 5},
		"of one from an address": {admin.SessionFilter{Account: one, Addr: "192.0.2.7", Host: "one.example"}, "sessions_", 300},
	} {
		q := admin.SessionQuery{SessionFilter: c.filter, Limit: 50, Now: time.UnixMicro(1000)}
		for _, older := range []cursor.Position{{}, {At: time.UnixMicro(23000), ID: uuid.MustParse("000059d8-0000-4000-8000-000000000000")}} {
			q.Older = older
			plan := sqlstore.SessionsPlan(t, lite, q)
			if strings.Contains(plan, "SCAN sessions\n") || strings.HasSuffix(plan, "SCAN sessions") || !strings.Contains(plan, c.index) {
				t.Errorf("SQLite, %s:\n%s", name, plan)
			}
			plan = sqlstore.SessionsPlan(t, big, q)
			rows := regexp.MustCompile(`Scan.*sessions.*actual rows=([0-9.]+)|Rows Removed by Filter: ([0-9]+)`).FindAllStringSubmatch(plan, -1)
			if !strings.Contains(plan, c.index) || strings.Contains(plan, "Seq Scan on sessions") || len(rows) == 0 {
				t.Errorf("Postgres, %s:\n%s", name, plan)
			}
			for _, found := range rows {
				if n, err := strconv.ParseFloat(found[1]+found[2], 64); err != nil || n > c.most {
					t.Errorf("Postgres, %s:\n%s", name, plan)
				}
			}
		}
	}
	for _, s := range []*sqlstore.Store{lite, big} {
		// A page ends after ten thousand rows, and the next goes on there: with nothing that is live, in two steps.
		q := admin.SessionQuery{Limit: 50, Now: time.UnixMicro(1_000_000)}
		for i, want := range []int64{9001, 0} {
			page, err := s.SessionsOfAll(t.Context(), q)
			if err != nil || len(page.Sessions) != 0 || !page.Next.IsZero() && page.Next.At.UnixMicro() != want || page.Next.IsZero() != (want == 0) {
				t.Errorf("page %d: %d sessions, next %v (%v)", i, len(page.Sessions), page.Next, err)
			}
			q.Older = page.Next
		}
	}
}
