package drfusers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/simplejwt"
)

// Name is that of the dialect.
const Name = "drf_users"

// Who may read, of the option access.
const (
	Admins = "admin" // administrators, and auditors
	Users  = "users" // who is signed in; changes stay the administrators'
)

// Options are the settings of the dialect that an operator chooses.
type Options struct {
	Fields   []string // of Fields; nil: id, username, email
	Access   string   // "" is Admins
	Paginate bool     // lists are pages, as of DRF's PageNumberPagination
}

// Fields are the fields of a user that the option fields may name, in the order in which they are written where nothing else is said.
func Fields() []string {
	var names []string
	for _, f := range all {
		names = append(names, f.Name)
	}
	return names
}

// Check returns what is wrong with the options.
func (o Options) Check() error {
	for i, name := range o.Fields {
		switch {
		case !slices.Contains(Fields(), name):
			return fmt.Errorf("%q is none of: %s", name, strings.Join(Fields(), ", "))
		case slices.Contains(o.Fields[:i], name):
			return fmt.Errorf("%s is there twice", name)
		}
	}
	return nil
}

// New returns the dialect with some options, which Check has passed.
func New(o Options) dialect.Dialect {
	if len(o.Fields) == 0 {
		o.Fields = []string{"id", "username", "email"}
	}
	if o.Access == "" {
		o.Access = Admins
	}
	a := &api{Options: o}
	for _, name := range o.Fields {
		a.shown = append(a.shown, all[slices.IndexFunc(all, func(f field) bool { return f.Name == name })])
	}
	const list, detail = "/", "/{number}"
	refused := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}
	replies := func(success int, more ...int) []int { return append(append([]int{success}, more...), refused...) }
	return dialect.Dialect{
		Name: Name, Title: "A viewset of users", Borrows: simplejwt.Name, Options: a.metadata,
		Routes: []dialect.Route{
			{Action: "list", Method: http.MethodGet, Path: list, Summary: "User List", User: true, Replies: replies(http.StatusOK, http.StatusNotFound), Do: a.list},
			{Action: "list", Method: http.MethodPost, Path: list, Summary: "User List", User: true, Reads: a.created(),
				Replies: replies(http.StatusCreated, http.StatusBadRequest), Do: a.create},
			{Method: http.MethodGet, Path: detail, Summary: "User Instance", User: true, Replies: replies(http.StatusOK, http.StatusNotFound), Do: a.retrieve},
			{Method: http.MethodPut, Path: detail, Summary: "User Instance", User: true, Reads: a.written(),
				Replies: replies(http.StatusOK, http.StatusBadRequest, http.StatusNotFound), Do: a.update},
			{Method: http.MethodPatch, Path: detail, Summary: "User Instance", User: true, Reads: drf.Partial(a.written()),
				Replies: replies(http.StatusOK, http.StatusBadRequest, http.StatusNotFound), Do: a.patch},
			{Method: http.MethodDelete, Path: detail, Summary: "User Instance", User: true, Replies: replies(http.StatusNoContent, http.StatusNotFound), Do: a.delete},
		},
	}
}

// api is the calls, with the options that they have.
type api struct {
	Options
	shown []field
}

// field is one of a user.
type field struct {
	drf.Description
	of func(x *dialect.Call, a authcore.ManagedAccount) any
}

// all are the fields, as a ModelSerializer of Django's User describes them.
var all = []field{
	{drf.Description{Field: drf.Field{Name: "id"}, ReadOnly: true, Integer: true, Label: "ID"},
		func(_ *dialect.Call, a authcore.ManagedAccount) any { return a.Number }},
	{drf.Description{Field: drf.Field{Name: "username", Max: 150}, Help: "Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only."},
		func(_ *dialect.Call, a authcore.ManagedAccount) any { return a.Username }},
	{drf.Description{Field: drf.Field{Name: "email", Email: true, Optional: true, Blank: true, Max: 254}, Label: "Email address"},
		func(x *dialect.Call, a authcore.ManagedAccount) any { return emailOf(x, a.Account) }},
	{drf.Description{Field: drf.Field{Name: "first_name", Optional: true, Blank: true, Max: 150}},
		func(_ *dialect.Call, a authcore.ManagedAccount) any { return a.FirstName }},
	{drf.Description{Field: drf.Field{Name: "last_name", Optional: true, Blank: true, Max: 150}},
		func(_ *dialect.Call, a authcore.ManagedAccount) any { return a.LastName }},
	{drf.Description{Field: drf.Field{Name: "is_active", Boolean: true, Optional: true}, Label: "Active",
		Help: "Designates whether this user should be treated as active. Unselect this instead of deleting accounts."},
		func(_ *dialect.Call, a authcore.ManagedAccount) any { return !a.Disabled() }},
	{drf.Description{Field: drf.Field{Name: "is_staff", Boolean: true}, ReadOnly: true, Label: "Staff status",
		Help: "Designates whether the user can log into this admin site."},
		func(x *dialect.Call, a authcore.ManagedAccount) any {
			return slices.Contains(x.Flows.Admins.Roles(a.Account), roleStaff)
		}},
	{drf.Description{Field: drf.Field{Name: "date_joined"}, ReadOnly: true, Datetime: true},
		func(_ *dialect.Call, a authcore.ManagedAccount) any { return drf.Time(a.CreatedAt) }},
	{drf.Description{Field: drf.Field{Name: "last_login"}, ReadOnly: true, Datetime: true},
		func(_ *dialect.Call, a authcore.ManagedAccount) any {
			if a.LastSignInAt.IsZero() {
				return nil
			}
			return drf.Time(a.LastSignInAt)
		}},
}

// roleStaff is the role that is_staff shows. It is given by the administration alone.
const roleStaff = "staff"

// emailOf is the address of an account. Who administers sees the one that waits to be proven, too: what was sent is answered. To everybody else
// it could be anybody's.
func emailOf(x *dialect.Call, a authcore.Account) string {
	if !slices.Contains(x.Who.Roles, authcore.RoleAdmin) && !slices.Contains(x.Who.Roles, authcore.RoleAuditor) {
		return a.VerifiedEmail()
	}
	for _, p := range a.Pending(x.Flows.Now()) {
		if p.Channel == authcore.ByEmail {
			return p.Address
		}
	}
	return a.Email
}

var secret = drf.Description{Field: drf.Field{Name: "password", Secret: true, Max: 128}}

// written are the fields that an update takes.
func (a *api) written() (fields []drf.Field) {
	for _, f := range a.shown {
		if !f.ReadOnly {
			fields = append(fields, f.Field)
		}
	}
	return fields
}

// created are the fields that a new user takes.
func (a *api) created() []drf.Field { return append(a.written(), secret.Field) }

func (a *api) user(x *dialect.Call, u authcore.ManagedAccount) drf.Object {
	o := make(drf.Object, len(a.shown))
	for i, f := range a.shown {
		o[i] = drf.Member{Name: f.Name, Value: f.of(x, u)}
	}
	return o
}
