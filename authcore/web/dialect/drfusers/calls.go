package drfusers

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// open reports whether a call is everybody's who is signed in, and thus none of the administration.
func (a *api) open(access authcore.Access) bool { return access == authcore.Reads && a.Access == Users }

func callOf(x *dialect.Call, kind authcore.EventKind, access authcore.Access) admin.Call {
	return admin.Call{Kind: kind, Access: access, Actor: x.Who.AccountID, SessionID: x.Who.SessionID, Client: x.Info.Client}
}

// admit lets a call pass that who makes it may make: what is not open goes by the gate of the administration. A change also wants a sign-in that
// is fresh by itself: a password in the body would be taken for that of somebody else.
func (a *api) admit(x *dialect.Call, kind authcore.EventKind, access authcore.Access) error {
	if a.open(access) {
		return nil
	}
	err := x.Flows.AdminGate.Admit(x.Context(), callOf(x, kind, access), func() error {
		return x.Flows.Limits.TakeAccount(x.Context(), x.W.Header(), authcore.LimitAdmin, x.Route.Path, x.Who.AccountID)
	})
	if err != nil || access == authcore.Reads {
		return err
	}
	return x.Flows.Fresh.Check(x.Context(), x.Who, fresh.Proof{}, x.Info.Client)
}

// administer performs an admitted call, which is told of by its event.
func (a *api) administer(x *dialect.Call, kind authcore.EventKind, access authcore.Access, do func(context.Context) error) error {
	if a.open(access) {
		return do(x.Context())
	}
	ctx, end := x.Flows.AdminGate.Begin(x.Context(), callOf(x, kind, access))
	return end(do(ctx))
}

// which names the account in the path as the directory does; what is no number is nobody's.
func which(x *dialect.Call) string { return "number:" + x.Param }

func (a *api) one(ctx context.Context, x *dialect.Call) (authcore.ManagedAccount, error) {
	u, err := x.Flows.Directory.Get(ctx, which(x))
	if err == nil && u.Kind != authcore.KindPerson { // a service is no user
		err = drf.NotFound()
	}
	return u, err
}

func (a *api) retrieve(x *dialect.Call, _ drf.Values) (answer drf.Answer, err error) {
	if err := a.admit(x, authcore.EventAdminUsersGet, authcore.Reads); err != nil {
		return answer, err
	}
	err = a.administer(x, authcore.EventAdminUsersGet, authcore.Reads, func(ctx context.Context) error {
		u, err := a.one(ctx, x)
		answer = drf.Answer{Status: http.StatusOK, Body: a.user(x, u)}
		return err
	})
	return answer, err
}

// pageSize is how many users a page has.
const pageSize = 100

func (a *api) list(x *dialect.Call, _ drf.Values) (answer drf.Answer, err error) {
	if err := a.admit(x, authcore.EventAdminUsersList, authcore.Reads); err != nil {
		return answer, err
	}
	err = a.administer(x, authcore.EventAdminUsersList, authcore.Reads, func(ctx context.Context) error {
		if a.Paginate {
			answer, err = a.page(ctx, x)
			return err
		}
		users := []drf.Object{}
		answer.Status = http.StatusOK
		err := x.Flows.Roster.Each(ctx, func(people []authcore.ManagedAccount) error {
			for _, u := range people {
				users = append(users, a.user(x, u))
			}
			return nil
		})
		answer.Body = users
		return err
	})
	return answer, err
}

// page answers as DRF's PageNumberPagination.
func (a *api) page(ctx context.Context, x *dialect.Call) (drf.Answer, error) {
	number, missing := 1, drf.Detail(http.StatusNotFound, "Invalid page.")
	if text := x.R.URL.Query().Get("page"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > deepest {
			return drf.Answer{}, missing
		}
		number = n
	}
	people, more, err := x.Flows.Roster.Page(ctx, (number-1)*pageSize, pageSize)
	if err != nil {
		return drf.Answer{}, err
	}
	if len(people) == 0 && number > 1 {
		return drf.Answer{}, missing
	}
	count, err := x.Flows.Roster.Count(ctx)
	if err != nil {
		return drf.Answer{}, err
	}
	users := make([]drf.Object, len(people))
	for i, u := range people {
		users[i] = a.user(x, u)
	}
	body := drf.Object{{Name: "count", Value: max(count, (number-1)*pageSize+len(people))}, {Name: "next"}, {Name: "previous"}, {Name: "results", Value: users}}
	if more && number < deepest {
		body[1].Value = pageURL(x, number+1)
	}
	if number > 1 {
		body[2].Value = pageURL(x, number-1)
	}
	return drf.Answer{Status: http.StatusOK, Body: body}, nil
}

// deepest is the last page that can be asked for: what comes before a page is read for it.
const deepest = 10_000

