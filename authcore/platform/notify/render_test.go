package notify_test

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

// rendered sends a message and returns its letter.
func rendered(t *testing.T, m authcore.Message, templates ...notify.Templates) (l notify.Letter) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, templates...)
		h.post(t, m)
		stop := h.run(t)
		synctest.Wait()
		l = h.sender.only(t)
		stop()
	})
	return l
}

func everyKind() []authcore.MailKind {
	return []authcore.MailKind{authcore.MailVerify, authcore.MailAccountExists, authcore.MailReset, authcore.MailPasswordReset, authcore.MailSessionRevoked, authcore.MailNewDevice}
}

func TestRender_EveryKind(t *testing.T) {
	t.Parallel()
	for _, kind := range everyKind() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			m := verify()
			m.Kind, m.Addr, m.Device, m.At = kind, "192.0.2.7", "Firefox, Linux", time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
			coded := kind == authcore.MailVerify || kind == authcore.MailReset
			l := rendered(t, m)
			lines := strings.Split(l.Text, "\n")
			for _, want := range []string{"Hello Bob,", m.Link, "Example"} {
				if !slices.Contains(lines, want) {
					t.Errorf("no line %q in\n%s", want, l.Text)
				}
			}
			if coded && (!slices.Contains(lines, "123456") || !strings.Contains(strings.Join(lines, " "), "10 minutes")) {
				t.Errorf("no code alone on a line, or no expiry, in\n%s", l.Text)
			}
			if !coded && strings.Contains(l.Text+l.HTML, "123456") {
				t.Errorf("a code in\n%s", l.Text)
			}
			for _, line := range lines {
				if len(line) > 76 && line != m.Link {
					t.Errorf("line of %d characters: %s", len(line), line)
				}
			}
			for _, want := range []string{"Hello Bob,", `href="` + m.Link + `"`, "Example", "</html>"} {
				if !strings.Contains(l.HTML, want) {
					t.Errorf("no %q in\n%s", want, l.HTML)
				}
			}
			for _, remote := range []string{"<img", "src=", "<script", "@import", "url("} {
				if strings.Contains(l.HTML, remote) {
					t.Errorf("%s in the HTML part", remote)
				}
			}
			if strings.Contains(l.Text+l.HTML+l.Subject, "{{") || strings.Contains(l.Text, "\n\n\n") || strings.Contains(l.Text+l.HTML, "ZgotmplZ") {
				t.Errorf("untidy:\n%s\n%s", l.Text, l.HTML)
			}
			if caused := strings.Contains(l.Text, "Network address: 192.0.2.7\n"); caused == (kind == authcore.MailVerify || kind == authcore.MailAccountExists) {
				t.Errorf("cause shown: %v, in\n%s", caused, l.Text)
			}
		})
	}
}

// TestRender_AnotherOnesWords: whoever registers with a stranger's address must not
// choose what the stranger can click on or type in.
func TestRender_AnotherOnesWords(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"visit https://evil.example", "www.evil", "evil.example", "Bob evil.example/x", "a@evil.example", "Bob\n\n999999", "Bob 999999", "Bob\u2028999999", "tel:123", strings.Repeat("x", 201), "Bob\u202e",
	} {
		m := verify()
		m.Name = name
		l := rendered(t, m)
		if !strings.HasPrefix(l.Text, "Hello,\n") || strings.Contains(l.Text+l.HTML, "evil") || strings.Contains(l.Text+l.HTML, "999999") {
			t.Errorf("%q stands in the mail:\n%.80s", name, l.Text)
		}
	}
	for _, name := range []string{"Bob", "Mary-Jane O'Neil Jr.", "Zoë Ångström", "李小龍", "Dr. Müller"} {
		m := verify()
		m.Name = name
		if l := rendered(t, m); !strings.HasPrefix(l.Text, "Hello "+name+",\n") {
			t.Errorf("%q is not greeted:\n%.80s", name, l.Text)
		}
	}
}

