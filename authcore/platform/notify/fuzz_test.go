package notify_test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

var letterSeeds = []struct {
	to, name, subject, lang string
	ok                      bool
}{
	{"ada@example.com", "Example", "Your code", "en", true},
	{"ada@example.com", `Ex "am" <ple>, Ltd.`, "Grüße an Ada", "de-AT", true},
	{"ada@example.com", "", "=?utf-8?q?x?=", "", true},
	{"ada@example.com\r\nBcc: eve@example.com", "", "x", "", false},
	{"ada@example.com, eve@example.com", "", "x", "", false},
	{"Ada <ada@example.com>", "", "x", "", false},
	{"ada@example.com", "Example\r\nBcc: eve@example.com", "x", "", false},
	{"ada@example.com", "", "x\r\nBcc: eve@example.com", "", false},
	{"ada@example.com", "", "x\nBcc: eve@example.com", "", false},
	{"ada@example.com", "", "x", "en\r\nBcc: eve@example.com", false},
	{"ada@example.com", "", "x\x00", "", false},
	{"", "", "x", "", false},
}

// FuzzLetter: what is written as a message has one recipient, the one asked for, one sender, the subject that was meant,
// and no header that is not ours (I01).
func FuzzLetter(f *testing.F) {
	for _, s := range letterSeeds {
		if _, err := written(s.to, s.name, s.subject, s.lang); (err == nil) != s.ok {
			f.Fatalf("%q %q %q %q: %v", s.to, s.name, s.subject, s.lang, err)
		}
		f.Add(s.to, s.name, s.subject, s.lang)
	}
	f.Fuzz(func(t *testing.T, to, name, subject, lang string) {
		text, err := written(to, name, subject, lang)
		if err != nil {
			if len(to) > 8 && strings.Contains(err.Error(), to) {
				t.Fatalf("the error quotes the address %q", to)
			}
			return
		}
		if notify.CheckAddress(to) != nil {
			t.Fatalf("%q is no address and was written to", to)
		}
		m, err := mail.ReadMessage(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for header, values := range m.Header {
			switch header {
			case "Date", "Message-Id", "Mime-Version", "From", "To", "Subject", "Auto-Submitted", "Content-Type", "Content-Language":
			default:
				t.Fatalf("a header %q: %q", header, values)
			}
			if len(values) != 1 {
				t.Fatalf("%d headers %s: %q", len(values), header, values)
			}
		}
		for header, want := range map[string]mail.Address{"To": {Address: to}, "From": {Name: name, Address: "no-reply@example.com"}} {
			list, err := m.Header.AddressList(header)
			if err != nil || len(list) != 1 || list[0].Address != want.Address || strings.TrimSpace(list[0].Name) != strings.TrimSpace(want.Name) {
				t.Fatalf("%s: %v, %v, want %+v", header, list, err, want)
			}
		}
		raw := m.Header.Get("Subject")
		decoded, err := new(mime.WordDecoder).DecodeHeader(raw)
		// What looks like an encoded word (RFC 2047) is not taken apart: subjects are of our own wording.
		if strings.ContainsAny(raw, "\r\n") || !strings.Contains(subject, "=?") && (err != nil || strings.TrimSpace(decoded) != strings.TrimSpace(subject)) {
			t.Fatalf("subject %q: %q, %v", subject, decoded, err)
		}
		checkParts(t, m)
	})
}

func written(to, name, subject, lang string) ([]byte, error) {
	var out bytes.Buffer
	_, err := notify.Letter{
		From: "no-reply@example.com", FromName: name, To: to, Subject: subject, Lang: lang, MessageID: "1@example.com",
		Date: time.Unix(1_800_000_000, 0).UTC(), Text: "one\ntwo\n", HTML: "<p>one</p>\n",
	}.WriteTo(&out)
	return out.Bytes(), err
}

func checkParts(t *testing.T, m *mail.Message) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%q: %v", m.Header.Get("Content-Type"), err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []string{"one\r\ntwo\r\n", "<p>one</p>\r\n"} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(part); err != nil || strings.TrimSpace(string(body)) != strings.TrimSpace(want) {
			t.Fatalf("a part holds %q, %v", body, err)
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Fatalf("a third part: %v", err)
	}
}
