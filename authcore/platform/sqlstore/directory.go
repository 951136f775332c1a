package sqlstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const beyondAccount = "kind, disabled_reason, last_sign_in_at"

// managedColumns are those of an account as administrators see it; now is the parameter with the time.
func managedColumns(now string) string {
	return of("u", accountColumns+", "+beyondAccount) + `, (select count(*) from sessions s where s.account_id = u.id and s.parent_id is null
		and s.account_epoch = u.epoch and ` + live("s", now) + `)`
}

func scanManaged(r sqldb.Row) (a authcore.ManagedAccount, err error) {
	return a, r.Scan(append(accountInto(&a.Account), &a.Kind, &maybeText{&a.DisabledReason}, &stamp{&a.LastSignInAt}, &a.Sessions)...)
}

var (
	selectManaged  = "select " + managedColumns("$2") + " from users u where u.id = $1"
	selectNumbered = "select " + managedColumns("$2") + " from users u where u.number = $1"
)

// ManagedAccount implements admin.DirectoryStore.
func (s *Store) ManagedAccount(ctx context.Context, id uuid.UUID) (authcore.ManagedAccount, error) {
	return s.managed(ctx, selectManaged, id)
}

// NumberedAccount implements admin.DirectoryStore.
func (s *Store) NumberedAccount(ctx context.Context, number int64) (authcore.ManagedAccount, error) {
	return s.managed(ctx, selectNumbered, number)
}

func (s *Store) managed(ctx context.Context, text string, which any) (a authcore.ManagedAccount, err error) {
	err = s.Read(ctx, "find account for administrator", func(ctx context.Context, q sqldb.Querier) error {
		a, err = sqldb.One(ctx, q, scanManaged, text, which, micros(s.now()))
		return err
	})
	return a, err
}

// candidates is up to how many accounts a prefix leads; a commoner one is tested along the order of the list, where its pages fill soon.
const candidates = 2000

// accountList is a list of accounts in the making. What leads it has an index and finds the rows in the order of the list; of these
// at most admin.Tested are tested for the rest.
type accountList struct {
	s       *Store
	q       admin.UserQuery
	args    []any
	leads   []string        // conditions that an index answers
	led     bool            // by more than a time
	few     bool            // they are ids of a few rows, which are found first and put in order then
	tests   []func() string // the others; they are written after all that leads, so that their parameters come last
	orderBy string
	// configured are rows that lead besides those with roles: whom the option admins makes an administrator, and who has no role in the
	// database. "" is none.
	configured string
}

// withRoles is what an index answers of rows that have roles.
const withRoles = "roles <> '[]'"

// lead lets a condition lead, if none does yet. Of two that lead a planner might take the one with more rows, and test all of them.
func (l *accountList) lead(condition func() string) {
	if l.led {
		l.test(condition)
		return
	}
	l.led = true
	l.leads = append(l.leads, condition())
}

func (l *accountList) place(v any) string {
	l.args = append(l.args, v)
	return "$" + strconv.Itoa(len(l.args))
}

// bytewise makes a text compare as the indexes of this package have it.
func (s *Store) bytewise(column string) string {
	if s.Dialect().Name == sqldb.Postgres {
		return column + ` collate "C"`
	}
	return column
}

// beginsWith is the condition of a prefix that an index answers.
func (l *accountList) beginsWith(column, prefix string) string {
	by := l.s.bytewise(column)
	return by + " >= (" + prefix + ") and " + by + " < " + prefix + " || '\U0010FFFF'"
}

func (s *Store) accountList(q admin.UserQuery) *accountList {
	l := &accountList{s: s, q: q, orderBy: "created_at desc, id desc"}
	switch q.Sort {
	case admin.OldestFirst:
		l.orderBy = "created_at, id"
	case admin.ByAddress:
		l.orderBy = s.bytewise("email") + ", id"
	}
	return l
}