// TestB07_MailHTML: what users wrote is escaped in the HTML part and never a template.
func TestB07_MailHTML(t *testing.T) {
	t.Parallel()
	for _, word := range []string{`<b onclick=alert(1)>`, `"><i>`, `'--><svg>`, `{{.Brand}}`, `&lt;`} {
		m := verify()
		m.Kind, m.Code, m.Name, m.Device, m.Addr = authcore.MailSessionRevoked, "", word, word, word
		l := rendered(t, m)
		if strings.Contains(l.HTML, word) || strings.Contains(l.HTML, "<b ") || strings.Contains(l.HTML, "<svg") || strings.Contains(l.HTML, "Hello Example") {
			t.Errorf("%q stands unescaped in\n%s", word, l.HTML)
		}
	}
	m := verify()
	m.Name = "<b>Bob"
	if l := rendered(t, m); !strings.Contains(l.HTML, "Hello &lt;b&gt;Bob,") {
		t.Errorf("not escaped but something else:\n%s", l.HTML)
	}
}

func TestLetter_IsAnInternetMessage(t *testing.T) {
	t.Parallel()
	m := verify()
	m.Name = "Zoë"
	l := rendered(t, m)
	var raw bytes.Buffer
	if _, err := l.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ReplaceAll(raw.String(), "\r\n", ""), "\n") {
		t.Error("a line does not end in CRLF")
	}
	if !strings.Contains(raw.String(), "\r\n123456\r\n") || !strings.Contains(raw.String(), "\r\n"+m.Link+"\r\n") {
		t.Errorf("code or link cannot be found as they are in\n%s", raw.String())
	}
	parsed, err := mail.ReadMessage(&raw)
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"To": "<bob@example.org>", "From": `"Example" <no-reply@auth.example.com>`, "Content-Language": "en", "Message-Id": "<" + l.MessageID + ">", "Gatehouse-Mail": "verify_email", "Subject": "Confirm your e-mail address for Example", "Auto-Submitted": "auto-generated",
	} {
		if got := parsed.Header[header]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %q, want %q", header, got, want)
		}
	}
	for _, header := range []string{"Bcc", "Cc", "User-Agent", "X-Mailer"} {
		if got := parsed.Header.Get(header); got != "" {
			t.Errorf("%s is %q", header, got)
		}
	}
	if date, err := parsed.Header.Date(); err != nil || date.Sub(l.Date).Abs() > time.Second {
		t.Errorf("date is %v, %v", date, err)
	}
	order, parts := partsOf(t, parsed)
	if !slices.Equal(order, []string{"text/plain", "text/html"}) || parts["text/plain"] != l.Text || parts["text/html"] != l.HTML {
		t.Errorf("parts %v do not say what the letter says:\n%q\n%q", order, parts["text/plain"], l.Text)
	}
}

// partsOf returns the parts of a mail by content type, and their order.
func partsOf(t *testing.T, m *mail.Message) (order []string, parts map[string]string) {
	t.Helper()
	parts = map[string]string{}
	mediaType, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/alternative" {
		t.Fatalf("content type is %q, %v", mediaType, err)
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return order, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil || params["charset"] != "UTF-8" {
			t.Errorf("part is %s in %q, %v", kind, params["charset"], err)
		}
		order = append(order, kind)
		parts[kind] = strings.ReplaceAll(string(body), "\r\n", "\n")
	}
}

func TestLetter_LongLinesAreEncoded(t *testing.T) {
	t.Parallel()
	l := notify.Letter{From: "a@example.com", To: "b@example.com", Subject: "s", MessageID: "i@example.com", Text: strings.Repeat("x", 5000), HTML: "y"}
	var raw bytes.Buffer
	if _, err := l.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(raw.String()) {
		if len(line) > 1000 {
			t.Fatalf("a line of %d bytes was written", len(line))
		}
	}
}

