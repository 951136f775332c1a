package caddymodule

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testsmtp"
)

func TestMain(m *testing.M) {
	testsmtp.Main()
	os.Exit(m.Run())
}

// written puts text into a file and returns its path.
func written(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func aLetter(d Delivery) notify.Letter {
	return notify.Letter{ID: uuid.New(), From: d.From, FromName: d.FromName, To: "bob@example.org", Subject: "Hello", Text: "Hello\n",
		HTML: "<p>Hello</p>\n", Date: time.Now(), MessageID: "1@example.com"}
}

// TestOption_mail_smtp_from: mails come from the address, under the name.
func TestOption_mail_smtp_from(t *testing.T) {
	t.Parallel()
	server := testsmtp.Start(t, testsmtp.Setup{})
	for from, want := range map[string]string{
		`"Example <no-reply@example.com>"`: `From: "Example" <no-reply@example.com>`,
		`ops@example.com`:                  `From: <ops@example.com>`,
	} {
		d := deliveryFrom(t, "mail smtp smtp://"+server.Addr+"?starttls=off {\n\tfrom "+from+"\n}", t.TempDir())
		if err := d.Sender.Send(t.Context(), aLetter(d)); err != nil {
			t.Fatal(err)
		}
		mails := server.Mails()
		if m := mails[len(mails)-1]; m.From != d.From || !strings.Contains(string(m.Content), "\r\n"+want+"\r\n") {
			t.Errorf("from %s: the mail comes from %s and says\n%s", from, m.From, m.Content)
		}
	}
}

// TestOption_mail_smtp_password: it signs in, and without it a server that wants that takes nothing.
func TestOption_mail_smtp_password(t *testing.T) {
	t.Parallel()
	ca := testsmtp.NewAuthority(t)
	cert, key := ca.Issue(t, "127.0.0.1")
	server := testsmtp.Start(t, testsmtp.Setup{TLS: "starttls", Cert: cert, Key: key, Mechanisms: []string{"PLAIN"},
		User: "relay@example.com", Password: "open sesame"})
	block := " {\n\tfrom a@example.com\n\tca " + written(t, ca.PEM) + "\n"
	d := deliveryFrom(t, "mail smtp smtp://relay%40example.com@"+server.Addr+block+"\tpassword {file."+written(t, []byte("open sesame\n"))+"}\n}", t.TempDir())
	if err := d.Sender.Send(t.Context(), aLetter(d)); err != nil {
		t.Fatal(err)
	}
	if m := server.Mails(); len(m) != 1 || m[0].User != "relay@example.com" || !m[0].TLS {
		t.Errorf("the server took %+v", m)
	}
	d = deliveryFrom(t, "mail smtp smtp://"+server.Addr+block+"}", t.TempDir())
	if err := d.Sender.Send(t.Context(), aLetter(d)); err == nil {
		t.Error("a mail went out without signing in")
	}
}

// TestOption_mail_smtp_timeout: it bounds one letter.
func TestOption_mail_smtp_timeout(t *testing.T) {
	t.Parallel()
	const line = "mail smtp smtp://localhost {\n\tfrom a@example.com\n"
	if d := deliveryFrom(t, line+"\ttimeout 45s\n}", t.TempDir()); d.Timeout != 45*time.Second {
		t.Errorf("the time of one letter is %v", d.Timeout)
	}
	if d := deliveryFrom(t, line+"}", t.TempDir()); d.Timeout != 0 {
		t.Errorf("the time of one letter is %v, not the default", d.Timeout)
	}
}

// TestOption_mail_smtp_ca: a private authority is trusted, and then no other.
func TestOption_mail_smtp_ca(t *testing.T) {
	t.Parallel()
	ca, stranger := testsmtp.NewAuthority(t), testsmtp.NewAuthority(t)
	cert, key := ca.Issue(t, "127.0.0.1")
	server := testsmtp.Start(t, testsmtp.Setup{TLS: "implicit", Cert: cert, Key: key})
	for line, good := range map[string]bool{
		"": false, "\tca " + written(t, ca.PEM) + "\n": true, "\tca " + written(t, stranger.PEM) + "\n": false,
	} {
		d := deliveryFrom(t, "mail smtp smtps://"+server.Addr+" {\n\tfrom a@example.com\n"+line+"}", t.TempDir())
		if err := d.Sender.Send(t.Context(), aLetter(d)); (err == nil) != good {
			t.Errorf("with %q: %v", line, err)
		}
	}
	if n := len(server.Mails()); n != 1 {
		t.Errorf("%d mails went out", n)
	}
}

// TestOption_brand: mails call the site by its name, and come under it.
func TestOption_brand(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{"": "Gatehouse", `brand "Acme & Söhne"`: "Acme & Söhne"} {
		cfg, err := settingsFrom(t, line).resolve()
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
		mail, err := n.Compose(authcore.Message{Kind: authcore.MailAccountExists, To: "bob@example.org"})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Store.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{mail}}); err != nil {
			t.Fatal(err)
		}
		runUntil(t, n, func() bool { return len(server.Mails()) == 1 })
		text := string(server.Mails()[0].Content)
		if !strings.Contains(text, "\r\n"+want+"\r\n") || !strings.Contains(text, "already have an account at") {
			t.Errorf("with %q the mail says\n%s", line, text)
		}
	}
}

