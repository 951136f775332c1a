package notify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/mail"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/internal/testsmtp"
)

func TestMain(m *testing.M) {
	testsmtp.Main()
	os.Exit(m.Run())
}

// configFor is how to reach a server.
func configFor(t *testing.T, s *testsmtp.Server, security notify.Security, ca *testsmtp.Authority) notify.SMTPConfig {
	t.Helper()
	port, err := strconv.Atoi(s.Port())
	if err != nil {
		t.Fatal(err)
	}
	cfg := notify.SMTPConfig{Host: "127.0.0.1", Port: port, Security: security}
	if ca != nil {
		cfg.Roots = ca.Pool()
	}
	return cfg
}

func newSMTP(t *testing.T, cfg notify.SMTPConfig) *notify.SMTP {
	t.Helper()
	s, err := notify.NewSMTP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Rest)
	return s
}

// plainServer is a server without TLS, and the sender for it.
func plainServer(t *testing.T, setup testsmtp.Setup) (*testsmtp.Server, *notify.SMTP) {
	t.Helper()
	server := testsmtp.Start(t, setup)
	return server, newSMTP(t, configFor(t, server, notify.Plaintext, nil))
}

func fullLetter() notify.Letter {
	l := letter()
	l.From, l.FromName, l.To, l.Lang = "no-reply@example.com", "Bücher & Söhne", "zoe@example.org", "de"
	l.Subject = "Bestätigen Sie Ihre Adresse"
	l.Text = "Grüße,\n\n123456\n\n.\n..two dots\nhttps://auth.example.com/auth/verify?token=abc=3D\n"
	l.HTML = "<p>Grüße</p>\n"
	l.Date = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return l
}

// wantMail checks that what a server took is the letter, whole.
func wantMail(t *testing.T, got testsmtp.Mail, l notify.Letter) {
	t.Helper()
	if got.From != l.From || got.To != l.To {
		t.Errorf("the envelope is %s to %s", got.From, got.To)
	}
	m, err := mail.ReadMessage(bytes.NewReader(got.Content))
	if err != nil {
		t.Fatal(err)
	}
	from, err := m.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Name != l.FromName || from[0].Address != l.From {
		t.Errorf("From is %v, %v", from, err)
	}
	if id := m.Header.Get("Message-Id"); id != "<"+l.MessageID+">" {
		t.Errorf("Message-ID is %s", id)
	}
	if order, parts := partsOf(t, m); !slices.Equal(order, []string{"text/plain", "text/html"}) ||
		parts["text/plain"] != l.Text || parts["text/html"] != l.HTML {
		t.Errorf("the parts are %v: %q", order, parts)
	}
}

