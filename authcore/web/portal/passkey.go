package portal

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// passkeyScript has the browser ask for a passkey or security key, and sends what it answers as a form. Forms for it are hidden from
// browsers that run no scripts or know no passkeys. It also tells password managers what became of passkeys, and has a browser that can
// make one after a sign-in with a password; whatever a browser cannot do is left without a word.
//
//go:embed passkey.js
var passkeyScript string

// The policy lets that script run, and call us.
var passkeyPolicy = strings.Replace(page.Policy, "; ", "; script-src 'sha256-"+digestOf(passkeyScript)+"'; connect-src 'self'; ", 1)

// passkeyNews is what the script tells password managers, and what it does unasked. Whatever is nil is left.
type passkeyNews struct {
	Unknown  *unknownSignal  `json:"unknown,omitempty"`
	Accepted *acceptedSignal `json:"accepted,omitempty"`
	Details  *detailsSignal  `json:"details,omitempty"`
	Offer    *passkeyOffer   `json:"offer,omitempty"`
	Onward   bool            `json:"onward,omitempty"` // in the end follow the link of the page
}

// The dictionaries of WebAuthn L3 §5.1.10.
type (
	unknownSignal struct {
		RPID string `json:"rpId"`
		ID   string `json:"credentialId"`
	}
	acceptedSignal struct {
		RPID string   `json:"rpId"`
		User string   `json:"userId"`
		IDs  []string `json:"allAcceptedCredentialIds"`
	}
	detailsSignal struct {
		RPID    string `json:"rpId"`
		User    string `json:"userId"`
		Name    string `json:"name"`
		Display string `json:"displayName"`
	}
)

// passkeyOffer has a browser that can make a passkey by itself do so once in a session.
type passkeyOffer struct {
	To      string `json:"to"` // where factors are added
	Session string `json:"session"`
}

// newsOf is what there is to tell of who is signed in. Right after they have signed in with a password they are offered a passkey, where
// the sign-in may add one.
func newsOf(q *page.Request, factors *factor.Factors) (news passkeyNews, err error) {
	told, any, err := factor.At(factors, q.Info.Client.Issuer).Signals(q.R.Context(), q.User.AccountID)
	if err != nil || !any {
		return news, err
	}
	news.Accepted = &acceptedSignal{told.RPID, told.UserID, told.Credentials}
	news.Details = &detailsSignal{told.RPID, told.UserID, told.Name, told.Name}
	news.Offer, err = offerPasskey(q, factors)
	return news, err
}

// offerPasskey returns nil where nothing is to be offered.
func offerPasskey(q *page.Request, factors *factor.Factors) (*passkeyOffer, error) {
	wanted, err := factor.At(factors, q.Info.Client.Issuer).WantsPasskey(q.R.Context(), q.User.AccountID, factor.SignInOf(q.User))
	if err != nil || !wanted || page.NotFresh(q) != nil {
		return nil, err
	}
	return &passkeyOffer{q.Path("/factors"), q.User.Session}, nil
}

// tellPasskeys adds the script to a page, and what it tells.
func tellPasskeys(q *page.Request, v *page.View, news passkeyNews) error {
	if news == (passkeyNews{}) {
		return nil
	}
	text, err := json.Marshal(news)
	if err != nil {
		return err
	}
	q.W.Header().Set("Content-Security-Policy", passkeyPolicy)
	told := `<div id="passkeys" hidden data-told="` + template.HTMLEscapeString(string(text)) + `"></div>`
	v.Script = template.HTML(told) + passkeyElement //nolint:gosec // it is ours, and what is not is escaped
	return nil
}

var passkeyElement = template.HTML(`<script type="module">` + passkeyScript + `</script>`)

// withPasskeys adds the script to a page. without is what browsers that run no scripts show in place of the form; "" for nothing.
func withPasskeys(q *page.Request, v *page.View, without string) {
	q.W.Header().Set("Content-Security-Policy", passkeyPolicy)
	v.Script = passkeyElement
	if without != "" {
		v.Script = template.HTML("<noscript><p>"+template.HTMLEscapeString(without)+"</p></noscript>") + v.Script //nolint:gosec // what is not ours is escaped
	}
}

// passkeyForm is a form that the script fills in. Options are those of WebAuthn; nil: the script asks for those of a sign-in.
func passkeyForm(q *page.Request, id, action string, options json.RawMessage, button string, more ...page.Hidden) page.Form {
	from := page.Hidden{Name: "from", Value: q.Path("/passkeys/options")}
	if options != nil {
		from = page.Hidden{Name: "options", Value: string(options)}
	}
	return page.Form{ID: id, Action: q.Path(action), Hidden: append([]page.Hidden{{Name: "credential"}, from}, more...), Button: button, Scripted: true}
}

// credentialOf is what the script has filled in; nil for nothing.
func credentialOf(q *page.Request) json.RawMessage { return json.RawMessage(q.Form.Get("credential")) }
