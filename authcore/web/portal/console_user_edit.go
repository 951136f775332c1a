package portal

import (
	"context"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// userEditPage changes who somebody is, and how they are reached.
type userEditPage struct{ usersPage }

const userEditPath = userPath + "/edit"

func (p *userEditPage) routes() []page.Route {
	return []page.Route{{Path: userEditPath, For: page.Readers, Fresh: true, Show: p.show, Submit: p.submit}}
}

// reachable reports whether an administrator changes the address and number of an account: those of administrators are changed by whoever runs
// the gateway, and a service has none.
func (p *userEditPage) reachable(a authcore.ManagedAccount) bool {
	return a.Kind == authcore.KindPerson && !p.at.Admins.Administers(a.Account)
}

func (p *userEditPage) show(q *page.Request) error {
	if !page.MayChange(q) {
		return admin.ForAdministrators()
	}
	a, err := p.read(q, p.at.Directory)
	if err != nil {
		return err
	}
	f := page.Form{ID: "edit-user", Title: q.T("console.user.edit.title"), Button: q.T("console.user.edit.button")}
	if p.reachable(a) {
		f.Intro = q.T("console.user.edit.text")
		email := page.EmailField(q, a.Email)
		email.Optional = q.T("field.optional")
		f.Fields = append(f.Fields, email, phoneField(q, a.Phone))
	} else if a.Kind == authcore.KindPerson {
		f.Intro = q.T("console.user.edit.administrator")
	}
	f.Fields = append(f.Fields, page.UsernameField(q, a.Username), page.TextField(q, "first_name", "off", a.FirstName, 100), page.TextField(q, "last_name", "off", a.LastName, 100))
	f.Fields = append(f.Fields, userFields(q, p.newFields(), a.Fields)...)
	for i := range f.Fields {
		f.Fields[i].Autocomplete = "off" // they are somebody else's
	}
	return showConsole(q, &consoleView{View: page.View{Title: userLabel(a), Back: &page.Link{To: q.Path(userAt(q)), Text: userLabel(a)}, Forms: []page.Form{f}}})
}

func (p *userEditPage) submit(q *page.Request) error {
	given := func(name string) *string {
		if !q.Form.Has(name) {
			return nil
		}
		text := strings.TrimSpace(q.Form.Get(name))
		return &text
	}
	fields := typedFields(q, p.newFields())
	for name := range fields {
		if fields[name] == "" {
			fields[name] = nil
		}
	}
	e := admin.Edit{Email: given("email"), Phone: given("phone"), Username: given("username"), FirstName: given("first_name"), LastName: given("last_name"),
		Fields: fields, Client: quiet(q)}
	err := p.changes(q, authcore.EventAdminUsersUpdate, func(ctx context.Context) error {
		_, err := p.at.Users.Change(ctx, q.User.AccountID, page.Param(q, "id"), e, nil)
		return err
	})
	if err != nil {
		return err
	}
	return q.Done(userAt(q), "user_edited")
}
