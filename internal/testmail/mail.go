// Package testmail reads the mails of an outbox for tests.
package testmail

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Mail is what a mail says.
type Mail struct {
	To, Subject, Text, HTML string
	Code                    string // the code that stands alone on a line, "" for none
	Link                    string // the link with a token, "" for none
	Token                   string // the link's token
}

var (
	codeLine = regexp.MustCompile(`(?m)^([0-9]{6,10})\r?$`)
	linkLine = regexp.MustCompile(`https?://\S+[?&]token=\S+`)
)

// Read reads the file of a mail.
func Read(t testing.TB, raw []byte) Mail {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("reading a mail: %v", err)
	}
	var l Mail
	if l.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatalf("reading a mail's subject: %v", err)
	}
	if to, err := mail.ParseAddress(m.Header.Get("To")); err == nil {
		l.To = to.Address
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatalf("reading a mail: %v", err)
	}
	l.read(t, multipart.NewReader(m.Body, params["boundary"]))
	if m := codeLine.FindStringSubmatch(l.Text); m != nil {
		l.Code = m[1]
	}
	if l.Link = linkLine.FindString(l.Text); l.Link != "" {
		if u, err := url.Parse(l.Link); err == nil {
			l.Token = u.Query().Get("token")
		}
	}
	return l
}

func (l *Mail) read(t testing.TB, parts *multipart.Reader) {
	t.Helper()
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return
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
			l.HTML = string(text)
		} else {
			l.Text = string(text)
		}
	}
}
