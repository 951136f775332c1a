package notify_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

func folder(files map[string]string) fstest.MapFS {
	f := fstest.MapFS{}
	for name, text := range files {
		f[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return f
}

// Each of our own layouts can be copied into a template: what they use is what the documentation lists.
func TestReadTemplates_TakesOurOwn(t *testing.T) {
	t.Parallel()
	ours := map[string]string{}
	for _, kind := range everyKind() {
		for _, lang := range []string{"en", "de"} {
			ours[string(kind)+"."+lang+".txt"] = "Subject: {{.Subject}}\n\n" + layoutOf(t, "mail.txt")
			ours[string(kind)+"."+lang+".html"] = layoutOf(t, "mail.html")
		}
	}
	if _, err := notify.ReadTemplates(folder(ours)); err != nil {
		t.Error(err)
	}
}

func TestReadTemplates_Fields(t *testing.T) {
	t.Parallel()
	const all = "{{.Brand}}{{.Lang}}{{.Name}}{{.Greeting}}{{.Subject}}{{.Before}}{{.After}}{{.Code}}{{.CodeLabel}}{{.Link}}{{.LinkLabel}}" +
		"{{.Button}}{{.Paste}}{{.Expiry}}{{range .Cause}}{{.Label}}{{.Value}}{{end}}{{.Footer}}"
	if _, err := notify.ReadTemplates(folder(map[string]string{"reset_password.en.txt": all, "reset_password.de.html": all, "README.md": "{{"})); err != nil {
		t.Error(err)
	}
}

// A broken template is told of with its file and line.
func TestReadTemplates_Broken(t *testing.T) {
	t.Parallel()
	for file, c := range map[string]struct{ text, want string }{
		"verify_email.en.txt":     {"{{.Code}} {{.Link}}\n\n{{.Nothing}}", "verify_email.en.txt:3: "},
		"verify_email.de.txt":     {"{{.Code}} {{.Link}}\n{{if}}", "verify_email.de.txt:2: "},
		"reset_password.en.html":  {"<p>{{.Code}}</p>\n<p>{{.Link}</p>", "reset_password.en.html:2: "},
		"reset_password.de.html":  {"<p>{{.Code}}</p>\n<p>{{.Link}}</p>\n<a href=\"", "reset_password.de.html:"},
		"verify_email.en.html":    {"<p>{{.Code}}</p>", "{{.Link}}"},
		"password_changed.en.txt": {"{{.Before}}", "{{.Link}}"},
		"account_secured.en.txt":  {"Subject: {{.Greeting}}\n{{.Code.Nothing}}", "account_secured.en.txt:2: "},
		"session_revoked.en.txt":  {"Subject:\n\n{{.Link}}", "session_revoked.en.txt:1: "},
		"no_such_kind.en.txt":     {"x", "no_such_kind.en.txt"},
		"verify_email.fr.txt":     {"x", "en and de"},
		"verify_email.txt":        {"x", "<kind>.<lang>.txt"},
	} {
		_, err := notify.ReadTemplates(folder(map[string]string{file: c.text}))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), file) {
			t.Errorf("%s: %v, want %q", file, err, c.want)
		}
	}
	if _, err := notify.ReadTemplates(folder(nil)); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
}

// What is not replaced stays ours: the other part, the other language, the other kinds.
func TestTemplates_ReplaceOneAndNoOther(t *testing.T) {
	t.Parallel()
	templates, err := notify.ReadTemplates(folder(map[string]string{
		"verify_email.en.txt":      "Subject: Welcome, {{.Name}}\r\n\r\nYours is {{.Code}}: {{.Link}}\r\n",
		"password_changed.en.html": `<p title="{{.Name}}">{{.Link}}</p>`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	m := verify()
	l := rendered(t, m, templates)
	if l.Subject != "Welcome, Bob" || l.Text != "Yours is 123456: "+m.Link+"\n" || !strings.Contains(l.HTML, "Confirm address") {
		t.Errorf("%q\n%s\n%s", l.Subject, l.Text, l.HTML)
	}
	m.Lang = "de"
	if l := rendered(t, m, templates); !strings.HasPrefix(l.Text, "Guten Tag") {
		t.Errorf("the other language: %s", l.Text)
	}
	m = verify()
	m.Kind, m.Code, m.Name = authcore.MailPasswordReset, "", `"><b>`
	if l := rendered(t, m, templates); !strings.HasPrefix(l.HTML, `<p title="&#34;`) && l.HTML != `<p title="">`+m.Link+"</p>" || !strings.Contains(l.Text, "This was not me") && !strings.Contains(l.Text, "If this was not you") {
		t.Errorf("%s\n%s", l.HTML, l.Text)
	}
}

func layoutOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("templates/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
