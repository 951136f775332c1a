package browser

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// letter is a mail from the outbox.
type letter struct {
	subject, text, html string
	code                string // the code that stands alone on a line, "" for none
	link                string // the link with a token, "" for none
	token               string // the link's token
}

var (
	codeLine = regexp.MustCompile(`(?m)^([0-9]{6,10})\r?$`)
	linkLine = regexp.MustCompile(`https?://\S+[?&]token=\S+`)
)

// mail waits for the nth letter to an address.
func (g *gateway) mail(t testing.TB, address string, n int) letter {
	t.Helper()
	var got []letter
	eventually(t, func() string { return "a mail to " + address }, func() bool {
		got = g.mails(t, address)
		return len(got) >= n
	})
	return got[n-1]
}

func (g *gateway) mails(t testing.TB, address string) []letter {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(g.Dir, ".gatehouse", "outbox", "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var out []letter
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatalf("reading a mail: %v", err)
		}
		if to, err := mail.ParseAddress(m.Header.Get("To")); err == nil && to.Address == address {
			if l := readLetter(t, m); !l.newSignIn() {
				out = append(out, l)
			}
		}
	}
	return out
}

// newSignIn reports whether the mail is of the kind that most tests do not ask for: each of their browsers is new to the account.
func (l letter) newSignIn() bool {
	return strings.HasPrefix(l.subject, "New sign-in") || strings.HasPrefix(l.subject, "Neue Anmeldung")
}

func readLetter(t testing.TB, m *mail.Message) letter {
	t.Helper()
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatalf("reading a mail's subject: %v", err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatalf("reading a mail: %v", err)
	}
	l := letter{subject: subject}
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("reading a mail: %v", err)
		}
		var r io.Reader = part
		if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
			r = quotedprintable.NewReader(part)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("reading a mail: %v", err)
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			l.html = string(text)
		} else {
			l.text = string(text)
		}
	}
	if m := codeLine.FindStringSubmatch(l.text); m != nil {
		l.code = m[1]
	}
	if l.link = linkLine.FindString(l.text); l.link != "" {
		if u, err := url.Parse(l.link); err == nil {
			l.token = u.Query().Get("token")
		}
	}
	return l
}
