package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// conversation is one connection to a mail server. It drives go-mail's protocol client itself
// and not go-mail's Client, which leaves connections open when TLS or AUTH fails, reports a
// letter as failed when only the RSET after it did (it would be sent twice), and takes 4xx
// for the only temporary failures.
type conversation struct {
	conn   *meter
	client *smtp.Client
	begun  bool // the server has been told of the letter
	broken bool // no further letter can be sent
}

const (
	// maxReplies bounds what is read for one letter: a reply line has no end of its own.
	maxReplies = 256 << 10
	leaveTime  = time.Second
)

// meter is a connection from which only so many bytes can be read.
type meter struct {
	net.Conn
	left int
}

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errors.New("the mail server says too much")
	}
	n, err := m.Conn.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

// within lets everything on the connection end with ctx. The function returned ends that.
func (m *meter) within(ctx context.Context) (done func() bool) {
	m.left = maxReplies
	_ = m.SetDeadline(time.Time{})
	return context.AfterFunc(ctx, func() { _ = m.SetDeadline(time.Unix(1, 0)) })
}

// dial connects, greets, encrypts and signs in.
func dial(ctx context.Context, cfg SMTPConfig) (*conversation, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return nil, at(connecting, err)
	}
	c := &conversation{conn: &meter{Conn: conn}}
	defer c.conn.within(ctx)()
	if err := c.open(cfg); err != nil {
		c.close()
		return nil, because(ctx, err)
	}
	return c, nil
}

func (c *conversation) open(cfg SMTPConfig) (err error) {
	secure := &tls.Config{ServerName: cfg.Host, RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12}
	var conn net.Conn = c.conn
	if cfg.Security == ImplicitTLS {
		wrapped := tls.Client(conn, secure)
		if err := wrapped.Handshake(); err != nil {
			return at(negotiating, err)
		}
		conn = wrapped
	}
	if c.client, err = smtp.NewClient(conn, cfg.Host); err != nil {
		return at(greeting, err)
	}
	if err := c.client.Hello(ownName(conn.LocalAddr())); err != nil {
		return at(greeting, err)
	}
	if cfg.Security == STARTTLS {
		// Whoever is on the way can hide the offer: without TLS nothing is sent (RFC 3207 §6).
		if offered, _ := c.client.Extension("STARTTLS"); !offered {
			return at(negotiating, errors.New("the server offers no STARTTLS"))
		}
		if err := c.client.StartTLS(secure); err != nil {
			return at(negotiating, err)
		}
	}
	if cfg.User == "" {
		return nil
	}
	return c.signIn(cfg)
}

// signIn uses the best mechanism that both sides know. None of them shows the password to
// anybody but a server whose certificate is good.
func (c *conversation) signIn(cfg SMTPConfig) error {
	_, offered := c.client.Extension("AUTH")
	known := strings.Fields(strings.ToUpper(offered))
	password := cfg.Password.RevealString()
	var how smtp.Auth
	switch {
	case slices.Contains(known, "SCRAM-SHA-256"):
		how = smtp.ScramSHA256Auth(cfg.User, password)
	case slices.Contains(known, "PLAIN"):
		how = smtp.PlainAuth("", cfg.User, password, cfg.Host, false)
	case slices.Contains(known, "LOGIN"):
		how = smtp.LoginAuth(cfg.User, password, cfg.Host, false)
	default:
		return at(signingIn, errors.New("the server offers none of SCRAM-SHA-256, PLAIN and LOGIN"))
	}
	if err := c.client.Auth(how); err != nil {
		return at(signingIn, conceal(err, cfg.User, password))
	}
	return nil
}

// conceal returns err without the password, plain or as AUTH sends it: the text is the server's, which may quote what it was
// sent, and errors are logged.
func conceal(err error, user, password string) error {
	encode := base64.StdEncoding.EncodeToString
	clean := strings.NewReplacer(encode([]byte("\x00"+user+"\x00"+password)), "[password]", encode([]byte(password)), "[password]",
		password, "[password]").Replace
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return &textproto.Error{Code: reply.Code, Msg: clean(reply.Msg)}
	}
	if text := err.Error(); clean(text) != text {
		return errors.New(clean(text))
	}
	return err
}

