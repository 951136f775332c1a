package portal

import (
	"maps"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notification"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// notificationsPage is where people choose which security mails they get.
type notificationsPage struct{ notifications *notification.Flow }

const notificationsPath = "/account/notifications"

func (p *notificationsPage) routes() []page.Route {
	return []page.Route{{Path: notificationsPath, For: page.SignedIn, Show: p.show, Submit: p.submit}}
}

func notificationsState(q *page.Request, owner authcore.Account) string {
	if len(owner.Muted) == 0 {
		return q.T("notifications.state.all")
	}
	return q.Count("notifications.state.off", len(owner.Muted))
}

func (p *notificationsPage) show(q *page.Request) error {
	c, err := p.notifications.Get(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	form := page.Form{ID: "notifications-form", Action: q.Path(notificationsPath), Button: q.T("notifications.button")}
	for _, kind := range slices.Sorted(maps.Keys(c.On)) {
		field := page.Field{ID: string(kind), Name: string(kind), Type: "checkbox", Label: q.T("notifications." + string(kind)),
			Hint: q.T("notifications." + string(kind) + ".hint")}
		if q.Form == nil && c.On[kind] || q.Form.Has(string(kind)) {
			field.Value = "on"
		}
		form.Fields = append(form.Fields, field)
	}
	return q.Show(page.View{Title: q.T("notifications.title"), Back: backToAccount(q), Intro: []string{q.T("notifications.intro"), q.T("notifications.always")},
		Forms: []page.Form{form}})
}

// submit changes what is another choice than before. To switch something off the owner must be at hand; the form asks for a password then.
func (p *notificationsPage) submit(q *page.Request) error {
	c, err := p.notifications.Get(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	in := notification.Input{AccountID: q.User.AccountID, On: map[authcore.MailKind]bool{}, Client: q.Info.Client}
	for kind, on := range c.On {
		if wanted := q.Form.Has(string(kind)); wanted != on {
			in.On[kind] = wanted
			if !wanted && in.NotFresh == nil {
				in.NotFresh = page.CheckFresh(q)
			}
		}
	}
	if _, err := p.notifications.Change(q.R.Context(), in); err != nil {
		return err
	}
	return q.Done(notificationsPath, "notifications")
}
