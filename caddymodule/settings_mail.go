package caddymodule

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

// mailNamespace is where mail senders register: a module gatehouse.mail.x is configured by `mail x …`.
const mailNamespace = "gatehouse.mail"

// MailSender is what a module of the namespace gatehouse.mail implements. To be configurable in a Caddyfile it is a
// [caddyfile.Unmarshaler] as well.
type MailSender interface {
	caddy.Module
	// Delivery returns what delivers one mail at a time; dataDir is the node's folder, absolute, where files may be kept.
	// It is called once, when a configuration is about to serve and never to validate one: only here, and not in Provision,
	// may a module create or connect to anything.
	Delivery(dataDir string) (Delivery, error)
}

// Delivery is a mail sender ready for work, and what it demands of the mails.
type Delivery struct {
	Sender   notify.Sender // required
	From     string        // plain address mails come from; "" is no-reply@localhost
	FromName string        // shown beside it; "" is the brand
	Timeout  time.Duration // of one mail; zero is 20 s
	Warnings []string      // what is allowed but is told at start
}

// loadMail loads the configured mail module, by default the outbox.
func (s *Settings) loadMail(ctx caddy.Context) (MailSender, error) {
	if len(s.MailRaw) == 0 {
		return new(Outbox), nil
	}
	return loadSender[MailSender](ctx, s, "MailRaw", "a mail sender")
}

// parseMail reads `mail <sender> …`; what follows the sender's name is the sender's own.
func parseMail(d *caddyfile.Dispenser, s *Settings) (err error) {
	s.MailRaw, err = parseSender[MailSender](d, mailNamespace, "a mail sender")
	return err
}

// parseTemplates reads `mail_templates <folder>`.
func parseTemplates(d *caddyfile.Dispenser, s *Settings) error {
	if err := readText(func(s *Settings) *string { return &s.MailTemplates })(d, s); err != nil {
		return err
	}
	s.MailTemplatesDigest = digestOfFolder(s.MailTemplates)
	return nil
}

// digestOfFolder returns a digest of the files of a folder that can be read now, as digestOf does of one file.
func digestOfFolder(path string) string {
	path, err := readPlaceholders(path)
	if err != nil {
		return ""
	}
	entries, err := os.ReadDir(path) // in the order of their names
	if err != nil {
		return ""
	}
	sum := sha256.New()
	for _, e := range entries {
		fmt.Fprintf(sum, "%q %q\n", e.Name(), digestOf(filepath.Join(path, e.Name())))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// resolveTemplates reads the templates of mails.
func resolveTemplates(s *Settings, r *resolved) (err error) {
	if s.MailTemplates == "" {
		return nil
	}
	folder, err := filepath.Abs(s.MailTemplates)
	if err != nil {
		return fmt.Errorf("mail_templates: finding the working directory: %w", err)
	}
	if r.templates, err = notify.ReadTemplates(os.DirFS(folder)); err != nil {
		return fmt.Errorf("mail_templates: %s: %w", folder, err)
	}
	return nil
}

// notifierFor returns what composes the mails and SMS of a configuration and sends them.
func notifierFor(cfg *resolved, d Delivery, t SMSDelivery, store outboxStore, sealer *secret.Sealer, now func() time.Time, logger *slog.Logger) (*notify.Notifier, error) {
	n, err := notify.New(notify.Config{
		Store: store, Sealer: sealer, Sender: d.Sender, Timeout: d.Timeout, Count: countMail, Logger: logger, Now: now,
		Told: toldOf(store, now), SMS: t.Sender, SMSTimeout: t.Timeout, CountSMS: countSMS,
		Templates: cfg.templates, Head: notify.Letterhead{From: d.From, FromName: d.FromName, Brand: cfg.brand},
	})
	if err != nil {
		return nil, fmt.Errorf("option mail: %w", err)
	}
	return n, nil
}

// outboxStore is where mails and SMS wait, and where is noted what became of codes.
type outboxStore interface {
	notify.Store
	Record(ctx context.Context, fx authcore.Effects) error
}

// toldOf notes in the history of an account what became of its codes: a number that cannot be reached shows there, and in no answer.
func toldOf(store outboxStore, now func() time.Time) func(context.Context, authcore.Mail, bool) error {
	return func(ctx context.Context, m authcore.Mail, sent bool) error {
		event := authcore.Event{Kind: authcore.EventCodeSent, At: now(), AccountID: m.AccountID, Result: audit.Success}
		if !sent {
			event.Kind, event.Result = authcore.EventCodeRefused, "refused"
		}
		return store.Record(ctx, authcore.Effects{Events: []authcore.Event{event}})
	}
}
