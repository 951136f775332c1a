package portal

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// passkeyScript has the browser ask for a passkey or security key, and sends what it answers as a form. Forms for it are hidden from
// browsers that run no scripts or know no passkeys.
//
//go:embed passkey.js
var passkeyScript string

// The policy lets that script run, and ask for options of a sign-in.
var passkeyPolicy = strings.Replace(page.Policy, "; ", "; script-src 'sha256-"+digestOf(passkeyScript)+"'; connect-src 'self'; ", 1)

// withPasskeys adds the script to a page. without is what browsers that run no scripts show in place of the form; "" for nothing.
func withPasskeys(q *page.Request, v *page.View, without string) {
	q.W.Header().Set("Content-Security-Policy", passkeyPolicy)
	script := `<script type="module">` + passkeyScript + `</script>`
	if without != "" {
		script = "<noscript><p>" + template.HTMLEscapeString(without) + "</p></noscript>" + script
	}
	v.Script = template.HTML(script) //nolint:gosec // it is ours, and what is not is escaped
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