// ownName is what EHLO says: a full name or else the address (RFC 5321 §4.1.3), since servers
// refuse names that cannot be one of the Internet.
func ownName(local net.Addr) string {
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") {
		return name
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return "localhost"
	}
	address := at.Addr().Unmap().WithZone("")
	if address.Is6() {
		return "[IPv6:" + address.String() + "]"
	}
	return "[" + address.String() + "]"
}

// send hands over one letter and returns the server's answer to it. Its errors wrap [ErrRefused] or [ErrAway] where that is
// known.
func (c *conversation) send(ctx context.Context, l Letter) (receipt string, err error) {
	defer c.conn.within(ctx)()
	c.begun = false
	receipt, err = c.transfer(l)
	var reply *textproto.Error
	switch {
	case err == nil:
		return receipt, nil
	case errors.Is(err, ErrRefused): // by us: nothing was said
		return "", err
	case !errors.As(err, &reply):
		c.broken = true
		return "", fmt.Errorf("%w: %w", ErrAway, because(ctx, err))
	case !c.begun || ofTheServer(reply.Code):
		c.broken = true
		return "", fmt.Errorf("%w: %w", ErrAway, err)
	}
	c.broken = c.client.Reset() != nil
	if reply.Code/100 == 5 {
		return "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return "", err
}

// ofTheServer reports whether a reply speaks of the server and not of a letter: it closes, or
// it wants us to sign in otherwise (RFC 5321 §3.8, RFC 4954 §6).
func ofTheServer(code int) bool {
	return slices.Contains([]int{421, 454, 530, 534, 535, 538}, code)
}

func (c *conversation) transfer(l Letter) (receipt string, err error) {
	eightBit, _ := c.client.Extension("8BITMIME")
	var body bytes.Buffer
	if _, err := l.write(&body, eightBit); err != nil {
		return "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	beyond := !isASCII(l.From + l.To)
	if beyond && !c.unicode() {
		return "", fmt.Errorf("%w: the server takes ASCII addresses only", ErrRefused)
	}
	// Asked for where it is needed only: a server behind this one may not know it (RFC 6531 §3.2).
	c.client.SkipSMTPUTF8(!beyond)
	if err := c.client.Mail("<" + l.From + ">"); err != nil {
		return "", fmt.Errorf("naming the sender: %w", err)
	}
	c.begun = true
	if err := c.client.Rcpt("<" + l.To + ">"); err != nil {
		return "", fmt.Errorf("naming the recipient: %w", err)
	}
	w, err := c.client.Data()
	if err != nil {
		return "", fmt.Errorf("announcing the content: %w", err)
	}
	if _, err := w.Write(body.Bytes()); err != nil {
		return "", fmt.Errorf("sending the content: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("waiting for the receipt: %w", err)
	}
	if d, ok := w.(*smtp.DataCloser); ok {
		receipt = d.ServerResponse()
	}
	return "250 " + receipt, nil
}

// unicode reports whether the server takes addresses beyond ASCII (RFC 6531).
func (c *conversation) unicode() bool {
	able, _ := c.client.Extension("SMTPUTF8")
	return able
}

// stale reports whether a kept conversation ended before the server was told of the letter.
func (c *conversation) stale(err error) bool { return err != nil && c.broken && !c.begun }

// quit takes leave in the polite way, for a moment.
func (c *conversation) quit() {
	_ = c.conn.SetDeadline(time.Now().Add(leaveTime))
	_ = c.client.Quit()
	c.close()
}

func (c *conversation) close() { _ = c.conn.Close() }

// because adds why an operation on the connection was cut off.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", err, context.Cause(ctx))
	}
	return err
}
