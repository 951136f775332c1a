package caddymodule

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

func init() { caddy.RegisterModule(SMTP{}) }

// SMTP is the mail sender that hands each mail to a mail server.
type SMTP struct {
	// The server: `smtp://[user@]host[:port]` (STARTTLS, port 587) or `smtps://[user@]host[:port]` (TLS from the start,
	// port 465). `smtp://…?starttls=off` sends in clear (port 25). A user is written percent-encoded. May hold {env.*} and
	// {file.*}.
	URL string `json:"url,omitempty"`
	// The address mails come from, with or without a name: `Example <no-reply@example.com>`. May hold {env.*} and
	// {file.*}. Required.
	From string `json:"from,omitempty"`
	// The user's password, as one {env.*} or {file.*}. It is sent over TLS only.
	Password string `json:"password,omitempty"`
	// How long one mail may take, 1s to 5m. Default: 20s.
	Timeout caddy.Duration `json:"timeout,omitempty"`
	// A file with the certificates, in PEM, of who may vouch for the server. Default: the system's list. May hold {env.*}
	// and {file.*}.
	CA string `json:"ca,omitempty"`

	ready    notify.SMTPConfig
	from     mail.Address
	warnings []string
}

// CaddyModule returns the module's information.
func (SMTP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: mailNamespace + ".smtp", New: func() caddy.Module { return new(SMTP) }}
}

// smtpOptions is the block of `mail smtp`.
var smtpOptions = []option[SMTP]{
	{
		name:  "from",
		parse: readText(func(s *SMTP) *string { return &s.From }),
		check: func(s *SMTP) error { return checkFrom(s.From) },
	},
	{
		name:  "password",
		parse: readText(func(s *SMTP) *string { return &s.Password }),
		check: func(s *SMTP) error { return checkMailPassword(s) },
	},
	{
		name:  "timeout",
		parse: readDuration(func(s *SMTP) *caddy.Duration { return &s.Timeout }),
		check: func(s *SMTP) error { return within(s.Timeout, shortest, longestMail) },
	},
	{
		name:  "ca",
		parse: readText(func(s *SMTP) *string { return &s.CA }),
		check: func(s *SMTP) error { return checkPlaceholders(s.CA) },
	},
}

const longestMail = 5 * time.Minute

// UnmarshalCaddyfile reads
//
//	mail smtp <url> {
//		<option> …
//	}
//
// whose options are those of smtpOptions.
func (s *SMTP) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the sender's name
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return d.Err("mail smtp takes one value, the server: mail smtp smtp://mail.example.com { … }")
	}
	s.URL = args[0]
	at := d.Token()
	if err := parseBlock(d, smtpOptions, s); err != nil {
		return fmt.Errorf("mail smtp: %w", err)
	}
	if err := s.check(); err != nil {
		return errorAt(at, err)
	}
	return nil
}

// check judges what is known before the placeholders are read.
func (s *SMTP) check() error {
	if _, err := parseMailURL(s.URL); err != nil {
		return fmt.Errorf("mail smtp: %w", err)
	}
	if s.From == "" {
		return errors.New(`mail smtp: from is required: from "Example <no-reply@example.com>"`)
	}
	if err := checkAll(smtpOptions, s); err != nil {
		return fmt.Errorf("mail smtp: %w", err)
	}
	return nil
}

// Provision reads placeholders and the certificates. It does not connect.
func (s *SMTP) Provision(caddy.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	read := *s
	for _, f := range []struct {
		option string
		value  *string
	}{{"url", &read.URL}, {"from", &read.From}, {"ca", &read.CA}} {
		v, err := readPlaceholders(*f.value)
		if err != nil {
			return fmt.Errorf("mail smtp: %s: %w", f.option, err)
		}
		if hasPlaceholder(v) {
			return fmt.Errorf("mail smtp: %s: the value that was read has a brace in it", f.option)
		}
		*f.value = v
	}
	if err := read.check(); err != nil {
		return err
	}
	if err := s.settle(&read); err != nil {
		return fmt.Errorf("mail smtp: %w", err)
	}
	return nil
}