// filter adds the conditions, those first that find the fewest accounts.
func (l *accountList) filter() {
	q := l.q
	if q.Number != 0 {
		l.lead(func() string { return "number = " + l.place(q.Number) })
	}
	for _, exact := range []struct{ column, value string }{{"email", q.Email}, {"username", q.Username}, {"phone", q.Phone}} {
		if exact.value != "" {
			l.lead(func() string {
				return exact.column + " <> '' and " + l.s.bytewise(exact.column) + " = " + l.place(exact.value)
			})
		}
	}
	if q.InvitedBy != uuid.Nil {
		l.lead(func() string { return "invited_by = " + l.place(q.InvitedBy) })
	}
	for _, bound := range []struct {
		condition string
		at        time.Time
	}{{"created_at >= ", q.CreatedAfter}, {"created_at < ", q.CreatedBefore}} {
		switch condition := func() string { return bound.condition + l.place(micros(bound.at)) }; {
		case bound.at.IsZero():
		case q.Sort == admin.ByAddress: // the order is another
			l.test(condition)
		default:
			l.leads = append(l.leads, condition())
		}
	}
	l.states()
}

// states adds the conditions that few values have.
func (l *accountList) states() {
	q, either := l.q, map[bool]string{true: "", false: "not "}
	switch q.Kind {
	case authcore.KindService:
		l.lead(func() string { return "kind <> 'person'" })
	case authcore.KindPerson:
		l.test(func() string { return "kind = 'person'" })
	}
	if q.Disabled != nil && *q.Disabled {
		l.lead(func() string { return "disabled_at is not null" })
	} else if q.Disabled != nil {
		l.test(func() string { return "disabled_at is null" })
	}
	if q.Role != "" {
		l.role()
	}
	if q.Verified != nil {
		l.test(func() string {
			return either[*q.Verified] + "(email_verified_at is not null or phone_verified_at is not null)"
		})
	}
	if q.MFA != nil {
		l.test(func() string { return either[*q.MFA] + "(mfa_enabled_at is not null)" })
	}
	if !q.SeenBefore.IsZero() {
		l.test(func() string {
			return "(last_sign_in_at is null or last_sign_in_at < " + l.place(micros(q.SeenBefore)) + ")"
		})
	}
}

// role adds the condition of a role, which somebody may have by the option admins alone.
func (l *accountList) role() {
	admins, byOption := l.s.admins, func() string { return "" }
	if l.q.Role == authcore.RoleAdmin && len(admins) > 0 {
		byOption = func() string {
			return "(" + l.s.bytewise("email") + " " + l.s.Dialect().AnyOf(l.place(l.s.Dialect().Texts(admins))) +
				" and email <> '' and email_verified_at is not null and email_verified_by = '')"
		}
	}
	if !l.led {
		l.led = true
		l.leads = append(l.leads, withRoles)
		if condition := byOption(); condition != "" {
			l.configured = "roles = '[]' and " + condition
		}
	}
	l.test(func() string {
		has := "roles like '%' || " + l.place(`"`+likeLiteral(l.q.Role)+`"`) + ` || '%' escape '\'`
		if condition := byOption(); condition != "" {
			return "(" + has + " or " + condition + ")"
		}
		return has
	})
}

// likeLiteral is a text as a pattern of like that has a backslash for its escape.
func likeLiteral(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}

// searched are what a prefix may begin, each with its index.
var searched = []string{"email", "username", "phone", "lower(first_name)", "lower(last_name)"}

func (l *accountList) test(condition func() string) { l.tests = append(l.tests, condition) }

// conditions returns what rows are tested for.
func (l *accountList) conditions() (all []string) {
	for _, condition := range l.tests {
		all = append(all, condition())
	}
	return all
}

// givenPrefix is a parameter that is text. It has no affinity: SQLite compares no expression with one that has, along an index.
func givenPrefix(parameter string) string { return "cast(" + parameter + " as text) || ''" }

