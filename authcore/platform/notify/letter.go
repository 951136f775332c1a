package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/google/uuid"
	mail "github.com/wneessen/go-mail"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Letter is a rendered mail.
type Letter struct {
	ID        uuid.UUID         // of the row of the outbox
	From      string            // plain address
	FromName  string            // shown beside it; may be empty
	To        string            // plain address
	Kind      authcore.MailKind // may be empty
	Subject   string
	Text      string // lines end in \n
	HTML      string // lines end in \n
	Lang      string // BCP 47; may be empty
	Date      time.Time
	MessageID string // without angle brackets; the same each time this mail is tried
	// Again says that an earlier try may have got through although its result was lost.
	Again bool
}

// Sender brings letters out of the house.
type Sender interface {
	// Send returns nil once somebody else answers for the letter. It honours ctx, may be
	// called concurrently, and is called again later after an error, unless that wraps
	// [ErrRefused]. An error that wraps [ErrAway] keeps the letters behind this one waiting.
	Send(ctx context.Context, l Letter) error
}

// Rester is a [Sender] that keeps something open between letters.
type Rester interface {
	// Rest closes what is kept open. It is called when there is nothing more to send, never while Send runs, and again and
	// again: with nothing open it does nothing. It takes a moment at most, and does not fail; Send opens anew.
	Rest()
}

// Receipter is a [Sender] that tells what became of a letter.
type Receipter interface {
	// Deliver is Send, and returns the mail server's answer, or where the letter lies.
	Deliver(ctx context.Context, l Letter) (receipt string, err error)
}

// Reacher is a [Sender] that knows of addresses which it cannot send to.
type Reacher interface {
	// CanReach returns false for an address to which every letter would be refused. It does not wait, may be called
	// concurrently, and returns true where nothing is known.
	CanReach(address string) bool
}

var (
	// ErrRefused is returned by a [Sender] or [SMSSender] for a letter that no further try will bring out.
	ErrRefused = errors.New("mail refused for good")
	// ErrAway is returned by a [Sender] or [SMSSender] that could bring out no other letter now either.
	ErrAway = errors.New("mail server away")
)

const (
	// maxLine is the longest line without its end that a mail may have (RFC 5322 §2.1.1).
	maxLine = 998
	maxLang = 35 // BCP 47 §4.4.1
)

// WriteTo writes the letter as an Internet message (RFC 5322) with a text and an HTML
// part. Neither part is encoded unless a line is too long, so that codes and links stand
// in it as they are.
func (l Letter) WriteTo(w io.Writer) (int64, error) { return l.write(w, true) }

// write is WriteTo. Without eightBit it writes ASCII alone, for a server that takes nothing
// else (RFC 6152).
func (l Letter) write(w io.Writer, eightBit bool) (int64, error) {
	for _, address := range []string{l.From, l.To} {
		if err := CheckAddress(address); err != nil {
			return 0, fmt.Errorf("writing a letter: %w", err)
		}
	}
	if !printable(l.Subject, maxLine) || !printable(l.MessageID, maxLine) || !printable(l.FromName, maxName) || !printable(l.Lang, maxLang) ||
		!printable(string(l.Kind), maxName) {
		return 0, errors.New("writing a letter: a header is not one line")
	}
	m := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.NoEncoding), mail.WithNoDefaultUserAgent())
	from := netmail.Address{Name: l.FromName, Address: l.From} // go-mail would not quote the name
	if err := m.From(from.String()); err != nil {
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
	if l.Kind != "" {
		m.SetGenHeader("Gatehouse-Mail", string(l.Kind)) // for filters and programs; it says nothing that the subject does not
	}
	if l.Lang != "" {
		m.SetGenHeader("Content-Language", l.Lang) // RFC 3282
	}
	m.SetBodyString(mail.TypeTextPlain, crlf(l.Text), mail.WithPartEncoding(encoding(l.Text, eightBit)))
	m.AddAlternativeString(mail.TypeTextHTML, crlf(l.HTML), mail.WithPartEncoding(encoding(l.HTML, eightBit)))
	n, err := m.WriteTo(w)
	if err != nil {
		return n, fmt.Errorf("writing a letter: %w", err)
	}
	return n, nil
}

func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

// encoding leaves s as it is unless a line is too long for that, or it is not ASCII and has
// to be. It never returns 7bit, which go-mail takes for quoted-printable: that breaks links.
func encoding(s string, eightBit bool) mail.Encoding {
	if !eightBit && !isASCII(s) {
		return mail.EncodingQP
	}
	for line := range strings.Lines(s) {
		if len(line) > maxLine {
			return mail.EncodingQP
		}
	}
	return mail.NoEncoding
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}
