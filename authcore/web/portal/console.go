package portal

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// The console is the pages for administrators and auditors. Each is in a file console_<name>.go: its routes are for page.Readers, and it
// shows a consoleView. What only administrators may do (forms, and links to where something is changed) is left out for auditors here, once
// for all pages, and page.Route refuses them the form.

const consolePath = page.ConsolePath

// consolePages is the one list of the pages in the navigation: a new page is one line here.
func consolePages(q *page.Request) []page.Link {
	return []page.Link{
		{To: consolePath, Text: q.T("console.dashboard")},
		{To: consoleUsersPath, Text: q.T("console.users")},
		{To: allInvitationsPath, Text: q.T("console.invitations")},
		{To: consoleBlocksPath, Text: q.T("console.blocks")},
		{To: consoleEventsPath, Text: q.T("console.events")},
		{To: settingsPath, Text: q.T("console.settings")},
		{To: keysPath, Text: q.T("console.keys")},
		{To: explainPath, Text: q.T("console.explain")},
		{To: healthPath, Text: q.T("console.health")},
	}
}

// consoleRoutes are the pages of the console.
func consoleRoutes(cfg *Config) []page.Route {
	return slices.Concat(
		(&dashboardPage{consoleGate{cfg.Admin.Gate}, cfg.Stats}).routes(),
		(&blocksPage{consoleGate{cfg.Admin.Gate}, cfg.Admin.BlockRules}).routes(),
		(&eventsPage{consoleGate{cfg.Admin.Gate}, cfg.EventLog}).routes(),
		(&settingsPage{consoleGate{cfg.Admin.Gate}, cfg.Admin.Tuning, cfg.EventLog}).routes(),
		(&keysPage{consoleGate{cfg.Admin.Gate}, cfg.Admin.SigningKeys}).routes(),
		(&allInvitationsPage{consoleGate{cfg.Admin.Gate}, cfg.Invite, cfg.EventLog}).routes(),
		(&explainPage{consoleGate{cfg.Admin.Gate}, cfg.Admin.Explain}).routes(),
		(&healthPage{consoleGate{cfg.Admin.Gate}, cfg.Admin.Health, cfg.Stats}).routes(),
		(&usersPage{consoleGate{cfg.Admin.Gate}, cfg.Admin, cfg.Profile.Fields()}).routes(),
		newUserPage(cfg).routes(),
	)
}

// consoleView is what a page of the console shows, in this order. Every part of it may be empty.
type consoleView struct {
	page.View
	Nav     []filterLink
	Asks    bool         // its forms change nothing: auditors see them too
	Made    *page.Field  // what a form has made, to be shown once
	Figures []page.Point // each a number and what it counts
	Choose  []filterLink // among a few views of the page
	Charts  []consoleChart
	Filter  *consoleFilter
	Tables  []consoleTable
}

// consoleFilter is a form that narrows what the page lists. It is sent by GET, so that what is seen has an address.
type consoleFilter struct {
	Fields []page.Field
	Button string
	Reset  *page.Link // to the page without filters, where there are any
}

// consoleTable is a list. On narrow screens each row is a block, and each cell says what it is.
type consoleTable struct {
	ID, Title string
	Head      []string
	Rows      []consoleRow
	Empty     string // what is said in place of no rows, and what to do
	Compact   bool   // its few columns fit a narrow screen too
	Next      *page.Link
}

// consoleRow is one line. Actions lead to pages where something is changed.
type consoleRow struct {
	ID      string        // in the page; "" for none
	Cells   []consoleCell // one for each of Head
	Actions []page.Link
}

// consoleCell is one value. At stands in place of Text.
type consoleCell struct {
	Text  string
	To    string    // where the text leads; "" for nowhere
	At    time.Time // shown to the minute, UTC
	Badge string    // a word beside it
	Bad   bool      // the word tells of something bad
	Lines []string  // small print
}

// Minute returns At as it is shown, Instant for programs that read the page.
func (c consoleCell) Minute() string  { return minute(c.At) }
func (c consoleCell) Instant() string { return c.At.UTC().Format(time.RFC3339) }

// showConsole answers with a page of the console.
func showConsole(q *page.Request, v *consoleView) error {
	for _, at := range consolePages(q) {
		here := q.At(at.To) || at.To != consolePath && strings.HasPrefix(q.R.URL.Path, q.Path(at.To)+"/")
		v.Nav = append(v.Nav, filterLink{page.Link{To: q.Path(at.To), Text: at.Text}, here})
	}
	if !page.MayChange(q) {
		if !v.Asks {
			v.Forms = nil
		}
		for i := range v.Tables {
			for j := range v.Tables[i].Rows {
				v.Tables[i].Rows[j].Actions = nil
			}
		}
	}
	return q.ShowAs("console.html", &v.View, v)
}

// dangerForm is a form that takes something away: text says what will happen. On a route that is Fresh it asks for the proof.
func dangerForm(id, title, text, button string, hidden ...page.Hidden) page.Form {
	return page.Form{ID: id, Title: title, Intro: text, Hidden: hidden, Button: button, Danger: true}
}

// filterOf is the form of the fields; each has what the address says of it.
func filterOf(q *page.Request, fields ...page.Field) *consoleFilter {
	f := &consoleFilter{Fields: fields, Button: q.T("console.filter")}
	for i := range f.Fields {
		field := &f.Fields[i]
		field.ID, field.Value = "filter-"+field.Name, q.R.URL.Query().Get(field.Name)
		if field.Value != "" {
			f.Reset = &page.Link{To: q.R.URL.Path, Text: q.T("console.filter.reset")}
		}
	}
	return f
}

// nextPage leads on to what follows a cursor, under the same filters; nil at the end.
func nextPage(q *page.Request, cursor string) *page.Link {
	if cursor == "" {
		return nil
	}
	query := url.Values{}
	for name, values := range q.R.URL.Query() {
		if name != "done" {
			query[name] = slices.Clone(values)
		}
	}
	query.Set("cursor", cursor)
	return &page.Link{To: q.R.URL.Path + "?" + query.Encode(), Text: q.T("console.next")}
}
