package portal

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

const connectionsPath = "/account/connections"

// connectionsPage is where people see which accounts elsewhere sign in to theirs, and connect and disconnect them.
type connectionsPage struct{ flow *federated.Flow }

func (p *connectionsPage) routes() []page.Route {
	return []page.Route{{Path: connectionsPath, For: page.SignedIn, Show: p.show, Submit: p.submit, Fresh: true, Limit: authcore.LimitSocial}}
}

func (p *connectionsPage) show(q *page.Request) error {
	connected, available, err := p.flow.List(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	v := entriesView{View: page.View{Title: q.T("connections.title"), Back: backToAccount(q), Intro: []string{q.T("connections.intro")}}}
	if len(connected) == 0 {
		v.Intro = []string{q.T("connections.none")}
	}
	if len(connected) == 0 && len(available) == 0 {
		v.Intro = []string{q.T("connections.nothing")}
	}
	for _, c := range connected {
		e := entry{Name: p.flow.Title(c.Provider), End: endForm(q, connectionsPath, c.ID.String(), c.ID.String(), q.T("connections.remove"))}
		for _, line := range []string{c.Name, c.Email} {
			if line != "" {
				e.Lines = append(e.Lines, line)
			}
		}
		if e.Seen = lastUse(q, c.LastUsedAt); !c.LastUsedAt.IsZero() {
			e.SeenAt = c.LastUsedAt.UTC().Format(time.RFC3339)
		}
		v.Entries = append(v.Entries, e)
	}
	// The form that connects leads on to the provider, which browsers hold against the page with the form (CSP3 §6.4.1.1).
	var origins []string
	for _, o := range available {
		v.Below = append(v.Below, page.Form{ID: "connect-" + o.Name, Action: q.Path(connectionsPath), Hidden: []page.Hidden{{Name: "connect", Value: o.Name}},
			Button: q.T("connections.connect", "Title", o.Title), Quiet: true})
		if origin := p.flow.Origin(q.R.Context(), o.Name); origin != "" {
			origins = append(origins, origin)
		}
	}
	q.W.Header().Set("Content-Security-Policy", page.PolicyTo(strings.Join(origins, " ")))
	if q.Is(authcore.ReauthenticationRequired) || q.Is(authcore.MFARequired) || q.Form.Has("password") {
		return p.showSent(q, v)
	}
	return v.show(q)
}

// showSent shows the form alone that was sent, with fields for the proof that was missing.
func (p *connectionsPage) showSent(q *page.Request, v entriesView) error {
	alone := page.View{Title: v.Title, Back: &page.Link{To: q.Path(connectionsPath), Text: v.Title}}
	for _, e := range v.Entries {
		if q.Form.Get("end") == e.End.Hidden[0].Value {
			alone.Title, alone.Forms = q.T("connections.remove.title", "Title", e.Name), []page.Form{e.End}
		}
	}
	for _, f := range v.Below {
		if q.Form.Get("connect") == f.Hidden[0].Value {
			alone.Title, alone.Forms = f.Button, []page.Form{f}
		}
	}
	for i := range alone.Forms {
		alone.Forms[i].Quiet = false
	}
	return q.Show(alone)
}

func (p *connectionsPage) submit(q *page.Request) error {
	if provider := q.Form.Get("connect"); provider != "" {
		return toProvider(q, p.flow, federated.StartInput{Provider: provider, AccountID: q.User.AccountID, SessionID: q.User.SessionID})
	}
	id, err := uuid.Parse(q.Form.Get("end"))
	if err != nil {
		return authcore.Refuse(authcore.InvalidRequest, "The form does not name a connection. Reload the page and try again.")
	}
	if err := p.flow.Disconnect(q.R.Context(), q.User.AccountID, id, q.Info.Client); err != nil && authcore.CodeOf(err) != authcore.NotFound {
		return err
	}
	return q.Done(connectionsPath, "disconnected")
}