// settle keeps what read, which is checked and has no placeholder left but the password's, amounts to.
func (s *SMTP) settle(read *SMTP) (err error) {
	server, err := parseMailURL(read.URL)
	if err != nil {
		return err
	}
	from, err := mail.ParseAddress(read.From)
	if err != nil {
		return errors.New("from: it is not an e-mail address")
	}
	s.from = *from
	s.ready = notify.SMTPConfig{Host: server.host, Port: server.port, Security: server.security, User: server.user}
	if read.Password != "" {
		password, err := readPlaceholders(read.Password)
		if err != nil {
			return fmt.Errorf("password: %w", err)
		}
		s.ready.Password = secret.FromString(password)
	}
	if read.CA != "" {
		if s.ready.Roots, err = readCertificates(read.CA); err != nil {
			return fmt.Errorf("ca: %w", err)
		}
	}
	if server.security == notify.Plaintext && !isLoopback(server.host) {
		s.warnings = []string{"mail smtp sends without encryption (starttls=off) to a host that is not loopback: anyone on the way can read codes and links"}
	}
	return nil
}

// Delivery returns the sender to the server.
func (s *SMTP) Delivery(string) (Delivery, error) {
	sender, err := notify.NewSMTP(s.ready)
	if err != nil {
		return Delivery{}, fmt.Errorf("mail smtp: %w", err)
	}
	return Delivery{Sender: sender, From: s.from.Address, FromName: s.from.Name, Timeout: time.Duration(s.Timeout), Warnings: s.warnings}, nil
}

// mailServer is what the URL of a mail server says.
type mailServer struct {
	host     string
	port     int
	security notify.Security
	user     string
}

// parseMailURL takes smtp[s]://[user@]host[:port][?starttls=off]. A URL that is known only later passes. Errors never show
// the URL, which may hold a password against all advice.
func parseMailURL(v string) (s mailServer, err error) {
	if err := checkPlaceholders(v); err != nil {
		return s, errors.New("the URL's placeholders must be {env.NAME} or {file./path}")
	}
	if hasPlaceholder(v) {
		return s, nil
	}
	if checkHost(v) == nil {
		return s, fmt.Errorf("the server must be a URL: write smtp://%s", v)
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.Path != "" || u.Fragment != "" || (u.Scheme != "smtp" && u.Scheme != "smtps") {
		return s, errors.New("the server must be a URL, smtp://[user@]host[:port] or smtps://[user@]host[:port]; percent-encode special characters in the user")
	}
	if _, given := u.User.Password(); given {
		return s, errors.New("a password does not belong in the URL, because Caddy saves and shows it unencrypted; write password {env.NAME} in the block")
	}
	if err := checkHost(u.Host); err != nil {
		return s, err
	}
	s = mailServer{host: u.Hostname(), user: u.User.Username(), port: 587, security: notify.STARTTLS}
	switch {
	case u.Scheme == "smtps" && u.RawQuery == "":
		s.port, s.security = 465, notify.ImplicitTLS
	case u.Scheme == "smtp" && u.RawQuery == "starttls=off":
		s.port, s.security = 25, notify.Plaintext
	case u.RawQuery != "":
		return s, errors.New("the URL takes one option, with smtp:// only: starttls=off")
	}
	if s.user != "" && s.security == notify.Plaintext {
		return s, errors.New("a password is sent only over TLS: remove the user or starttls=off")
	}
	if u.Port() != "" {
		s.port, err = strconv.Atoi(u.Port())
	}
	return s, err
}

// checkMailPassword admits a password exactly where the URL names a user.
func checkMailPassword(s *SMTP) error {
	if s.Password != "" {
		if err := checkSecret(s.Password); err != nil {
			return err
		}
	}
	server, err := parseMailURL(s.URL)
	switch {
	case err != nil, hasPlaceholder(s.URL):
		return nil // the URL is judged elsewhere, and perhaps later
	case server.user != "" && s.Password == "":
		return errors.New("the URL names a user, so a password is required: password {env.NAME}")
	case server.user == "" && s.Password != "":
		return errors.New("there is a password but no user; add the user to the URL: smtp://user@host")
	}
	return nil
}

func checkFrom(v string) error {
	if err := checkPlaceholders(v); err != nil {
		return err
	}
	if v == "" || hasPlaceholder(v) {
		return nil
	}
	a, err := mail.ParseAddress(v)
	if err != nil || notify.CheckAddress(a.Address) != nil || !isASCII(a.Address) {
		return errors.New(`it is one address, with or without a name: "Example <no-reply@example.com>"`)
	}
	return checkBrand(a.Name)
}

// readCertificates returns the certificates in a PEM file.
func readCertificates(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s contains no PEM certificate", file)
	}
	return pool, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// Interface guards
var (
	_ MailSender            = (*SMTP)(nil)
	_ caddyfile.Unmarshaler = (*SMTP)(nil)
	_ caddy.Provisioner     = (*SMTP)(nil)
)
