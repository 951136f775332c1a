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
	tests   []func() string // the others; they are written after all that leads, so that their parameters come last
	orderBy string
	// configured are rows that lead besides those with roles: whom the option admins makes an administrator, and who has no role in the
	// database. "" is none.
	configured string
}

// withRoles is what an index answers of rows that have roles.
const withRoles = "roles <> '[]'"

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
	return by + " >= " + prefix + " and " + by + " < " + prefix + " || '\U0010FFFF'"
}

func (s *Store) accountList(q admin.UserQuery) *accountList {
	l := &accountList{s: s, q: q, orderBy: "created_at desc, id desc"}
	switch q.Sort {
	case admin.OldestFirst:
		l.orderBy = "created_at, id"
	case admin.ByAddress:
		l.orderBy = s.bytewise("email") + ", id"
	}
	for column, value := range map[string]string{"email": q.Email, "username": q.Username, "phone": q.Phone} {
		if value != "" {
			l.leads = append(l.leads, column+" <> ''", s.bytewise(column)+" = "+l.place(value))
		}
	}
	if q.Number != 0 {
		l.leads = append(l.leads, "number = "+l.place(q.Number))
	}
	if q.InvitedBy != uuid.Nil {
		l.leads = append(l.leads, "invited_by = "+l.place(q.InvitedBy))
	}
	if !q.CreatedAfter.IsZero() {
		l.leads = append(l.leads, "created_at >= "+l.place(micros(q.CreatedAfter)))
	}
	if !q.CreatedBefore.IsZero() {
		l.leads = append(l.leads, "created_at < "+l.place(micros(q.CreatedBefore)))
	}
	l.states()
	return l
}

// states adds the conditions that few values have.
func (l *accountList) states() {
	q, either := l.q, map[bool]string{true: "", false: "not "}
	if q.Role != "" {
		l.leads = append(l.leads, withRoles)
		byOption := ""
		if admins := l.s.admins; q.Role == authcore.RoleAdmin && len(admins) > 0 {
			byOption = "(" + l.s.bytewise("email") + " " + l.s.Dialect().AnyOf(l.place(l.s.Dialect().Texts(admins))) +
				" and email <> '' and email_verified_at is not null and email_verified_by = '')"
			l.configured = "roles = '[]' and " + byOption
		}
		l.test(func() string {
			has := "roles like '%' || " + l.place(`"`+likeLiteral(q.Role)+`"`) + ` || '%' escape '\'`
			if byOption != "" {
				return "(" + has + " or " + byOption + ")"
			}
			return has
		})
	}
	switch q.Kind {
	case authcore.KindService:
		l.leads = append(l.leads, "kind <> 'person'")
	case authcore.KindPerson:
		l.test(func() string { return "kind = 'person'" })
	}
	if q.Disabled != nil && *q.Disabled {
		l.leads = append(l.leads, "disabled_at is not null")
	} else if q.Disabled != nil {
		l.test(func() string { return "disabled_at is null" })
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
		parts = append(parts, "select * from (select id from users where "+there+l.beginsWith(column, "cast($1 as text)")+" limit "+strconv.Itoa(candidates+1)+") as by_"+plain)
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
		l.leads = append(l.leads, "id "+l.s.Dialect().AnyOf(l.place(l.s.Dialect().List(found))))
		return nil
	}
	l.test(func() string {
		given, all := "cast("+l.place(prefix)+" as text)", []string{}
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

func where(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return " where " + strings.Join(conditions, " and ")
}

// tested are the rows of what leads, as many as are tested.
func (l *accountList) tested(columns string) string {
	end := " order by " + l.orderBy + " limit " + strconv.Itoa(admin.Tested)
	rows := "select " + columns + " from users" + where(l.leads) + end
	if l.configured != "" { // two that an index leads each: one condition for both would be led by none
		besides := slices.Clone(l.leads)
		besides[slices.Index(besides, withRoles)] = l.configured
		rows = "select * from (select * from (" + rows + ") as a union all select * from (select " + columns + " from users" + where(besides) + end + ") as b) as both_parts" + end
	}
	return "(" + rows + ") as t"
}

// page is the statement of a page.
func (l *accountList) page() string {
	found := "select * from " + l.tested("*") + where(l.conditions()) + " order by " + l.orderBy + " limit " + l.place(l.q.Limit+1)
	return "select " + managedColumns(l.place(micros(l.q.Now))) + " from (" + found + ") as u order by " + l.orderBy
}

// atOnce is for how many accounts one statement asks whether they are locked.
const atOnce = 1000

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
	found := []uuid.UUID{}
	for some := range slices.Chunk(ids, atOnce) {
		keys := make([]string, len(some))
		for i, id := range some {
			keys[i] = l.q.LockKey(id)
		}
		dialect := l.s.Dialect()
		locked, err := sqldb.All(ctx, db, scanText, lockedKeys+dialect.AnyOf("$2"), micros(l.q.Now), dialect.Texts(keys))
		if err != nil {
			return err
		}
		has := make(map[string]bool, len(locked))
		for _, key := range locked {
			has[key] = true
		}
		for i, id := range some {
			if has[keys[i]] == *l.q.Locked {
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

const lockedKeys = "select key from lockouts where until > $1 and key "

func scanPosition(r sqldb.Row) (p cursor.Position, err error) {
	return p, r.Scan(&stamp{&p.At}, &p.ID)
}

// ManagedAccounts implements admin.DirectoryStore.
func (s *Store) ManagedAccounts(ctx context.Context, q admin.UserQuery) (p admin.UserPage, err error) {
	err = s.Read(ctx, "list accounts", func(ctx context.Context, db sqldb.Querier) error {
		l := s.accountList(q)
		if err := errors.Join(l.search(ctx, db), l.after(ctx, db)); err != nil {
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
		if err := l.search(ctx, db); err != nil {
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