// TestRender_Languages: every kind of mail, whole, in the language asked for.
func TestRender_Languages(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string][3]string{
		"":      {"en", "Hello Bob,", "10 minutes"},
		"en-GB": {"en", "Hello Bob,", "10 minutes"},
		"fr":    {"en", "Hello Bob,", "10 minutes"},
		"de":    {"de", "Guten Tag Bob,", "10 Minuten"},
		"de-AT": {"de", "Guten Tag Bob,", "10 Minuten"},
	} {
		for _, kind := range everyKind() {
			m := verify()
			m.Kind, m.Lang, m.Addr, m.Device, m.At = kind, lang, "192.0.2.7", "Firefox, Linux", time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
			l := rendered(t, m)
			if l.Lang != want[0] || !strings.HasPrefix(l.Text, want[1]+"\n") || !strings.Contains(l.HTML, `<html lang="`+want[0]+`">`) {
				t.Errorf("%s in %q is in %s: %.60q", kind, lang, l.Lang, l.Text)
			}
			if !strings.Contains(l.Text, want[2]) {
				t.Errorf("%s in %q does not say %q:\n%s", kind, lang, want[2], l.Text)
			}
			if german := strings.Contains(l.Text, "01.03.2026, 12:30 UTC"); strings.Contains(l.Text, "192.0.2.7") && german != (want[0] == "de") {
				t.Errorf("the time of %s in %q is written as elsewhere:\n%s", kind, lang, l.Text)
			}
			if strings.ContainsAny(l.Subject+l.Text, "{}") || strings.Contains(l.Text, "<no value>") || strings.Contains(l.Text, " .") {
				t.Errorf("%s in %q is not whole:\n%s", kind, lang, l.Text)
			}
		}
	}
}

// TestRender_Durations: in words of the language, and never more than holds.
func TestRender_Durations(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration][2]string{
		time.Second: {"1 second.", "1 Sekunde lang"}, 59 * time.Second: {"59 seconds", "59 Sekunden"}, 60 * time.Second: {"1 minute.", "1 Minute lang"},
		119 * time.Second: {"1 minute.", "1 Minute lang"}, 90 * time.Minute: {"90 minutes", "90 Minuten"}, time.Hour: {"1 hour.", "1 Stunde lang"},
		24 * time.Hour: {"24 hours", "24 Stunden"}, 48 * time.Hour: {"2 days", "2 Tage lang"},
	} {
		for i, lang := range []string{"en", "de"} {
			m := verify()
			m.Lang, m.Expiry = lang, d
			if l := rendered(t, m); !strings.Contains(l.Text, want[i]) {
				t.Errorf("%v in %s: no %q in\n%s", d, lang, want[i], l.Text)
			}
			m.Expiry, m.LinkExpiry = time.Minute, d
			if l := rendered(t, m); d > time.Minute && (!strings.Contains(l.Text, strings.TrimSuffix(want[i], " lang")) || !strings.Contains(l.Text, "1 "+[]string{"minute", "Minute"}[i])) {
				t.Errorf("code and link in %s: no %q in\n%s", lang, want[i], l.Text)
			}
		}
	}
}

// TestI01_SenderName: whatever the name beside the sender is, it is a name, and the address stays one.
func TestI01_SenderName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{`Acme" <v@example.net>, "x`, `a\b`, "Zoë, <v@example.net>", "=?utf-8?q?x?=", "x (y)", ""} {
		l := notify.Letter{From: "a@example.com", FromName: name, To: "b@example.com", Subject: "s", MessageID: "i@example.com", Text: "x", HTML: "y"}
		var raw bytes.Buffer
		if _, err := l.WriteTo(&raw); err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		m, err := mail.ReadMessage(&raw)
		if err != nil {
			t.Fatal(err)
		}
		if from, err := m.Header.AddressList("From"); err != nil || len(from) != 1 || from[0].Address != l.From || from[0].Name != name {
			t.Errorf("%q: the mail comes from %v, %v: %s", name, from, err, m.Header.Get("From"))
		}
	}
}
