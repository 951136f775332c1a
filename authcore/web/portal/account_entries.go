package portal

import (
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// entriesView is a list of what its owner can name and end: sessions, devices.
type entriesView struct {
	page.View
	Entries []entry
	Below   []page.Form // for several at once
}

// entry is one of the list.
type entry struct {
	Name, Badge         string
	Lines               []string
	Where, Seen, SeenAt string
	Rename              page.Link
	End                 page.Form
}

func (v *entriesView) show(q *page.Request) error {
	return q.ShowAs("account_entries.html", &v.View, v)
}

// endForm is a form of one button below an address of the account: it sends the value under the name "end".
func endForm(q *page.Request, path, id, value, button string) page.Form {
	return page.Form{ID: "end-" + id, Action: q.Path(path), Hidden: []page.Hidden{{Name: "end", Value: value}}, Button: button, Quiet: true}
}

// renameLink leads to the form that names an entry, at the same address.
func renameLink(q *page.Request, path string, id uuid.UUID) page.Link {
	return page.Link{To: q.Path(path) + "?rename=" + id.String(), Text: q.T("entry.rename")}
}

// renamed returns which entry is to be named: by the link to the form, or by the form, which has come back with an error then.
func renamed(q *page.Request) (id uuid.UUID, ok bool) {
	text := q.R.URL.Query().Get("rename")
	if q.Form.Has("name") {
		text = q.Form.Get("id")
	}
	id, err := uuid.Parse(text)
	return id, err == nil && !q.Is(authcore.NotFound)
}

// aboutClient says which browser or app an entry is, and from which address.
func aboutClient(q *page.Request, userAgent, addr string) string {
	about, _ := clientName(q, "", userAgent)
	if addr != "" {
		about += " · " + addr
	}
	return about
}

// showRename asks for the name of an entry; about says which it is, and back leads to the list.
func showRename(q *page.Request, back page.Link, id uuid.UUID, name, about string) error {
	field := page.TextField(q, "name", "off", name, 100)
	field.Focus = true
	return q.Show(page.View{Title: q.T("entry.rename.title"), Back: &back, Intro: []string{about}, Forms: []page.Form{{
		ID: "rename-form", Action: back.To, Hidden: []page.Hidden{{Name: "id", Value: id.String()}}, Fields: []page.Field{field},
		Button: q.T("entry.rename.button"),
	}}})
}

// clientName is what a browser or app is called: by its name, or else by its user agent. kind says what it is besides its name; "" where
// the name says that already, or nothing does.
func clientName(q *page.Request, name, userAgent string) (title, kind string) {
	browser, system, _, _ := httpauth.ParseUserAgent(userAgent)
	switch {
	case browser != "" && system != "":
		kind = q.T("account.sessions.device", "Browser", browser, "System", system)
	case browser != "" || system != "":
		kind = browser + system
	}
	switch {
	case name != "":
		return name, kind
	case kind != "":
		return kind, ""
	}
	return q.T("account.sessions.unknown"), ""
}

// seen says how long ago something was, in words and for programs.
func seen(q *page.Request, at time.Time) (words, exact string) {
	return ago(q, at), at.UTC().Format(time.RFC3339)
}

// minute is a time as people read it who do not say where they are.
func minute(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }

// ago says how long ago something was, in words.
func ago(q *page.Request, at time.Time) string {
	switch d := q.Now().Sub(at); {
	case d < 2*time.Minute:
		return q.T("ago.now")
	case d < time.Hour:
		return q.Count("ago.minutes", int(d/time.Minute))
	case d < 24*time.Hour:
		return q.Count("ago.hours", int(d/time.Hour))
	default:
		return q.Count("ago.days", int(d/(24*time.Hour)))
	}
}