// TestSMTP_EveryWayIn: over STARTTLS, over implicit TLS and in clear, with each kind of AUTH and without.
func TestSMTP_EveryWayIn(t *testing.T) {
	t.Parallel()
	ca := testsmtp.NewAuthority(t)
	cert, key := ca.Issue(t, "127.0.0.1")
	all := []string{"PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5", "XOAUTH2"}
	for _, c := range []struct {
		tls        string
		security   notify.Security
		mechanisms []string
		used       string
	}{
		{"", notify.Plaintext, nil, ""},
		{"starttls", notify.STARTTLS, nil, ""},
		{"implicit", notify.ImplicitTLS, nil, ""},
		{"starttls", notify.STARTTLS, []string{"PLAIN"}, "PLAIN"},
		{"implicit", notify.ImplicitTLS, []string{"PLAIN"}, "PLAIN"},
		{"starttls", notify.STARTTLS, []string{"LOGIN"}, "LOGIN"},
		{"starttls", notify.STARTTLS, []string{"LOGIN", "PLAIN"}, "PLAIN"},
		{"implicit", notify.ImplicitTLS, []string{"SCRAM-SHA-256"}, "SCRAM-SHA-256"},
		{"starttls", notify.STARTTLS, all, "SCRAM-SHA-256"},
	} {
		t.Run(fmt.Sprintf("%s %s", c.tls, strings.Join(c.mechanisms, " ")), func(t *testing.T) {
			t.Parallel()
			setup := testsmtp.Setup{TLS: c.tls, Cert: cert, Key: key, Mechanisms: c.mechanisms, User: "relay@example.com", Password: "open sesame"}
			server := testsmtp.Start(t, setup)
			cfg := configFor(t, server, c.security, ca)
			if c.mechanisms != nil {
				cfg.User, cfg.Password = setup.User, secret.FromString(setup.Password)
			}
			sender, l := newSMTP(t, cfg), fullLetter()
			if err := sender.Send(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			got := server.Mails()
			if len(got) != 1 {
				t.Fatalf("%d mails arrived", len(got))
			}
			wantMail(t, got[0], l)
			if got[0].TLS != (c.tls != "") || got[0].Mechanism != c.used || !got[0].EightBit || got[0].UTF8 {
				t.Errorf("it came with TLS %v, AUTH %q, 8-bit %v, SMTPUTF8 %v", got[0].TLS, got[0].Mechanism, got[0].EightBit, got[0].UTF8)
			}
		})
	}
}

// TestSMTP_NothingWithoutGoodTLS: a server whose certificate is not good, or that hides STARTTLS, gets neither password
// nor mail (RFC 3207 §6).
func TestSMTP_NothingWithoutGoodTLS(t *testing.T) {
	t.Parallel()
	ca, stranger := testsmtp.NewAuthority(t), testsmtp.NewAuthority(t)
	good, goodKey := ca.Issue(t, "127.0.0.1")
	other, otherKey := ca.Issue(t, "mail.example.net")
	for name, c := range map[string]struct {
		tls       string
		cert, key []byte
		roots     *testsmtp.Authority
		security  notify.Security
	}{
		"unknown authority":               {"starttls", good, goodKey, stranger, notify.STARTTLS},
		"unknown authority, implicit":     {"implicit", good, goodKey, stranger, notify.ImplicitTLS},
		"not in the system's list":        {"implicit", good, goodKey, nil, notify.ImplicitTLS},
		"another name":                    {"starttls", other, otherKey, ca, notify.STARTTLS},
		"another name, implicit":          {"implicit", other, otherKey, ca, notify.ImplicitTLS},
		"STARTTLS not offered":            {"", nil, nil, ca, notify.STARTTLS},
		"plain server where TLS is meant": {"", nil, nil, ca, notify.ImplicitTLS},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Nothing else would keep a mail back: the server takes it from anybody.
			server := testsmtp.Start(t, testsmtp.Setup{TLS: c.tls, Cert: c.cert, Key: c.key})
			cfg := configFor(t, server, c.security, c.roots)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := newSMTP(t, cfg).Send(ctx, letter()); !errors.Is(err, notify.ErrAway) || errors.Is(err, notify.ErrRefused) {
				t.Errorf("the error is %v, want one that says the server is away", err)
			}
			if n := len(server.Mails()); n != 0 {
				t.Errorf("%d mails were sent", n)
			}
			if name == "plain server where TLS is meant" { // it could not know a handshake when it saw one
				server.Forgive()
			}
		})
	}
	if _, err := notify.NewSMTP(notify.SMTPConfig{Host: "x", Port: 25, Security: notify.Plaintext, User: "u", Password: secret.FromString("p")}); err == nil {
		t.Error("a password may be sent in clear")
	}
}

// TestSMTP_WrongPassword: it may be mended, so no mail is dropped for it. The error does not show it.
func TestSMTP_WrongPassword(t *testing.T) {
	t.Parallel()
	ca := testsmtp.NewAuthority(t)
	cert, key := ca.Issue(t, "127.0.0.1")
	for _, mechanism := range []string{"PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5"} {
		server := testsmtp.Start(t, testsmtp.Setup{TLS: "starttls", Cert: cert, Key: key, Mechanisms: []string{mechanism}, User: "relay", Password: "open sesame"})
		cfg := configFor(t, server, notify.STARTTLS, ca)
		cfg.User, cfg.Password = "relay", secret.FromString("hunter2")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := newSMTP(t, cfg).Send(ctx, letter())
		if !errors.Is(err, notify.ErrAway) || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error is %v", mechanism, err)
		}
		cancel()
		if n := len(server.Mails()); n != 0 {
			t.Errorf("%s: %d mails were sent", mechanism, n)
		}
		server.Forgive() // go-mail calls off an AUTH that has ended already
	}
}

