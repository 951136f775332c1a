package portal

import (
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/device"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// devicesPage is where people see, name and forget the browsers and apps that their account knows.
type devicesPage struct{ devices *device.Devices }

const devicesPath = "/account/devices"

func (p *devicesPage) routes() []page.Route {
	return []page.Route{{Path: devicesPath, For: page.SignedIn, Show: p.show, Submit: p.submit}}
}

func (p *devicesPage) show(q *page.Request) error {
	list, err := p.devices.List(q.R.Context(), q.User)
	if err != nil {
		return err
	}
	if id, ok := renamed(q); ok {
		for _, d := range list {
			if d.ID == id {
				return showRename(q, page.Link{To: q.Path(devicesPath), Text: q.T("devices.title")}, id, d.Name, aboutClient(q, d.UserAgent, d.Addr))
			}
		}
	}
	v := entriesView{View: page.View{Title: q.T("devices.title"), Back: backToAccount(q), Intro: []string{q.T("devices.intro")}}}
	if len(list) == 0 {
		v.Intro = []string{q.T("devices.none")}
	}
	others := false
	for _, d := range list {
		v.Entries = append(v.Entries, deviceEntry(q, d))
		others = others || !d.Current
	}
	if others {
		v.Below = []page.Form{endForm(q, devicesPath, "others", "others", q.T("devices.others"))}
	}
	return v.show(q)
}

func deviceEntry(q *page.Request, d authcore.Device) entry {
	e := entry{
		Where: d.Addr, Rename: renameLink(q, devicesPath, d.ID),
		End: endForm(q, devicesPath, d.ID.String(), d.ID.String(), q.T("devices.forget")),
	}
	if d.Current {
		e.Badge = q.T("account.sessions.current")
	}
	name, kind := clientName(q, d.Name, d.UserAgent)
	if e.Name = name; kind != "" {
		e.Lines = append(e.Lines, kind)
	}
	if d.Sessions == 0 {
		e.Lines = append(e.Lines, q.T("devices.signed_out"))
	} else {
		e.Lines = append(e.Lines, q.Count("account.sessions.state", d.Sessions))
	}
	if d.TrustedUntil.After(q.Now()) {
		e.Lines = append(e.Lines, q.T("devices.trusted", "Date", d.TrustedUntil.UTC().Format(time.DateOnly)))
	}
	e.Seen, e.SeenAt = seen(q, d.LastSeenAt)
	if d.Sessions == 0 { // nobody is active there
		e.Seen = minute(d.LastSeenAt)
	}
	return e
}

// submit names a device, or forgets one or all others.
func (p *devicesPage) submit(q *page.Request) error {
	if !q.Form.Has("name") {
		return p.forget(q)
	}
	id, _ := uuid.Parse(q.Form.Get("id")) // the zero one is nobody's
	if _, err := p.devices.Rename(q.R.Context(), q.User, id, q.Form.Get("name")); err != nil {
		return err
	}
	return q.Done(devicesPath, "renamed")
}

// forget forgets one device or all others. One that is not theirs is as good as forgotten.
func (p *devicesPage) forget(q *page.Request) error {
	which := device.Which{Others: q.Form.Get("end") == "others"}
	if !which.Others {
		id, err := uuid.Parse(q.Form.Get("end"))
		if err != nil {
			return authcore.Refuse(authcore.InvalidRequest, "The form does not say which device.")
		}
		which.IDs = []uuid.UUID{id}
	}
	gone, err := p.devices.Forget(q.R.Context(), q.User, which, q.Info.Client)
	if err != nil {
		return err
	}
	if gone.SignedOut {
		q.Info.Cookies().WriteSignedOut(q.W.Header())
		return q.Redirect(q.Path("/signed-out"))
	}
	return q.Done(devicesPath, "forgotten")
}
