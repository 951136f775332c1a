package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	mail "github.com/wneessen/go-mail"
)

// Letter is a rendered mail.
type Letter struct {
	ID        uuid.UUID // of the row of the outbox
	From      string    // plain address
	To        string    // plain address
	Subject   string
	Text      string // lines end in \n
	HTML      string // lines end in \n
	Date      time.Time
	MessageID string // without angle brackets; the same each time this mail is tried
	// Again says that an earlier try may have got through although its result was lost.
	Again bool
}

// Sender brings a letter out of the house.
type Sender interface {
	// Send returns nil once somebody else answers for the letter. It honours ctx, may be
	// called concurrently, and is called again later after an error, unless that wraps
	// [ErrRefused].
	Send(ctx context.Context, l Letter) error
}

// ErrRefused is returned by a [Sender] for a letter that no further try will bring out.
var ErrRefused = errors.New("mail refused for good")

// maxLine is the longest line without its end that a mail may have (RFC 5322 §2.1.1).
const maxLine = 998

// WriteTo writes the letter as an Internet message (RFC 5322) with a text and an HTML
// part. Neither part is encoded unless a line is too long, so that codes and links stand
// in it as they are.
func (l Letter) WriteTo(w io.Writer) (int64, error) {
	for _, address := range []string{l.From, l.To} {
		if err := CheckAddress(address); err != nil {
			return 0, fmt.Errorf("writing a letter: %w", err)
		}
	}
	if !printable(l.Subject, maxLine) || !printable(l.MessageID, maxLine) {
		return 0, errors.New("writing a letter: a header is not one line")
	}
	m := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.NoEncoding), mail.WithNoDefaultUserAgent())
	if err := m.From(l.From); err != nil {
		return 0, errors.New("writing a letter: sender refused") // its own error quotes the address
	}
	if err := m.To(l.To); err != nil {
		return 0, errors.New("writing a letter: recipient refused")
	}
	m.Subject(l.Subject)
	m.SetDateWithValue(l.Date)
	m.SetMessageIDWithValue(l.MessageID)
	// RFC 3834: no robot is to answer this one.
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetBodyString(mail.TypeTextPlain, crlf(l.Text), mail.WithPartEncoding(encoding(l.Text)))
	m.AddAlternativeString(mail.TypeTextHTML, crlf(l.HTML), mail.WithPartEncoding(encoding(l.HTML)))
	n, err := m.WriteTo(w)
	if err != nil {
		return n, fmt.Errorf("writing a letter: %w", err)
	}
	return n, nil
}

func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

// encoding leaves s as it is unless a line is too long for that. It never returns 7bit,
// which go-mail takes for quoted-printable: that breaks links.
func encoding(s string) mail.Encoding {
	for line := range strings.Lines(s) {
		if len(line) > maxLine {
			return mail.EncodingQP
		}
	}
	return mail.NoEncoding
}