// search adds the condition of a prefix: it leads where it finds few.
func (l *accountList) search(ctx context.Context, db sqldb.Querier) error {
	if l.q.Search == "" {
		return nil
	}
	prefix := strings.ToLower(l.q.Search)
	parts, args := []string{}, []any{prefix}
	for _, column := range searched {
		plain := strings.TrimSuffix(strings.TrimPrefix(column, "lower("), ")")
		there := plain + " <> '' and "
		if plain == "email" {
			there = ""
		}
		parts = append(parts, "select * from (select id from users where "+there+l.beginsWith(column, givenPrefix("$1"))+" limit "+strconv.Itoa(candidates+1)+") as by_"+plain)
	}
	if id, err := uuid.Parse(prefix); err == nil {
		args = append(args, id)
		parts = append(parts, "select id from users where id = $"+strconv.Itoa(len(args)))
	}
	if n, err := strconv.ParseInt(prefix, 10, 64); err == nil {
		args = append(args, n)
		parts = append(parts, "select id from users where number = $"+strconv.Itoa(len(args)))
	}
	found, err := sqldb.All(ctx, db, scanID, strings.Join(parts, " union "), args...)
	if err != nil {
		return err
	}
	if len(found) <= candidates {
		l.few = true
		l.lead(func() string { return "id " + l.s.Dialect().AnyOf(l.place(l.s.Dialect().List(found))) })
		return nil
	}
	l.test(func() string {
		given, all := givenPrefix(l.place(prefix)), []string{}
		for _, column := range searched {
			all = append(all, l.beginsWith(column, given))
		}
		return "(" + strings.Join(all, " or ") + ")"
	})
	return nil
}

// after adds where the page begins.
func (l *accountList) after(ctx context.Context, db sqldb.Querier) error {
	at := l.q.After
	switch {
	case at.IsZero():
	case l.q.Sort == admin.ByAddress:
		address, err := sqldb.One(ctx, db, sqldb.ScanText, "select email from users where id = $1", at.ID)
		if errors.Is(err, authcore.ErrNotFound) {
			return authcore.Refuse(authcore.InvalidRequest, "The account where the list would go on is gone. Begin again.")
		}
		if err != nil {
			return err
		}
		l.leads = append(l.leads, "("+l.s.bytewise("email")+", id) > ("+l.place(address)+", "+l.place(at.ID)+")")
	case l.q.Sort == admin.OldestFirst:
		l.leads = append(l.leads, "(created_at, id) > ("+l.place(micros(at.At))+", "+l.place(at.ID)+")")
	default:
		l.leads = append(l.leads, "(created_at, id) < ("+l.place(micros(at.At))+", "+l.place(at.ID)+")")
	}
	return nil
}

// conditionsOf adds every condition of the query.
func (l *accountList) conditionsOf(ctx context.Context, db sqldb.Querier) error {
	if err := l.search(ctx, db); err != nil {
		return err
	}
	l.filter()
	return l.after(ctx, db)
}

func where(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return " where " + strings.Join(conditions, " and ")
}

// tested are the rows of what leads, as many as are tested.
func (l *accountList) tested(columns string) string {
	from, end := "select "+columns+" from users", " order by "+l.orderBy+" limit "+strconv.Itoa(admin.Tested)
	rows := from + where(l.leads) + end
	switch {
	case l.few: // or SQLite might go along the order, and look for them in all of it
		rows = "with led as materialized (select * from users" + where(l.leads) + ") select " + columns + " from led" + end
	case l.configured != "": // two that an index leads each: one condition for both would be led by none
		besides := slices.Clone(l.leads)
		besides[slices.Index(besides, withRoles)] = l.configured
		rows = "select * from (select * from (" + rows + ") as a union all select * from (" + from + where(besides) + end + ") as b) as both_parts" + end
	}
	return "(" + rows + ") as t"
}

// page is the statement of a page.
func (l *accountList) page() string {
	found := "select * from " + l.tested("*") + where(l.conditions()) + " order by " + l.orderBy + " limit " + l.place(l.q.Limit+1)
	return "select " + managedColumns(l.place(micros(l.q.Now))) + " from (" + found + ") as u order by " + l.orderBy
}

// lockedOnly tests for locks, which are stored under keys that tell no account: it asks for those of the accounts that all else fits, until
// enough are found.
func (l *accountList) lockedOnly(ctx context.Context, db sqldb.Querier, enough int) error {
	if l.q.Locked == nil {
		return nil
	}
	args := slices.Clone(l.args)
	text := "select id from " + l.tested("*") + where(l.conditions()) + " order by " + l.orderBy
	ids, err := sqldb.All(ctx, db, scanID, text, l.args...)
	l.args = args
	if err != nil {
		return err
	}
	locked, all, err := l.locks(ctx, db)
	if err != nil {
		return err
	}
	found := []uuid.UUID{}
	for some := range slices.Chunk(ids, atOnce) {
		keys := make([]string, len(some))
		for i, id := range some {
			keys[i] = l.q.LockKey(id)
		}
		if !all {
			if locked, err = l.locksOf(ctx, db, keys); err != nil {
				return err
			}
		}
		for i, id := range some {
			if locked[keys[i]] == *l.q.Locked {
				found = append(found, id)
			}
		}
		if len(found) >= enough {
			found = found[:enough]
			break
		}
	}
	l.test(func() string { return "id " + l.s.Dialect().AnyOf(l.place(l.s.Dialect().List(found))) })
	return nil
}

