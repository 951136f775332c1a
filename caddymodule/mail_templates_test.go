package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testsmtp"
)

// TestOption_mail_templates: mails are worded as the folder says, and what is broken in it is an error with file and line.
func TestOption_mail_templates(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("GATEHOUSE_TEST_MAILS", folder)
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("account_exists.en.txt", "Subject: At {{.Brand}} already\n\nGo to {{.Link}} now.\n")
	cfg, err := settingsFrom(t, "mail_templates {env.GATEHOUSE_TEST_MAILS}").resolve()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.NewSealer(secret.FromString(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	server := testsmtp.Start(t, testsmtp.Setup{})
	d := deliveryFrom(t, "mail smtp smtp://"+server.Addr+"?starttls=off {\n\tfrom a@example.com\n}", t.TempDir())
	e := testflow.New(t, testflow.Options{})
	n, err := notifierFor(cfg, d, SMSDelivery{}, e.Store, sealer, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	mail, err := n.Compose(authcore.Message{Kind: authcore.MailAccountExists, To: "bob@example.org", Link: "https://auth.example.com/auth"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Store.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{mail}}); err != nil {
		t.Fatal(err)
	}
	runUntil(t, n, func() bool { return len(server.Mails()) == 1 })
	text := string(server.Mails()[0].Content)
	if !strings.Contains(text, "\r\nGo to https://auth.example.com/auth now.\r\n") || !strings.Contains(text, "Subject: At Gatehouse already\r\n") {
		t.Errorf("the mail says\n%s", text)
	}

	before := settingsFrom(t, "mail_templates {env.GATEHOUSE_TEST_MAILS}").MailTemplatesDigest
	put("account_exists.en.txt", "Subject: At {{.Brand}} already\n\nGo to {{.Link}} at once.\n")
	if after := settingsFrom(t, "mail_templates {env.GATEHOUSE_TEST_MAILS}").MailTemplatesDigest; before == "" || after == before { // Caddy loads nothing that has not changed
		t.Errorf("a reload does not see that a template has changed: %q, %q", before, after)
	}
	put("verify_email.de.html", "<p>{{.Code}} {{.Link}}</p>\n<p>{{.Nothing}}</p>")
	_, err = settingsFrom(t, "mail_templates "+folder).resolve()
	if err == nil || !strings.Contains(err.Error(), "mail_templates: "+folder+": verify_email.de.html:2: ") {
		t.Errorf("a broken template: %v", err)
	}
	_, err = settingsFrom(t, "mail_templates "+filepath.Join(folder, "none")).resolve()
	if err == nil || !strings.Contains(err.Error(), "mail_templates") {
		t.Errorf("a folder that is not there: %v", err)
	}
}
