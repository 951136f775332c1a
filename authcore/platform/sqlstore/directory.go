package sqlstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const beyondAccount = "kind, disabled_reason, last_sign_in_at"

// givenRoles are kept by themselves only where a provider gives others besides.
const givenRoles = "coalesce(own_roles, roles)"

// managedColumns are those of an account as administrators see it; now is the parameter with the time.
func managedColumns(now string) string {
	return of("u", accountColumns+", "+beyondAccount) + ", " + givenRoles + `, (select count(*) from sessions s where s.account_id = u.id and s.parent_id is null
		and s.account_epoch = u.epoch and ` + live("s", now) + `)`
}

func scanManaged(r sqldb.Row) (a authcore.ManagedAccount, err error) {
	return a, r.Scan(append(accountInto(&a.Account), &a.Kind, &maybeText{&a.DisabledReason}, &stamp{&a.LastSignInAt}, &jsonList[string]{&a.GivenRoles}, &a.Sessions)...)
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
	reads   []string        // the columns that they name
	orderBy string
	// configured are rows that lead besides those with roles: whom the option admins makes an administrator, and who has no role in the
	// database. "" is none.
	configured string
}

// withRoles is what an index answers of rows that have roles.
const withRoles = "roles <> '[]'"

// lead lets a condition lead, if none does yet. Of two that lead a planner might take the one with more rows, and test all of them.
func (l *accountList) lead(condition func() string, reads ...string) {
	if l.led {
		l.test(condition, reads...)
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

// searched are what a prefix may begin, each with its index.
var searched = []string{"email", "username", "phone", "lower(first_name)", "lower(last_name)"}

// test adds a condition that names these columns.
func (l *accountList) test(condition func() string, reads ...string) {
	l.tests, l.reads = append(l.tests, condition), append(l.reads, reads...)
}

// conditions returns what rows are tested for.
func (l *accountList) conditions() (all []string) {
	for _, condition := range l.tests {
		all = append(all, condition())
	}
	return all
}

// givenPrefix is a parameter that is text. It has no affinity: SQLite compares no expression with one that has, along an index.
func givenPrefix(parameter string) string { return "cast(" + parameter + " as text) || ''" }

// fullName is how the beginning of a whole name may divide: all of a first name, and the beginning of a last one.
type fullName struct{ first, last string }

// fullNames are the ways to divide a prefix at a space; of a text with many spaces the first ones.
func fullNames(prefix string) (all []fullName) {
	for at, r := range prefix {
		if first, last := prefix[:at], prefix[at:]; r == ' ' && len(all) < 3 && first != "" && last != " " {
			all = append(all, fullName{first, last[1:]})
		}
	}
	return all
}

// fullName are the two conditions of a [fullName], its texts in these parameters. An index answers each.
func (l *accountList) fullName(first, last int) (ofFirst, ofLast string) {
	given := func(at int) string { return givenPrefix("$" + strconv.Itoa(at)) }
	return l.s.bytewise("lower(first_name)") + " = (" + given(first) + ")", l.beginsWith("lower(last_name)", given(last))
}

// searchFor is the statement that finds the first of those that a prefix begins, and its arguments.
func (l *accountList) searchFor(prefix string) (text string, args []any) {
	parts, args := []string{}, []any{prefix}
	for _, column := range searched {
		plain := strings.TrimSuffix(strings.TrimPrefix(column, "lower("), ")")
		there := plain + " <> '' and "
		if plain == "email" {
			there = ""
		}
		parts = append(parts, "select * from (select id from users where "+there+l.beginsWith(column, givenPrefix("$1"))+
			" order by "+l.s.bytewise(column)+", id limit "+strconv.Itoa(candidates+1)+") as by_"+plain) // in the order of the index: Postgres might read all of them first
	}
	for _, name := range fullNames(prefix) {
		args = append(args, name.first, name.last)
		first, last := l.fullName(len(args)-1, len(args))
		for i, lead := range []string{first, last} { // one of the two is rare enough to be found among those that are tested
			parts = append(parts, "select id from (select id, first_name, last_name from users where first_name <> '' and last_name <> '' and "+lead+" limit "+
				strconv.Itoa(admin.Tested)+") as by_name_"+strconv.Itoa(len(args)+i)+" where "+first+" and "+last)
		}
	}
	if id, err := uuid.Parse(prefix); err == nil {
		args = append(args, id)
		parts = append(parts, "select id from users where id = $"+strconv.Itoa(len(args)))
	}
	if n, err := strconv.ParseInt(prefix, 10, 64); err == nil {
		args = append(args, n)
		parts = append(parts, "select id from users where number = $"+strconv.Itoa(len(args)))
	}
	return strings.Join(parts, " union "), args
}

// search adds the condition of a prefix: it leads where it finds few.
func (l *accountList) search(ctx context.Context, db sqldb.Querier) error {
	if l.q.Search == "" {
		return nil
	}
	prefix := strings.ToLower(l.q.Search)
	text, args := l.searchFor(prefix)
	found, err := sqldb.All(ctx, db, scanID, text, args...)
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
		for _, name := range fullNames(prefix) {
			l.args = append(l.args, name.first, name.last)
			first, last := l.fullName(len(l.args)-1, len(l.args))
			all = append(all, first+" and "+last)
		}
		return "(" + strings.Join(all, " or ") + ")"
	}, "email", "username", "phone", "first_name", "last_name")
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

// columns are what the rows that are tested are read by, and no wider: where an index has them all, none of the rows is.
func (l *accountList) columns() string {
	by, _, _ := strings.Cut(strings.TrimSuffix(l.orderBy, " desc"), ",")
	all := []string{"id"}
	for _, name := range append([]string{strings.Fields(by)[0]}, l.reads...) {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
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
	found := "select id from " + l.tested(l.columns()) + where(l.conditions()) + " order by " + l.orderBy + " limit " + l.place(l.q.Limit+1)
	return "select " + managedColumns(l.place(micros(l.q.Now))) + " from users u where u.id in (" + found + ") order by " + l.orderBy
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
		last := "select created_at, id from users where id = (select id from " + l.tested(l.columns()) + " order by " + l.orderBy + " limit 1 offset " + strconv.Itoa(admin.Tested-1) + ")"
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
		found, err := sqldb.One(ctx, db, sqldb.ScanInt, "select count(*) from "+l.tested(l.columns())+where(l.conditions()), l.args...)
		n = int(found)
		return err
	})
	return n, err
}