// TestSMTP_WhatReplyMeans: only what is said of the recipient or the content is final.
func TestSMTP_WhatReplyMeans(t *testing.T) {
	t.Parallel()
	const refused, away, later = "refused", "away", "later"
	for _, c := range []struct{ stage, reply, want string }{
		{testsmtp.Greeting, "554 5.3.2 no service here", away},
		{testsmtp.Greeting, "421 4.3.2 shutting down", away},
		{testsmtp.From, "550 5.7.1 sender refused", away},
		{testsmtp.From, "530 5.7.0 sign in first", away},
		{testsmtp.From, "451 4.3.0 try later", away},
		{testsmtp.To, "550 5.1.1 <zoe@example.org>: no such user", refused},
		{testsmtp.To, "530 5.7.0 sign in first", away},
		{testsmtp.To, "450 4.2.0 greylisted", later},
		{testsmtp.To, "421 4.7.0 too many", away},
		{testsmtp.Data, "554 5.6.0 no", refused},
		{testsmtp.Data, "451 4.3.0 disk full", later},
		{testsmtp.End, "552 5.3.4 too big", refused},
		{testsmtp.End, "554 5.7.1 looks like spam", refused},
		{testsmtp.End, "451 4.3.0 try later", later},
	} {
		t.Run(c.stage+" "+c.reply, func(t *testing.T) {
			t.Parallel()
			server, sender := plainServer(t, testsmtp.Setup{})
			server.Behave(t, testsmtp.Plan{Next: map[string][]string{c.stage: {c.reply}}})
			l := fullLetter()
			err := sender.Send(t.Context(), l)
			if err == nil || errors.Is(err, notify.ErrRefused) != (c.want == refused) || errors.Is(err, notify.ErrAway) != (c.want == away) {
				t.Errorf("the error is %v, want it %s", err, c.want)
			}
			if n := len(server.Mails()); n != 0 {
				t.Fatalf("%d mails arrived", n)
			}
			if err := sender.Send(t.Context(), l); err != nil {
				t.Errorf("the next letter: %v", err)
			}
			if got, again := server.Mails(), c.want == away; len(got) != 1 || server.Connections() == 2 != again {
				t.Errorf("%d mails over %d connections", len(got), server.Connections())
			}
		})
	}
}

