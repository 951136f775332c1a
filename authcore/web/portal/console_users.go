package portal

import (
	"context"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// usersPage lists accounts, and makes them.
type usersPage struct {
	consoleGate
	at     Administration
	fields userfield.Set
}

const (
	consoleUsersPath = consolePath + "/users"
	newUserPath      = consoleUsersPath + "/new"
)

func (p *usersPage) routes() []page.Route {
	return []page.Route{
		{Path: consoleUsersPath, For: page.Readers, Show: p.show},
		{Path: newUserPath, For: page.Readers, Fresh: true, Show: p.showNew, Submit: p.create},
	}
}

func (p *usersPage) show(q *page.Request) error {
	asked, err := usersAsked(q)
	if err != nil {
		return err
	}
	var list admin.Listed
	err = p.reads(q, authcore.EventAdminUsersList, func(ctx context.Context) (err error) {
		list, err = p.at.Directory.List(ctx, q.User.AccountID, asked)
		return err
	})
	if err != nil {
		return err
	}
	t := consoleTable{ID: "users", Title: q.T("console.users"), Empty: q.T("console.users.none"), Next: nextPage(q, list.Next), Head: []string{
		q.T("console.user"), q.T("console.user.number"), q.T("console.user.roles"), q.T("console.user.state"), q.T("console.user.seen"), q.T("console.user.made"),
	}}
	for _, a := range list.Accounts {
		t.Rows = append(t.Rows, p.row(q, a))
	}
	if t.Next != nil && len(t.Rows) == 0 {
		t.Empty = q.T("console.users.early")
	}
	v := consoleView{View: page.View{Title: q.T("console.users")}, Filter: userFilters(q), Tables: []consoleTable{t}}
	if page.MayChange(q) {
		v.Links = []page.Link{{To: q.Path(newUserPath), Text: q.T("console.users.new")}}
	}
	return showConsole(q, &v)
}

// userFilters is the form of what the list can be narrowed by.
func userFilters(q *page.Request) *consoleFilter {
	all := page.Choice{Text: q.T("console.events.all")}
	return filterOf(q,
		page.Field{Name: "q", Label: q.T("console.users.q"), Type: "search", Hint: q.T("console.users.q.hint")},
		page.Field{Name: "role", Label: q.T("console.user.role"), Type: "text"},
		page.Field{Name: "kind", Label: q.T("console.user.kind"), Choices: append([]page.Choice{all}, kindChoices(q)...)},
		page.Field{Name: "disabled", Label: q.T("console.user.state"), Choices: []page.Choice{all,
			{Value: "false", Text: q.T("console.user.active")}, {Value: "true", Text: q.T("console.user.disabled")}}})
}

func kindChoices(q *page.Request) []page.Choice {
	return []page.Choice{
		{Value: string(authcore.KindPerson), Text: q.T("console.user.kind.person")}, {Value: string(authcore.KindService), Text: q.T("console.user.kind.service")},
	}
}

// usersAsked reads what the form asks for.
func usersAsked(q *page.Request) (l admin.Listing, err error) {
	query := q.R.URL.Query()
	l = admin.Listing{Limit: cursor.DefaultLimit, Cursor: query.Get("cursor")}
	l.Search, l.Role, l.Kind = strings.TrimSpace(query.Get("q")), strings.TrimSpace(query.Get("role")), authcore.AccountKind(query.Get("kind"))
	if l.Kind != "" && l.Kind != authcore.KindPerson && l.Kind != authcore.KindService {
		return l, authcore.Refuse(authcore.InvalidRequest, "kind is person or service.")
	}
	switch word := query.Get("disabled"); word {
	case "":
	case "true", "false":
		is := word == "true"
		l.Disabled = &is
	default:
		return l, authcore.Refuse(authcore.InvalidRequest, "disabled is true or false.")
	}
	return l, nil
}

func (p *usersPage) row(q *page.Request, a authcore.ManagedAccount) consoleRow {
	who := consoleCell{Text: userLabel(a), To: q.Path(consoleUsersPath + "/" + a.ID.String())}
	for _, more := range []string{a.Username, a.Name()} {
		if more != "" && more != who.Text {
			who.Lines = append(who.Lines, more)
		}
	}
	state := consoleCell{Text: q.T("console.user.active")}
	switch {
	case a.Disabled():
		state = consoleCell{Badge: q.T("console.user.disabled"), Bad: true}
	case !a.LockedUntil.IsZero():
		state = consoleCell{Badge: q.T("console.user.locked"), Bad: true}
	}
	if a.Kind == authcore.KindService {
		state.Lines = []string{q.T("console.user.kind.service")}
	}
	seen := consoleCell{At: a.LastSignInAt}
	if a.LastSignInAt.IsZero() {
		seen.Text = q.T("console.user.never")
	}
	return consoleRow{Cells: []consoleCell{
		who, {Text: strconv.FormatInt(a.Number, 10)}, {Text: strings.Join(p.at.Admins.Roles(a.Account), " ")}, state, seen, {At: a.CreatedAt},
	}}
}

// userLabel is what an account is called; one that has neither address nor name has a number.
func userLabel(a authcore.ManagedAccount) string {
	if label := a.Label(); label != "" {
		return label
	}
	return "#" + strconv.FormatInt(a.Number, 10)
}

// showNew asks what a new account has.
func (p *usersPage) showNew(q *page.Request) error {
	if !page.MayChange(q) {
		return admin.ForAdministrators()
	}
	email := page.EmailField(q, "")
	email.Optional = q.T("field.optional")
	fields := []page.Field{email, page.UsernameField(q, ""), page.TextField(q, "first_name", "off", "", 100), page.TextField(q, "last_name", "off", "", 100), phoneField(q, "")}
	roles := page.TextField(q, "roles", "off", "", 1000)
	roles.Hint = q.T("field.roles.hint")
	kind := page.Field{ID: "kind", Name: "kind", Label: q.T("console.user.kind"), Choices: kindChoices(q), Value: q.Value("kind", string(authcore.KindPerson)),
		Hint: q.T("console.users.new.kind")}
	fields = append(append(fields, userFields(q, p.newFields(), nil)...), roles, kind, page.Checkbox(q, "send", true))
	for i := range fields {
		fields[i].Autocomplete = "off" // they are somebody else's
	}
	v := consoleView{View: page.View{Title: q.T("console.users.new"), Back: &page.Link{To: q.Path(consoleUsersPath), Text: q.T("console.users")}}}
	v.Forms = []page.Form{{ID: "new-user", Title: q.T("console.users.new.title"), Intro: q.T("console.users.new.intro"), Fields: fields, Button: q.T("console.users.new.button")}}
	return showConsole(q, &v)
}

// newFields are the operator's, which administrators need not fill in: owners can.
func (p *usersPage) newFields() userfield.Set {
	all := p.fields.Writable()
	for i := range all {
		all[i].Required = false
	}
	return all
}

// typed returns the values of those that were filled in.
func (p *usersPage) typed(q *page.Request) map[string]any {
	given := typedFields(q, p.newFields())
	for _, f := range p.fields {
		if q.Form.Get(f.Path()) == "" {
			delete(given, f.Name)
		}
	}
	return given
}

func (p *usersPage) create(q *page.Request) error {
	text := func(name string) string { return strings.TrimSpace(q.Form.Get(name)) }
	var made authcore.ManagedAccount
	err := p.changes(q, authcore.EventAdminUsersCreate, func(ctx context.Context) (err error) {
		made, err = p.at.Users.Create(ctx, admin.NewUser{
			Email: text("email"), Username: text("username"), FirstName: text("first_name"), LastName: text("last_name"), Phone: text("phone"),
			Fields: p.typed(q), Roles: strings.Fields(q.Form.Get("roles")), Kind: authcore.AccountKind(q.Form.Get("kind")),
			Send: q.Form.Get("send") != "", Client: q.Info.Client,
		})
		return err
	})
	if err != nil {
		return err
	}
	return q.Done(consoleUsersPath+"/"+made.ID.String(), "user_made")
}