// atOnce is for how many accounts at once it is asked whether they are locked, and fewLocks how many locks are read in one go: more hold
// only while so many names are attacked.
const (
	atOnce   = 1000
	fewLocks = 2000
)

const locksNow = "select key from lockouts where until > $1"

// locks returns the keys of the locks that hold now, if they are few; else all is false.
func (l *accountList) locks(ctx context.Context, db sqldb.Querier) (locked map[string]bool, all bool, err error) {
	keys, err := sqldb.All(ctx, db, scanText, locksNow+" limit "+strconv.Itoa(fewLocks), micros(l.q.Now))
	return setOf(keys), len(keys) < fewLocks, err
}

// locksOf returns those of the keys whose locks hold now.
func (l *accountList) locksOf(ctx context.Context, db sqldb.Querier, keys []string) (map[string]bool, error) {
	dialect := l.s.Dialect()
	locked, err := sqldb.All(ctx, db, scanText, locksNow+" and key "+dialect.AnyOf("$2"), micros(l.q.Now), dialect.Texts(keys))
	return setOf(locked), err
}

func setOf(keys []string) map[string]bool {
	set := make(map[string]bool, len(keys))
	for _, key := range keys {
		set[key] = true
	}
	return set
}

func scanPosition(r sqldb.Row) (p cursor.Position, err error) {
	return p, r.Scan(&stamp{&p.At}, &p.ID)
}

// ManagedAccounts implements admin.DirectoryStore.
func (s *Store) ManagedAccounts(ctx context.Context, q admin.UserQuery) (p admin.UserPage, err error) {
	err = s.Read(ctx, "list accounts", func(ctx context.Context, db sqldb.Querier) error {
		l := s.accountList(q)
		if err := l.conditionsOf(ctx, db); err != nil {
			return err
		}
		last := "select created_at, id from " + l.tested("created_at, id, email") + " order by " + l.orderBy + " limit 1 offset " + strconv.Itoa(admin.Tested-1)
		lastArgs := append([]any{}, l.args...)
		if err := l.lockedOnly(ctx, db, q.Limit+1); err != nil {
			return err
		}
		if p.Accounts, err = sqldb.All(ctx, db, scanManaged, l.page(), l.args...); err != nil {
			return err
		}
		p.Next = cursor.Position{}
		if len(p.Accounts) > q.Limit {
			p.Accounts = p.Accounts[:q.Limit]
			end := p.Accounts[q.Limit-1]
			p.Next = cursor.Position{At: end.CreatedAt, ID: end.ID}
			return nil
		}
		if len(l.tests) == 0 {
			return nil
		}
		p.Next, err = sqldb.One(ctx, db, scanPosition, last, lastArgs...)
		if errors.Is(err, authcore.ErrNotFound) { // fewer were there: none is left to test
			return nil
		}
		return err
	})
	return p, err
}

// CountAccounts implements admin.DirectoryStore.
func (s *Store) CountAccounts(ctx context.Context, q admin.UserQuery) (n int, err error) {
	q.After = cursor.Position{}
	err = s.Read(ctx, "count accounts", func(ctx context.Context, db sqldb.Querier) error {
		l := s.accountList(q)
		if err := l.conditionsOf(ctx, db); err != nil {
			return err
		}
		if err := l.lockedOnly(ctx, db, admin.Tested); err != nil {
			return err
		}
		found, err := sqldb.One(ctx, db, sqldb.ScanInt, "select count(*) from "+l.tested("*")+where(l.conditions()), l.args...)
		n = int(found)
		return err
	})
	return n, err
}
