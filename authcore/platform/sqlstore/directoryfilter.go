package sqlstore

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// filter adds the conditions, those first that find the fewest accounts.
func (l *accountList) filter() {
	q := l.q
	if q.Number != 0 {
		l.lead(func() string { return "number = " + l.place(q.Number) }, "number")
	}
	for _, exact := range []struct{ column, value string }{{"email", q.Email}, {"username", q.Username}, {"phone", q.Phone}} {
		if exact.value != "" {
			l.lead(func() string {
				return exact.column + " <> '' and " + l.s.bytewise(exact.column) + " = " + l.place(exact.value)
			}, exact.column)
		}
	}
	if q.InvitedBy != uuid.Nil {
		l.lead(func() string { return "invited_by = " + l.place(q.InvitedBy) }, "invited_by")
	}
	for _, bound := range []struct {
		condition string
		at        time.Time
	}{{"created_at >= ", q.CreatedAfter}, {"created_at < ", q.CreatedBefore}} {
		switch condition := func() string { return bound.condition + l.place(micros(bound.at)) }; {
		case bound.at.IsZero():
		case q.Sort == admin.ByAddress: // the order is another
			l.test(condition, "created_at")
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
		l.lead(func() string { return "kind <> 'person'" }, "kind")
	case authcore.KindPerson:
		l.test(func() string { return "kind = 'person'" }, "kind")
	}
	if q.Disabled != nil && *q.Disabled {
		l.lead(func() string { return "disabled_at is not null" }, "disabled_at")
	} else if q.Disabled != nil {
		l.test(func() string { return "disabled_at is null" }, "disabled_at")
	}
	if q.Role != "" {
		l.role()
	}
	if q.Verified != nil {
		l.test(func() string {
			return either[*q.Verified] + "(email_verified_at is not null or phone_verified_at is not null)"
		}, "email_verified_at", "phone_verified_at")
	}
	if q.MFA != nil {
		l.test(func() string { return either[*q.MFA] + "(mfa_enabled_at is not null)" }, "mfa_enabled_at")
	}
	if !q.SeenBefore.IsZero() {
		l.test(func() string {
			return "(last_sign_in_at is null or last_sign_in_at < " + l.place(micros(q.SeenBefore)) + ")"
		}, "last_sign_in_at")
	}
}

// role adds the condition of a role, which somebody may have by the option admins alone.
func (l *accountList) role() {
	admins, byOption, reads := l.s.admins, func() string { return "" }, []string{"roles"}
	if l.q.Role == authcore.RoleAdmin && len(admins) > 0 {
		reads = append(reads, "email", "email_verified_at", "email_verified_by")
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
	}, reads...)
}

// likeLiteral is a text as a pattern of like that has a backslash for its escape.
func likeLiteral(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}

// lockedOnly tests for locks, which are stored under keys that tell no account: it asks for those of the accounts that all else fits, until
// enough are found.
func (l *accountList) lockedOnly(ctx context.Context, db sqldb.Querier, enough int) error {
	if l.q.Locked == nil {
		return nil
	}
	args := slices.Clone(l.args)
	text := "select id from " + l.tested(l.columns()) + where(l.conditions()) + " order by " + l.orderBy
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
