package sqlstore_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// Twenty-four thousand accounts: one in four thousand has a role, is disabled or a service; the names of all begin alike.
const (
	someAccounts = `insert into users (number, id, email, username, phone, first_name, last_name, avatar_url, roles, password_hash, epoch, roles_version,
			disabled_at, kind, invited_by, created_at, updated_at)
		select i, %id, 'user' || i || '@example.com', 'user' || i, '+43' || i, 'Ada', 'Lovelace', '', case when i %mod 4000 = 0 then '["staff"]' else '[]' end, '', 0, 0,
			case when i %mod 4000 = 1 then i end, case when i %mod 4000 = 2 then 'service' else 'person' end, case when i %mod 2 = 0 then %first end, i, i from `
	liteAccounts     = "(with recursive n(i) as (select $1 union all select i + 1 from n where i < $1 + 5999) select i from n)"
	postgresAccounts = "generate_series($1::bigint, $1 + 5999) i"
)

func fillAccounts(t testing.TB, s *sqlstore.Store, id, from string) {
	t.Helper()
	inParts(t, s, strings.NewReplacer("%id", id, "%mod", "%", "%first", strings.Replace(id, "i)", "1)", 1)).Replace(someAccounts)+from)
}

// inParts fills a table with 24 000 rows, each part within the time that a statement has.
func inParts(t testing.TB, s *sqlstore.Store, text string) {
	t.Helper()
	for first := 1; first <= 24_000; first += 6000 {
		sqlstore.Change(t, s, text, first)
	}
}

// TestDirectory_GoesAlongAnIndex: what leads a list has an index, in the order of the list or with few rows, and no more than
// admin.Tested rows are tested, however many accounts there are.
func TestDirectory_GoesAlongAnIndex(t *testing.T) {
	t.Parallel()
	lite, big := migrated(t, sqliteURL(t)), migrated(t, testpg.Database(t))
	fillAccounts(t, lite, "printf('%08x-0000-4000-8000-000000000000', i)", liteAccounts)
	fillAccounts(t, big, "cast(lpad(to_hex(i), 8, '0') || '-0000-4000-8000-000000000000' as uuid)", postgresAccounts)
	lite, big = lite.WithAdmins(authcore.Admins{"user12@example.com"}), big.WithAdmins(authcore.Admins{"user12@example.com"})
	if plan := sqlstore.AdminsPlan(t, lite); !strings.Contains(plan, "users_admins") {
		t.Errorf("SQLite, another administrator, before anything is known of the rows:\n%s", plan)
	}
	sqlstore.Change(t, big, "analyze users")
	sqlstore.Change(t, lite, "analyze")
	no, yes := false, true
	inviter := uuid.MustParse("00000001-0000-4000-8000-000000000000")
	for name, c := range map[string]struct {
		filter admin.UserFilter
		sort   admin.Sort
		index  string // of SQLite's plan
		most   float64
	}{
		"all":               {admin.UserFilter{}, admin.NewestFirst, "users_created", 60},
		"all, oldest":       {admin.UserFilter{}, admin.OldestFirst, "users_created", 60},
		"all, by address":   {admin.UserFilter{}, admin.ByAddress, "users_address", 60},
		"of a time":         {admin.UserFilter{CreatedAfter: time.UnixMicro(500), CreatedBefore: time.UnixMicro(900)}, admin.NewestFirst, "users_created", 60},
		"an address":        {admin.UserFilter{Email: "user7@example.com"}, admin.NewestFirst, "users_", 5},
		"a username":        {admin.UserFilter{Username: "user7"}, admin.NewestFirst, "users_username", 5},
		"a number":          {admin.UserFilter{Number: 7}, admin.NewestFirst, "users_number", 5},
		"a role":            {admin.UserFilter{Role: "staff"}, admin.NewestFirst, "COVERING INDEX users_having_roles", 60},
		"administrators":    {admin.UserFilter{Role: authcore.RoleAdmin}, admin.NewestFirst, "users_having_roles", 60},
		"disabled":          {admin.UserFilter{Disabled: &yes}, admin.NewestFirst, "users_disabled", 60},
		"services":          {admin.UserFilter{Kind: authcore.KindService}, admin.NewestFirst, "users_services", 60},
		"nobody's guests":   {admin.UserFilter{InvitedBy: uuid.New()}, admin.NewestFirst, "users_invited", 5},
		"guests":            {admin.UserFilter{InvitedBy: inviter}, admin.NewestFirst, "users_invited", 60},
		"guests, sorted":    {admin.UserFilter{InvitedBy: inviter}, admin.ByAddress, "users_invited_address", 60},
		"a role, sorted":    {admin.UserFilter{Role: "staff"}, admin.ByAddress, "COVERING INDEX users_having_roles_address", 60},
		"disabled, sorted":  {admin.UserFilter{Disabled: &yes}, admin.ByAddress, "users_disabled_address", 60},
		"services, sorted":  {admin.UserFilter{Kind: authcore.KindService}, admin.ByAddress, "users_services_address", 60},
		"of a time, sorted": {admin.UserFilter{CreatedAfter: time.UnixMicro(23_990)}, admin.ByAddress, "COVERING INDEX users_address", 14_500}, // of so few Postgres reads all
		"two that lead":     {admin.UserFilter{Disabled: &yes, InvitedBy: inviter}, admin.NewestFirst, "users_invited", 10_100},
		"few, sorted":       {admin.UserFilter{Search: "user2399"}, admin.ByAddress, "sqlite_autoindex_users", 70},
		"a rare prefix":     {admin.UserFilter{Search: "user2399"}, admin.NewestFirst, "sqlite_autoindex_users", 70},
		"a common prefix":   {admin.UserFilter{Search: "user"}, admin.NewestFirst, "users_created", 10_100},
		"a whole name":      {admin.UserFilter{Search: "ada love"}, admin.NewestFirst, "users_created", 10_100},
		"tested, and none":  {admin.UserFilter{Verified: &yes, MFA: &no, SeenBefore: time.Now()}, admin.NewestFirst, "users_created", 10_100},
	} {
		q := admin.UserQuery{UserFilter: c.filter, Sort: c.sort, Limit: 50, Now: time.Now()}
		for _, after := range []cursor.Position{{}, {At: time.UnixMicro(23000), ID: uuid.MustParse("000059d8-0000-4000-8000-000000000000")}} {
			q.After = after
			plan := sqlstore.DirectoryPlan(t, lite, q)
			if regexp.MustCompile(`SCAN users\n|SCAN users$`).MatchString(plan) || !strings.Contains(plan, c.index) {
				t.Errorf("SQLite, %s:\n%s", name, plan)
			}
			plan = sqlstore.DirectoryPlan(t, big, q)
			for _, rows := range regexp.MustCompile(`Scan.* on users.*actual rows=([0-9.]+)|Rows Removed by Filter: ([0-9]+)`).FindAllStringSubmatch(plan, -1) {
				if n, err := strconv.ParseFloat(rows[1]+rows[2], 64); err != nil || n > c.most {
					t.Errorf("Postgres, %s:\n%s", name, plan)
				}
			}
		}
	}
	sqlstore.Change(t, big, "vacuum analyze users") // and Postgres need not look whether a row is there
	if plan := sqlstore.AdminsPlan(t, big); !strings.Contains(plan, "users_admins") {
		t.Errorf("Postgres, another administrator:\n%s", plan)
	}
	if plan := sqlstore.SearchPlan(t, big, "ada"); !strings.Contains(plan, "Index Only Scan using users_first_name") {
		t.Errorf("Postgres, a common first name:\n%s", plan)
	}
	for _, s := range []*sqlstore.Store{lite, big} {
		q := admin.UserQuery{UserFilter: admin.UserFilter{Verified: &yes}, Sort: admin.NewestFirst, Limit: 50, Now: time.Now()}
		// A page ends after ten thousand rows, and the next goes on there.
		for i, want := range []int64{14_001, 4001, 0} {
			page, err := s.ManagedAccounts(t.Context(), q)
			if err != nil || len(page.Accounts) != 0 || !page.Next.IsZero() && page.Next.At.UnixMicro() != want || page.Next.IsZero() != (want == 0) {
				t.Errorf("page %d: %d accounts, next %v (%v)", i, len(page.Accounts), page.Next, err)
			}
			q.After = page.Next
		}
		if n, err := s.CountAccounts(t.Context(), admin.UserQuery{Sort: admin.NewestFirst, Now: time.Now()}); err != nil || n != admin.Tested {
			t.Errorf("counted %d (%v)", n, err)
		}
	}
}

