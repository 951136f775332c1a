package portal

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// factorsPage is where people add, name and remove second factors.
type factorsPage struct{ factors *factor.Factors }

const (
	factorsPath       = "/account/factors"
	addFactorPath     = "/account/factors/add"
	confirmFactorPath = "/account/factors/confirm"
	removeFactorPath  = "/account/factors/remove"
)

func (p *factorsPage) routes() []page.Route {
	return []page.Route{
		{Path: factorsPath, For: page.SignedIn, Show: p.show, Submit: p.rename},
		{Path: addFactorPath, For: page.SignedIn, Fresh: true, Show: p.show, Submit: p.add, Limit: authcore.LimitVerify},
		{Path: confirmFactorPath, For: page.SignedIn, Show: p.showConfirm, Submit: p.confirm, Limit: authcore.LimitVerify},
		{Path: removeFactorPath, For: page.SignedIn, Fresh: true, Show: p.showRemove, Submit: p.remove},
	}
}

// factorsView is the page: the recovery codes that were just made, the list, and forms to add another.
type factorsView struct {
	page.View
	Codes     []string
	CodesHint string
	Entries   []factorLine
}

type factorLine struct {
	ID, Name       string
	Lines          []string
	Rename, Remove page.Link
}

func (p *factorsPage) show(q *page.Request) error {
	if q.Form == nil && !q.At(factorsPath) {
		return q.Redirect(q.Path(factorsPath))
	}
	all, err := p.factors.List(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	if id, ok := renamed(q); ok && q.At(factorsPath) {
		for _, x := range all {
			if x.ID == id {
				return showRename(q, page.Link{To: q.Path(factorsPath), Text: q.T("factors.title")}, id, x.Name, typeName(q, x.Type))
			}
		}
	}
	v := factorsView{View: page.View{Title: q.T("factors.title"), Back: backToAccount(q), Intro: []string{q.T("factors.intro")}}}
	v.takeCodes(q)
	if len(all) == 0 {
		v.Intro = append(v.Intro, q.T("factors.none"))
	}
	for _, x := range all {
		v.Entries = append(v.Entries, factorLineOf(q, x))
	}
	mail, err := mailFirst(q, p.factors, factorsPath)
	if err != nil {
		return err
	}
	if mail != nil {
		v.Forms = []page.Form{*mail}
	} else {
		v.Forms = addForms(q, factor.At(p.factors, q.Info.Client.Issuer).Offered(), addFactorPath)
	}
	v.Links = []page.Link{{To: q.Path(twoFactorPath), Text: q.T("twofactor.title")}}
	news, err := newsOf(q, p.factors)
	if err != nil {
		return err
	}
	news.Offer = nil // the page has a form for it
	if err := tellPasskeys(q, &v.View, news); err != nil {
		return err
	}
	return q.ShowAs("account_factors.html", &v.View, &v)
}

// codesLength is how many characters a recovery code has without its hyphen.
const codesLength = 10

// keepCodes has the next page show recovery codes: they are shown once, and a form ends in a redirect.
func keepCodes(q *page.Request, codes []string) {
	q.KeepLink(page.RecoveryCodes, strings.ReplaceAll(strings.Join(codes, ""), "-", ""))
}

// takeCodes shows the recovery codes that were made a moment ago.
func (v *factorsView) takeCodes(q *page.Request) {
	kept := q.Link(page.RecoveryCodes)
	if kept == "" || q.Form != nil {
		return
	}
	q.DropLink() // they are shown once
	for ; len(kept) >= codesLength; kept = kept[codesLength:] {
		v.Codes = append(v.Codes, kept[:codesLength/2]+"-"+kept[codesLength/2:codesLength])
	}
	v.CodesHint = q.T("factors.codes.hint")
}

func factorLineOf(q *page.Request, x authcore.Factor) factorLine {
	line := factorLine{
		ID: x.ID.String(), Name: x.Name, Rename: renameLink(q, factorsPath, x.ID),
		Remove: page.Link{To: q.Path(removeFactorPath) + "?id=" + x.ID.String(), Text: q.T("factors.remove")},
	}
	if line.Name == "" {
		line.Name = typeName(q, x.Type)
	} else {
		line.Lines = append(line.Lines, typeName(q, x.Type))
	}
	if to := factor.Masked(x); to != "" {
		line.Lines = append(line.Lines, to)
	}
	if x.Type == authcore.FactorRecovery {
		line.Lines = append(line.Lines, q.Count("factors.codes.left", x.Left))
	}
	line.Lines = append(line.Lines, lastUse(q, x.LastUsedAt))
	return line
}

// lastUse says when something to sign in by was last used.
func lastUse(q *page.Request, at time.Time) string {
	switch d := q.Now().Sub(at); {
	case at.IsZero():
		return q.T("factors.unused")
	case d < 2*time.Minute:
		return q.T("factors.used.now")
	case d < time.Hour:
		return q.Count("factors.used.minutes", int(d/time.Minute))
	case d < 24*time.Hour:
		return q.Count("factors.used.hours", int(d/time.Hour))
	default:
		return q.Count("factors.used.days", int(d/(24*time.Hour)))
	}
}

// factorsState says in a few words how many there are; recovery codes stand in for another one.
func factorsState(q *page.Request, counting []authcore.Factor) string {
	n := 0
	for _, x := range counting {
		if x.Type != authcore.FactorRecovery {
			n++
		}
	}
	if n == 0 {
		return q.T("factors.state.none")
	}
	return q.Count("factors.state", n)
}

func typeName(q *page.Request, t authcore.FactorType) string {
	switch t {
	case authcore.FactorTOTP:
		return q.T("factors.type.totp")
	case authcore.FactorEmail:
		return q.T("factors.type.email")
	case authcore.FactorSMS:
		return q.T("factors.type.sms")
	case authcore.FactorRecovery:
		return q.T("factors.type.recovery")
	case authcore.FactorPasskey:
		return q.T("factors.type.passkey")
	case authcore.FactorSecurityKey:
		return q.T("factors.type.security_key")
	}
	return string(t)
}

// addForms are those that add a factor, one for each of the types.
func addForms(q *page.Request, types []authcore.FactorType, action string) (all []page.Form) {
	for _, t := range types {
		f := page.Form{ID: "add-" + string(t), Action: q.Path(action), Hidden: []page.Hidden{{Name: "type", Value: string(t)}}}
		switch t {
		case authcore.FactorTOTP:
			name := page.TextField(q, "name", "off", "", 100)
			name.Hint = q.T("factors.name.hint")
			f.Title, f.Intro, f.Button, f.Fields = q.T("factors.add.totp"), q.T("factors.add.totp.intro"), q.T("factors.add.totp.button"), []page.Field{name}
		case authcore.FactorEmail:
			to := page.EmailField(q, "")
			to.Optional, to.Hint = q.T("field.optional"), q.T("factors.add.email.hint")
			f.Title, f.Intro, f.Button, f.Fields = q.T("factors.add.email"), q.T("factors.add.email.intro"), q.T("factors.add.send"), []page.Field{to}
		case authcore.FactorSMS:
			to := phoneField(q, "")
			to.Optional, to.Hint = q.T("field.optional"), q.T("factors.add.sms.hint")
			f.Title, f.Intro, f.Button, f.Fields = q.T("factors.add.sms"), q.T("factors.add.sms.intro"), q.T("factors.add.send"), []page.Field{to}
		case authcore.FactorPasskey, authcore.FactorSecurityKey:
			name := page.TextField(q, "name", "off", "", 100)
			name.ID, name.Hint = "name-"+string(t), q.T("factors.name.hint")
			f.Title, f.Intro, f.Button = q.T("factors.add."+string(t)), q.T("factors.add."+string(t)+".intro"), q.T("factors.add."+string(t)+".button")
			f.Fields = []page.Field{name}
		case authcore.FactorRecovery:
			f.Title, f.Intro, f.Button, f.Quiet = q.T("factors.add.recovery"), q.T("factors.add.recovery.intro"), q.T("factors.add.recovery.button"), true
		default:
			continue
		}
		all = append(all, f)
	}
	return all
}

func (p *factorsPage) rename(q *page.Request) error {
	id, _ := uuid.Parse(q.Form.Get("id")) // the zero one is nobody's
	if _, err := p.factors.Rename(q.R.Context(), q.User.AccountID, id, q.Form.Get("name")); err != nil {
		return err
	}
	return q.Done(factorsPath, "renamed")
}

func (p *factorsPage) add(q *page.Request) error {
	added, err := p.factors.Add(q.R.Context(), factor.AddInput{
		AccountID: q.User.AccountID, Type: authcore.FactorType(q.Form.Get("type")), Name: q.Form.Get("name"), Email: q.Form.Get("email"),
		Phone: q.Form.Get("phone"), SignIn: factor.SignInOf(q.User), Client: q.Info.Client,
	})
	if err != nil {
		return err
	}
	if added.Codes != nil {
		keepCodes(q, added.Codes)
		return q.Done(factorsPath, "codes_made")
	}
	q.KeepLink(page.FactorLink, added.Factor.ID.String())
	return q.Redirect(q.Path(confirmFactorPath))
}

// showConfirm shows what confirms a factor to the browser that adds it: whoever has another session of the account must not read the seed
// of an app that its owner is about to trust.
func (p *factorsPage) showConfirm(q *page.Request) error {
	id, _ := uuid.Parse(q.Link(page.FactorLink))
	added, err := p.factors.Show(q.R.Context(), q.User.AccountID, id, q.Info.Client)
	if authcore.CodeOf(err) == authcore.NotFound {
		q.DropLink() // it has lapsed
		return q.Redirect(q.Path(factorsPath))
	}
	if err != nil {
		return err
	}
	status, err := p.factors.Status(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	v := confirmView{View: page.View{Title: q.T("factors.confirm.title"), Back: &page.Link{To: q.Path(factorsPath), Text: q.T("factors.title")}}}
	v.ask(q, added, confirmFactorPath)
	if !status.Enabled {
		v.Forms[0].Fields = append(v.Forms[0].Fields, page.Checkbox(q, "enable_2fa", true))
	}
	return q.ShowAs("account_factor.html", &v.View, &v)
}

// spaced is a seed in groups of four, as people type it.
func spaced(seed string) string {
	var out strings.Builder
	for i, r := range seed {
		if i > 0 && i%4 == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(r)
	}
	return out.String()
}

func (p *factorsPage) confirm(q *page.Request) error {
	id, _ := uuid.Parse(q.Link(page.FactorLink))
	done, err := p.factors.Confirm(q.R.Context(), factor.ConfirmInput{
		AccountID: q.User.AccountID, FactorID: id, Code: q.Form.Get("otp"), Credential: credentialOf(q), Enable: q.Form.Get("enable_2fa") != "", Client: q.Info.Client,
	})
	if err != nil {
		return err
	}
	q.DropLink()
	if done.Codes != nil {
		keepCodes(q, done.Codes)
	}
	return q.Done(factorsPath, "factor_added")
}

// showRemove asks whether a factor is to be removed.
func (p *factorsPage) showRemove(q *page.Request) error {
	text := q.R.URL.Query().Get("id")
	if q.Form != nil {
		text = q.Form.Get("id")
	}
	id, _ := uuid.Parse(text)
	x, err := p.factors.Get(q.R.Context(), q.User.AccountID, id)
	if authcore.CodeOf(err) == authcore.NotFound {
		return q.Redirect(q.Path(factorsPath))
	}
	if err != nil {
		return err
	}
	line := factorLineOf(q, x)
	return q.Show(page.View{
		Title: q.T("factors.remove.title", "Name", line.Name), Back: &page.Link{To: q.Path(factorsPath), Text: q.T("factors.title")},
		Intro: append(line.Lines, q.T("factors.remove.intro")),
		Forms: []page.Form{{ID: "remove-form", Action: q.Path(removeFactorPath), Hidden: []page.Hidden{{Name: "id", Value: x.ID.String()}}, Button: q.T("factors.remove")}},
	})
}

func (p *factorsPage) remove(q *page.Request) error {
	id, _ := uuid.Parse(q.Form.Get("id"))
	if err := p.factors.Remove(q.R.Context(), q.User.AccountID, id, q.Info.Client); err != nil {
		return err
	}
	return q.Done(factorsPath, "factor_removed")
}
