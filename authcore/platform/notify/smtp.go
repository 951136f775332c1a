package notify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Security is how the way to a mail server is kept private.
type Security int

// The ways.
const (
	STARTTLS    Security = iota // RFC 3207, required: a server without it gets no mail
	ImplicitTLS                 // RFC 8314
	Plaintext                   // anybody on the way can read codes and links; AUTH is refused
)

// SMTPConfig says which server takes the mail.
type SMTPConfig struct {
	Host     string // name or address; the server's certificate must be for it
	Port     int
	Security Security
	User     string // for AUTH; "" for none
	Password secret.Value
	Roots    *x509.CertPool // of who may vouch for the server; nil means the system's
}

// SMTP is the [Sender] that hands letters to a mail server (RFC 5321). It is safe for
// concurrent use.
//
// It keeps its connection open from one letter to the next until [SMTP.Rest]. Everything it
// does for a letter ends with the context of that letter, so that a server which hangs costs
// no more than that.
//
// A letter is refused for good by a 5xx reply to its recipient or its content. What a server
// says before it knows those (greeting, TLS, AUTH, sender), any 4xx, and every failure of the
// network may be otherwise next time.
type SMTP struct {
	cfg       SMTPConfig
	asciiOnly atomic.Bool // the server offered no SMTPUTF8 at the latest connection

	mu   sync.Mutex // guards idle
	idle *conversation
}

// NewSMTP checks cfg. It does not connect.
func NewSMTP(cfg SMTPConfig) (*SMTP, error) {
	switch {
	case cfg.Host == "" || cfg.Port < 1 || cfg.Port > 65535:
		return nil, errors.New("smtp: a server needs a host and a port from 1 to 65535")
	case (cfg.User == "") != (cfg.Password.RevealString() == ""):
		return nil, errors.New("smtp: user and password go together")
	case cfg.User != "" && cfg.Security == Plaintext:
		return nil, errors.New("smtp: a password is sent over TLS only")
	}
	return &SMTP{cfg: cfg}, nil
}

// Send implements [Sender].
func (s *SMTP) Send(ctx context.Context, l Letter) error {
	_, err := s.Deliver(ctx, l)
	return err
}

// Deliver implements [Receipter]: the receipt is the server's last reply.
func (s *SMTP) Deliver(ctx context.Context, l Letter) (receipt string, err error) {
	if c := s.take(); c != nil {
		receipt, err := c.send(ctx, l)
		if !c.stale(err) {
			return receipt, s.finish(c, err)
		}
		// The server closed the connection since the last letter, before it was told of this one.
		c.close()
	}
	c, err := dial(ctx, s.cfg)
	if err != nil {
		return "", fmt.Errorf("smtp: %w: %w", ErrAway, err)
	}
	s.asciiOnly.Store(!c.unicode())
	receipt, err = c.send(ctx, l)
	return receipt, s.finish(c, err)
}

// CanReach implements [Reacher]. It goes by the latest connection and does not connect: before the first it is true.
func (s *SMTP) CanReach(address string) bool { return !s.asciiOnly.Load() || isASCII(address) }

// finish keeps the conversation for the next letter if it can go on, and returns the error.
func (s *SMTP) finish(c *conversation, err error) error {
	if c.broken {
		c.close()
	} else {
		s.keep(c)
	}
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	return nil
}

// Rest implements [Rester]: it takes leave of the server.
func (s *SMTP) Rest() {
	if c := s.take(); c != nil {
		c.quit()
	}
}

func (s *SMTP) take() *conversation {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.idle
	s.idle = nil
	return c
}

func (s *SMTP) keep(c *conversation) {
	s.mu.Lock()
	former := s.idle
	s.idle = c
	s.mu.Unlock()
	if former != nil {
		former.quit()
	}
}

// Interface guards
var (
	_ Sender    = (*SMTP)(nil)
	_ Rester    = (*SMTP)(nil)
	_ Receipter = (*SMTP)(nil)
	_ Reacher   = (*SMTP)(nil)
)
