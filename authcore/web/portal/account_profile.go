package portal

import (
	"cmp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// profilePage is where people say who they are.
type profilePage struct{ profile *profile.Profiles }

func (p *profilePage) routes() []page.Route {
	return []page.Route{{Path: "/account/profile", For: page.SignedIn, Show: p.show, Submit: p.submit}}
}

func profileState(q *page.Request, owner authcore.Account) string {
	return cmp.Or(owner.Name(), owner.Username, q.T("account.profile.none"))
}

func (p *profilePage) show(q *page.Request) error {
	owner, err := p.profile.Get(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	fields := []page.Field{
		page.TextField(q, "first_name", "given-name", owner.FirstName, 100),
		page.TextField(q, "last_name", "family-name", owner.LastName, 100),
		page.UsernameField(q, owner.Username),
	}
	if p.profile.Phone() {
		fields = append(fields, phoneField(q, owner.Phone))
	}
	fields = append(fields, localeField(q, p.profile.Locales(), owner.Locale))
	return q.Show(page.View{Title: q.T("account.profile"), Back: backToAccount(q), Forms: []page.Form{{
		ID: "profile-form", Button: q.T("account.profile.button"), Fields: append(fields, userFields(q, p.profile.Fields(), owner.Fields)...),
	}}})
}

func phoneField(q *page.Request, known string) page.Field {
	f := page.TextField(q, "phone", "tel", known, 32)
	f.Type, f.InputMode, f.Hint = "tel", "tel", q.T("field.phone.hint")
	return f
}

func (p *profilePage) submit(q *page.Request) error {
	given := func(name string) *string {
		if !q.Form.Has(name) {
			return nil
		}
		text := q.Form.Get(name)
		return &text
	}
	_, err := p.profile.Change(q.R.Context(), q.User.AccountID, profile.Patch{
		FirstName: given("first_name"), LastName: given("last_name"), Username: given("username"), Phone: given("phone"),
		Locale: given("locale"), Fields: typedFields(q, p.profile.Fields()),
	}, q.Info.Client)
	if err != nil {
		return err
	}
	return q.Done("/account", "profile")
}