// pageURL is the address of a page. The first one is that of the list itself, as DRF has it.
func pageURL(x *dialect.Call, number int) string {
	u := url.URL{Path: x.R.URL.Path}
	if number > 1 {
		u.RawQuery = "page=" + strconv.Itoa(number)
	}
	return x.Info.Client.Issuer + u.String()
}

// body reads the fields of a change.
func body(x *dialect.Call, fields []drf.Field) (drf.Values, error) {
	data, err := drf.Read(x.W, x.R)
	if err != nil {
		return nil, err
	}
	return data.Check(fields...)
}

func (a *api) create(x *dialect.Call, _ drf.Values) (answer drf.Answer, err error) {
	if err := a.admit(x, authcore.EventAdminUsersCreate, authcore.Changes); err != nil {
		return answer, err
	}
	given, err := body(x, a.created())
	if err != nil {
		return answer, err
	}
	err = a.administer(x, authcore.EventAdminUsersCreate, authcore.Changes, func(ctx context.Context) error {
		u, err := x.Flows.Newcomers.Create(ctx, admin.NewUser{
			Username: given["username"], Email: given["email"], FirstName: given["first_name"], LastName: given["last_name"],
			Disabled: given.Given("is_active") && !given.Bool("is_active"), Client: x.Info.Client,
		}, given[secret.Name])
		answer = drf.Answer{Status: http.StatusCreated, Body: a.user(x, u)}
		return err
	})
	return answer, err
}

func (a *api) update(x *dialect.Call, _ drf.Values) (drf.Answer, error) {
	return a.change(x, authcore.EventAdminUsersReplace, a.written())
}

func (a *api) patch(x *dialect.Call, _ drf.Values) (drf.Answer, error) {
	return a.change(x, authcore.EventAdminUsersUpdate, drf.Partial(a.written()))
}

// change changes the fields that are given: a field that is not required stays as it is, also with PUT, as a ModelSerializer has it.
func (a *api) change(x *dialect.Call, kind authcore.EventKind, fields []drf.Field) (answer drf.Answer, err error) {
	if err := a.admit(x, kind, authcore.Changes); err != nil {
		return answer, err
	}
	if _, err := a.one(x.Context(), x); err != nil { // DRF looks for the user before it reads the body
		return answer, err
	}
	given, err := body(x, fields)
	if err != nil {
		return answer, err
	}
	text := func(name string) *string {
		if value, is := given[name]; is {
			return &value
		}
		return nil
	}
	edit := admin.Edit{Username: text("username"), FirstName: text("first_name"), LastName: text("last_name"), Client: x.Info.Client}
	if given.Given("is_active") {
		disabled := !given.Bool("is_active")
		edit.Disabled = &disabled
	}
	err = a.administer(x, kind, authcore.Changes, func(ctx context.Context) error {
		u, err := x.Flows.Users.Change(ctx, x.Who.AccountID, which(x), edit, nil)
		if address := text("email"); err == nil && address != nil {
			u, err = x.Flows.Claims.Email(ctx, which(x), *address, x.Info.Client)
		}
		answer = drf.Answer{Status: http.StatusOK, Body: a.user(x, u)}
		return err
	})
	return answer, err
}

func (a *api) delete(x *dialect.Call, _ drf.Values) (answer drf.Answer, err error) {
	if err := a.admit(x, authcore.EventAdminUsersDelete, authcore.Changes); err != nil {
		return answer, err
	}
	if _, err := a.one(x.Context(), x); err != nil {
		return answer, err
	}
	err = a.administer(x, authcore.EventAdminUsersDelete, authcore.Changes, func(ctx context.Context) error {
		return admin.Delete(ctx, x.Flows.Directory, x.Flows.Closure, admin.Deletion{
			Actor: x.Who.AccountID, Which: which(x), Client: authcore.Client{Portal: x.Info.Client.Portal, Lang: x.Info.Client.Lang},
		})
	})
	return drf.Answer{Status: http.StatusNoContent}, err
}

// metadata answers OPTIONS: what who asks may send here. It is no call of the administration, and no event tells of it.
func (a *api) metadata(x *dialect.Call, routes []*dialect.Route) (drf.Answer, error) {
	x.Route = routes[0]
	if err := a.admit(x, "", authcore.Reads); err != nil {
		return drf.Answer{}, err
	}
	roles, err := x.Flows.AdminGate.Roles(x.Context(), x.Who.AccountID)
	if err != nil {
		return drf.Answer{}, err
	}
	method, fields := "", []drf.Description(nil)
	for _, f := range a.shown {
		fields = append(fields, f.Description)
	}
	switch list := x.Param == ""; {
	case !slices.Contains(roles, authcore.RoleAdmin):
	case list:
		method, fields = http.MethodPost, append(fields, secret)
	default:
		if _, err := a.one(x.Context(), x); err == nil {
			method = http.MethodPut
		}
	}
	return drf.Metadata(routes[0].Summary, "", method, fields...), nil
}
