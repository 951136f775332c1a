package httpapi

import (
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
)

// adminUserCalls show administrators the accounts.
type adminUserCalls struct{ directory *admin.Directory }

const accountOrNumber = "The account's id, or `number:` and its number."

// whichAccount is the account in a path.
func whichAccount() param {
	return param{in: "path", name: "id", text: accountOrNumber, kind: reflect.TypeFor[string]()}
}

func (c *adminUserCalls) routes() []route {
	return []route{{
		method: http.MethodGet, path: "/admin/users", tag: tagAdmin, summary: "List accounts",
		text: "Lists the accounts that every given filter fits. One filter that has an index leads; the others are tested on 10 000 accounts at most, and then " +
			"the page ends early with `next`. `q` is the beginning of an address, username, number or name, or a whole id or number. " +
			"A cursor is good for the same filters, order and caller. For administrators and auditors.",
		admin: authcore.Reads, event: authcore.EventAdminUsersList,
		does: authenticated(c.list), params: append(pageParams(), userFilters()...),
		replies: []reply{{http.StatusOK, "The accounts.", managedUsers{}}},
		refuses: []authcore.Code{authcore.InvalidRequest},
	}, {
		method: http.MethodGet, path: "/admin/users/{id}", tag: tagAdmin, summary: "Show an account",
		text:  "`ETag` names the state of what administrators can write. For administrators and auditors.",
		admin: authcore.Reads, event: authcore.EventAdminUsersGet,
		does:    authenticated(c.get),
		params:  []param{whichAccount()},
		replies: []reply{{http.StatusOK, "The account.", managedUser{}}},
		refuses: []authcore.Code{authcore.NotFound},
	}}
}

func userFilters() []param {
	text, truth, number := reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[int64]()
	query := func(name, text string, kind reflect.Type, format string) param {
		return param{in: "query", name: name, text: text, kind: kind, format: format}
	}
	return []param{
		query("q", "The beginning of an address, username, number or name; or a whole id or number.", text, ""),
		query("email", "Exactly this address.", text, ""), query("username", "Exactly this username.", text, ""),
		query("phone", "Exactly this number, in E.164 format.", text, ""), query("number", "The account's number.", number, ""),
		query("role", "Accounts with this role, whoever gives it.", text, ""), query("kind", "`person` or `service`.", text, ""),
		query("disabled", "Whether the owner is kept out.", truth, ""), query("verified", "Whether an address or number is verified.", truth, ""),
		query("mfa", "Whether the owner has switched second factors on.", truth, ""),
		query("locked", "Whether wrong passwords lock sign-ins by password.", truth, ""),
		query("created_after", "Made at this time or later.", text, "date-time"), query("created_before", "Made before this time.", text, "date-time"),
		query("seen_before", "Last signed in to before this time, or never.", text, "date-time"),
		query("invited_by", "The id of the account that invited the owner.", text, "uuid"),
		query("sort", "`-created_at` (the default), `created_at` or `email`.", text, ""),
		query("count", "With true the answer has `total`.", truth, ""),
	}
}

// User is [user] where it is embedded: only what is exported is described.
type User = user

// managedUser is an account as administrators see it.
type managedUser struct {
	User
	Number                 int64                `json:"number" doc:"Positive, and never given to another account." example:"17"`
	Kind                   authcore.AccountKind `json:"kind" enum:"person,service"`
	Disabled               bool                 `json:"disabled" doc:"Whether the owner is kept out."`
	DisabledReason         *string              `json:"disabled_reason"`
	LockedUntil            *time.Time           `json:"locked_until" doc:"Until when wrong passwords lock sign-ins by password; null if they do not."`
	MFA                    bool                 `json:"mfa" doc:"Whether the owner has switched second factors on."`
	LastSignInAt           *time.Time           `json:"last_sign_in_at" doc:"Null if nobody has signed in yet."`
	Sessions               int                  `json:"sessions" doc:"How many are live."`
	RolesFromConfiguration []string             `json:"roles_from_configuration" doc:"Those of its roles that the option admins gives. They are taken away there."`
	UpdatedAt              time.Time            `json:"updated_at"`
}

type managedUsers struct {
	Users []managedUser `json:"users"`
	Next  *string       `json:"next" doc:"The cursor of the next page; null at the end. A page may have fewer accounts than asked for, or none, and a next one."`
	Total *int          `json:"total,omitempty" doc:"With count=true: how many there are, of the first 10 000 that the leading filter finds."`
}