// TestMailSMTP_JSON: a JSON configuration is judged like a Caddyfile, before and after placeholders are read. No error
// shows a password.
func TestMailSMTP_JSON(t *testing.T) {
	const hidden = "hunter2-hunter2"
	t.Setenv("GATEHOUSE_TEST_URL", "smtp://relay:"+hidden+"@mail.example.com")
	t.Setenv("GATEHOUSE_TEST_USER", "smtp://relay@mail.example.com")
	t.Setenv("GATEHOUSE_TEST_PASSWORD", hidden)
	t.Setenv("GATEHOUSE_TEST_LIST", "a@example.com, b@example.com")
	const from = `"from": "a@example.com"`
	for text, want := range map[string]string{
		`{` + from + `}`:                                     "URL",
		`{"url": "smtp://mail.example.com"}`:                 "from is required",
		`{"url": "{env.GATEHOUSE_TEST_URL}", ` + from + `}`:  "does not belong in the URL",
		`{"url": "{env.GATEHOUSE_TEST_USER}", ` + from + `}`: "password: the URL names a user",
		`{"url": "smtp://mail.example.com", ` + from + `, "password": "{env.GATEHOUSE_TEST_PASSWORD}"}`:             "no user",
		`{"url": "smtp://relay@mail.example.com", ` + from + `, "password": "` + hidden + `"}`:                      "password: give each secret as",
		`{"url": "smtp://relay@mail.example.com", ` + from + `, "password": "{env.GATEHOUSE_TEST_UNSET}"}`:          "password: {env.GATEHOUSE_TEST_UNSET}",
		`{"url": "smtp://mail.example.com", "from": "{env.GATEHOUSE_TEST_LIST}"}`:                                   "from: ",
		`{"url": "smtp://mail.example.com", ` + from + `, "timeout": "6m"}`:                                         "timeout: ",
		`{"url": "smtp://mail.example.com", ` + from + `, "ca": "/nowhere/ca.pem"}`:                                 "ca: ",
		`{"url": "smtp://relay@localhost?starttls=off", ` + from + `, "password": "{env.GATEHOUSE_TEST_PASSWORD}"}`: "only over TLS",
		`{"url": "{env.GATEHOUSE_TEST_USER}", ` + from + `, "password": "{env.GATEHOUSE_TEST_PASSWORD}"}`:           "",
		`{"url": "smtps://relay@mail.example.com:2465", ` + from + `, "password": "{env.GATEHOUSE_TEST_PASSWORD}"}`: "",
		`{"url": "smtp://[::1]?starttls=off", "from": "Zo\u00eb <a@example.com>"}`:                                  "",
	} {
		s := new(SMTP)
		if err := json.Unmarshal([]byte(text), s); err != nil {
			t.Fatal(err)
		}
		err := s.Provision(caddy.Context{Context: t.Context()})
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, expected one about %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the password: %v", text, err)
		}
	}
}

// TestMailSMTP_Servers: what a URL means.
func TestMailSMTP_Servers(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]mailServer{
		"smtp://mail.example.com":                   {"mail.example.com", 587, notify.STARTTLS, ""},
		"smtp://ops%40example.com@mail.example.com": {"mail.example.com", 587, notify.STARTTLS, "ops@example.com"},
		"smtp://mail.example.com:2525":              {"mail.example.com", 2525, notify.STARTTLS, ""},
		"smtps://u@mail.example.com":                {"mail.example.com", 465, notify.ImplicitTLS, "u"},
		"smtp://localhost?starttls=off":             {"localhost", 25, notify.Plaintext, ""},
		"smtp://[::1]:25?starttls=off":              {"::1", 25, notify.Plaintext, ""},
	} {
		if got, err := parseMailURL(url); err != nil || got != want {
			t.Errorf("%s means %+v, %v", url, got, err)
		}
	}
	for _, url := range []string{
		"", "mail.example.com", "http://mail.example.com", "smtp://", "smtp:///x", "smtp://mail.example.com/", "smtp://mail.example.com#x",
		"smtp://u:p@mail.example.com", "smtp://u:@mail.example.com", "smtp://mail.example.com?starttls=maybe", "smtps://mail.example.com?starttls=off",
		"smtp://mail.example.com?x=y", "smtp://u@mail.example.com?starttls=off", "smtp://mail.example.com:0", "smtp://mail example.com", "smtp://*.example.com",
	} {
		if got, err := parseMailURL(url); err == nil {
			t.Errorf("%q means %+v, expected an error", url, got)
		}
	}
	for line, warned := range map[string]bool{
		"smtp://mail.example.com?starttls=off": true, "smtp://127.0.0.1?starttls=off": false, "smtp://mail.example.com": false,
	} {
		d := deliveryFrom(t, "mail smtp "+line+" {\n\tfrom a@example.com\n}", t.TempDir())
		if (len(d.Warnings) > 0) != warned {
			t.Errorf("%s warns %q", line, d.Warnings)
		}
	}
}