// TestSMTP_HangsAndBreaks: at every stage a server that hangs costs the time given and no more, and one that goes away is
// known to be away.
func TestSMTP_HangsAndBreaks(t *testing.T) {
	t.Parallel()
	stages := []string{testsmtp.Greeting, testsmtp.Hello, testsmtp.From, testsmtp.To, testsmtp.Data, testsmtp.Content, testsmtp.End}
	for _, stage := range stages {
		for _, how := range []string{testsmtp.Hang, testsmtp.Close, testsmtp.Chatter} {
			if stage == testsmtp.Content && how == testsmtp.Chatter {
				continue
			}
			t.Run(stage+" "+how, func(t *testing.T) {
				t.Parallel()
				server, sender := plainServer(t, testsmtp.Setup{})
				server.Behave(t, testsmtp.Plan{Always: map[string]string{stage: how}})
				limit := time.Minute
				if how == testsmtp.Hang {
					limit = 300 * time.Millisecond
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				start := time.Now()
				err := sender.Send(ctx, fullLetter())
				if took := time.Since(start); took > 20*time.Second {
					t.Errorf("it took %v", took)
				}
				if !errors.Is(err, notify.ErrAway) || errors.Is(err, context.DeadlineExceeded) != (how == testsmtp.Hang) {
					t.Errorf("the error is %v", err)
				}
				server.Behave(t, testsmtp.Plan{})
				if err := sender.Send(t.Context(), fullLetter()); err != nil {
					t.Errorf("after it recovered: %v", err)
				}
				if got := server.Mails(); len(got) != 1 || got[0].Connection != server.Connections() {
					t.Errorf("%d mails after it recovered", len(got))
				}
			})
		}
	}
}

func TestSMTP_DeadServer(t *testing.T) {
	t.Parallel()
	server, sender := plainServer(t, testsmtp.Setup{})
	if err := sender.Send(t.Context(), fullLetter()); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	for range 3 {
		if err := sender.Send(t.Context(), fullLetter()); !errors.Is(err, notify.ErrAway) {
			t.Errorf("the error is %v", err)
		}
	}
	server.Revive(t)
	if err := sender.Send(t.Context(), fullLetter()); err != nil {
		t.Error(err)
	}
}

// TestSMTP_OneConnection: letters follow each other on one connection until the sender rests, and one that the server
// has closed meanwhile is replaced without a letter failing.
func TestSMTP_OneConnection(t *testing.T) {
	t.Parallel()
	server, sender := plainServer(t, testsmtp.Setup{})
	send := func() {
		t.Helper()
		if err := sender.Send(t.Context(), fullLetter()); err != nil {
			t.Error(err)
		}
	}
	for range 5 {
		send()
	}
	if n := server.Connections(); n != 1 {
		t.Errorf("5 letters took %d connections", n)
	}
	sender.Rest()
	send()
	if n := server.Connections(); n != 2 {
		t.Errorf("%d connections after a rest, want 2", n)
	}
	server.Kill()
	server.Revive(t)
	send()
	server.Behave(t, testsmtp.Plan{Next: map[string][]string{testsmtp.From: {"421 4.4.2 idle for too long"}}})
	send()
	if n := len(server.Mails()); n != 8 {
		t.Errorf("%d mails arrived, want 8", n)
	}
}

// TestSMTP_OldServers: without 8BITMIME everything is ASCII; addresses beyond ASCII go only where they are understood.
func TestSMTP_OldServers(t *testing.T) {
	t.Parallel()
	server, sender := plainServer(t, testsmtp.Setup{SevenBit: true})
	l := fullLetter()
	if err := sender.Send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(bytes.NewReader(server.Mails()[0].Content))
	if err != nil {
		t.Fatal(err)
	}
	if _, parts := partsOf(t, m); parts["text/plain"] != l.Text || parts["text/html"] != l.HTML {
		t.Errorf("the parts are %q", parts)
	}
	l.To = "zoë@example.org"
	if err := sender.Send(t.Context(), l); !errors.Is(err, notify.ErrRefused) {
		t.Errorf("a server without SMTPUTF8: %v", err)
	}
	server, sender = plainServer(t, testsmtp.Setup{UTF8: true})
	if err := sender.Send(t.Context(), fullLetter()); err != nil {
		t.Fatal(err)
	}
	if server.Mails()[0].UTF8 {
		t.Error("SMTPUTF8 is asked for where nobody needs it")
	}
	if err := sender.Send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if got := server.Mails()[1]; got.To != l.To || !got.UTF8 {
		t.Errorf("sent to %s, SMTPUTF8 %v", got.To, got.UTF8)
	}
}

// TestI01_SMTPCommands: an address cannot become another command, recipient or parameter.
func TestI01_SMTPCommands(t *testing.T) {
	t.Parallel()
	server, sender := plainServer(t, testsmtp.Setup{})
	for _, address := range []string{
		"b@example.com>\r\nRCPT TO:<v@example.com", "b@example.com\nDATA", "b@example.com> BODY=7BIT", "<b@example.com>", "b@example.com,v@example.com", "",
	} {
		for _, l := range []notify.Letter{{From: "a@example.com", To: address}, {From: address, To: "b@example.com"}} {
			l.ID, l.MessageID = uuid.New(), "i@example.com"
			if err := sender.Send(t.Context(), l); !errors.Is(err, notify.ErrRefused) {
				t.Errorf("%q: the error is %v", address, err)
			}
		}
	}
	if n := len(server.Mails()); n != 0 {
		t.Errorf("%d mails were sent", n)
	}
}

func TestNewSMTP_Refuses(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]notify.SMTPConfig{
		"no host":          {Port: 25},
		"no port":          {Host: "x"},
		"port too high":    {Host: "x", Port: 65536},
		"user alone":       {Host: "x", Port: 25, User: "u"},
		"password alone":   {Host: "x", Port: 25, Password: secret.FromString("p")},
		"AUTH without TLS": {Host: "x", Port: 25, User: "u", Password: secret.FromString("p"), Security: notify.Plaintext},
	} {
		if _, err := notify.NewSMTP(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