func (x *call) managed(a authcore.ManagedAccount) managedUser {
	m := managedUser{
		User: x.userOf(a.Account), Number: a.Number, Kind: a.Kind, Disabled: a.Disabled(), DisabledReason: textOrNull(a.DisabledReason),
		LockedUntil: timeOrNull(a.LockedUntil), MFA: a.MFAEnabled(), LastSignInAt: timeOrNull(a.LastSignInAt), Sessions: a.Sessions,
		RolesFromConfiguration: []string{}, UpdatedAt: a.UpdatedAt.UTC(),
	}
	if x.admins.Has(a.Account) {
		m.RolesFromConfiguration = []string{authcore.RoleAdmin}
	}
	return m
}

// ManagedUser is an account as administrators see it, for whoever shows it elsewhere: a command prints the body of the call.
type ManagedUser = managedUser

// ManagedBy says what an account is shown by.
type ManagedBy struct {
	Admins authcore.Admins
	Fields userfield.Set
	Portal string // base URL of pages and pictures
	Now    authcore.Clock
}

// Show returns the body that the API answers with for an account.
func (by ManagedBy) Show(a authcore.ManagedAccount) ManagedUser {
	x := &call{admins: by.Admins, fields: by.Fields, now: by.Now}
	x.in.Client.Portal = by.Portal
	return x.managed(a)
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// answerManaged answers with an account and the tag of its state.
func (x *call) answerManaged(status int, a authcore.ManagedAccount) error {
	x.w.Header().Set("ETag", `"`+a.Version()+`"`)
	return x.answer(status, x.managed(a))
}

func (c *adminUserCalls) get(x *call) error {
	a, err := c.directory.Get(x.r.Context(), x.r.PathValue("id"))
	if err != nil {
		return err
	}
	return x.answerManaged(http.StatusOK, a)
}

func (c *adminUserCalls) list(x *call) error {
	l, err := x.listing()
	if err != nil {
		return err
	}
	listed, err := c.directory.List(x.r.Context(), x.who.AccountID, l)
	if err != nil {
		return err
	}
	out := managedUsers{Users: make([]managedUser, 0, len(listed.Accounts)), Next: textOrNull(listed.Next)}
	for _, a := range listed.Accounts {
		out.Users = append(out.Users, x.managed(a))
	}
	if l.Count {
		out.Total = &listed.Total
	}
	return x.answer(http.StatusOK, out)
}

// listing reads the query of a list of accounts. What no account can have finds none.
func (x *call) listing() (l admin.Listing, err error) {
	query := x.r.URL.Query()
	if l.Limit, l.Cursor, err = x.page(); err != nil {
		return l, err
	}
	l.Sort, l.Search, l.Role = admin.Sort(query.Get("sort")), query.Get("q"), query.Get("role")
	l.Phone, l.Kind = query.Get("phone"), authcore.AccountKind(query.Get("kind"))
	for name, into := range map[string]struct {
		rule func(string) (string, error)
		at   *string
	}{"email": {identifier.NewEmail, &l.Email}, "username": {identifier.Username, &l.Username}} {
		if query.Has(name) {
			if *into.at, err = into.rule(query.Get(name)); err != nil {
				return l, authcore.Refuse(authcore.InvalidRequest, "There can be no such "+name+".")
			}
		}
	}
	if l.Kind != "" && l.Kind != authcore.KindPerson && l.Kind != authcore.KindService {
		return l, authcore.Refuse(authcore.InvalidRequest, "kind is person or service.")
	}
	if query.Has("number") {
		if l.Number, err = strconv.ParseInt(query.Get("number"), 10, 64); err != nil || l.Number < 1 {
			return l, authcore.Refuse(authcore.InvalidRequest, "number is a positive whole number.")
		}
	}
	if query.Has("invited_by") {
		if l.InvitedBy, err = uuid.Parse(query.Get("invited_by")); err != nil {
			return l, authcore.Refuse(authcore.InvalidRequest, "invited_by is an id.")
		}
	}
	return l, x.listingStates(&l)
}

// listingStates reads the truths and times of that query.
func (x *call) listingStates(l *admin.Listing) error {
	query := x.r.URL.Query()
	count := new(bool)
	for name, into := range map[string]**bool{"disabled": &l.Disabled, "verified": &l.Verified, "mfa": &l.MFA, "locked": &l.Locked, "count": &count} {
		if !query.Has(name) {
			continue
		}
		is := query.Get(name) == "true"
		if !is && query.Get(name) != "false" {
			return authcore.Refuse(authcore.InvalidRequest, name+" is true or false.")
		}
		*into = &is
	}
	l.Count = *count
	for name, into := range map[string]*time.Time{"created_after": &l.CreatedAfter, "created_before": &l.CreatedBefore, "seen_before": &l.SeenBefore} {
		t, err := x.queryTime(name)
		if err != nil {
			return err
		}
		*into = t
	}
	return nil
}