// Whoever has a role is found by it, also by the word of the option admins alone, in the order of the list and once.
func TestDirectory_AdministratorsOfTheOption(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*sqlstore.Store{"SQLite": migrated(t, sqliteURL(t)), "Postgres": migrated(t, testpg.Database(t))} {
		s = s.WithAdmins(authcore.Admins{"b@example.com", "c@example.com", "d@example.com"})
		now := time.Now()
		for i, a := range []authcore.Account{
			{Email: "a@example.com", Roles: []string{authcore.RoleAdmin}}, {Email: "b@example.com", EmailVerifiedAt: now},
			{Email: "c@example.com", EmailVerifiedAt: now, Roles: []string{"staff"}}, {Email: "d@example.com"}, {Email: "e@example.com", Roles: []string{"staff"}},
		} {
			a.ID, a.CreatedAt, a.UpdatedAt = uuid.New(), now.Add(time.Duration(i)*time.Second), now
			if err := s.CreateAccount(t.Context(), a, nil, authcore.Effects{}); err != nil {
				t.Fatal(err)
			}
		}
		var found []string
		q := admin.UserQuery{UserFilter: admin.UserFilter{Role: authcore.RoleAdmin}, Sort: admin.OldestFirst, Limit: 1, Now: now}
		for {
			page, err := s.ManagedAccounts(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page.Accounts {
				found = append(found, a.Email[:1])
			}
			if q.After = page.Next; q.After.IsZero() {
				break
			}
		}
		if n, err := s.CountAccounts(t.Context(), q); err != nil || n != 3 || strings.Join(found, "") != "abc" {
			t.Errorf("%s: found %v, counted %d (%v)", name, found, n, err)
		}
	}
}

// Numbers go up and are never given again, also after the account with the highest is gone.
func TestNumbers_AreNeverGivenAgain(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": testpg.Database(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, now := migrated(t, url), time.Now().UTC().Truncate(time.Microsecond)
			number := func() (uuid.UUID, int64) {
				a := authcore.Account{ID: uuid.New(), CreatedAt: now, UpdatedAt: now}
				if err := s.CreateAccount(t.Context(), a, nil, authcore.Effects{}); err != nil {
					t.Fatal(err)
				}
				m, err := s.ManagedAccount(t.Context(), a.ID)
				if err != nil {
					t.Fatal(err)
				}
				return a.ID, m.Number
			}
			_, first := number()
			second, two := number()
			sqlstore.Change(t, s, "delete from users where id = $1", second)
			_, third := number()
			if first != 1 || two != 2 || third != 3 {
				t.Errorf("numbers %d %d %d", first, two, third)
			}
		})
	}
}
