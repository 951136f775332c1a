package caddymodule

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

func init() { caddy.RegisterModule(Webhook{}) }

// Webhook is the sender that posts each SMS as JSON to a service of yours.
type Webhook struct {
	// Where it is posted, https (or http, with a warning unless it is loopback). May hold {env.*} and {file.*}. Required.
	URL string `json:"url,omitempty"`
	// The secret that requests are signed with, as one {env.*} or {file.*}. Default: none, and requests are not signed.
	Secret string `json:"secret,omitempty"`

	ready    notify.WebhookConfig
	warnings []string
}

// CaddyModule returns the module's information.
func (Webhook) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: smsNamespace + ".webhook", New: func() caddy.Module { return new(Webhook) }}
}

// webhookOptions is the block of `sms webhook`.
var webhookOptions = []option[Webhook]{
	{
		name:  "secret",
		parse: readText(func(s *Webhook) *string { return &s.Secret }),
		check: func(s *Webhook) error {
			if s.Secret == "" {
				return nil
			}
			return checkSecret(s.Secret)
		},
	},
}

// UnmarshalCaddyfile reads
//
//	sms webhook <url> {
//		secret {env.NAME}
//	}
func (s *Webhook) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the sender's name
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return d.Err("sms webhook takes one value, a URL: sms webhook https://sms.example.com/send { … }")
	}
	s.URL = args[0]
	at := d.Token()
	if err := parseBlock(d, webhookOptions, s); err != nil {
		return fmt.Errorf("sms webhook: %w", err)
	}
	if err := s.check(); err != nil {
		return errorAt(at, err)
	}
	return nil
}

func (s *Webhook) check() error {
	if s.URL == "" {
		return errors.New("sms webhook: a URL is required")
	}
	if _, err := checkCallURL(s.URL); err != nil {
		return fmt.Errorf("sms webhook: %w", err)
	}
	if err := checkAll(webhookOptions, s); err != nil {
		return fmt.Errorf("sms webhook: %w", err)
	}
	return nil
}

// Provision reads the placeholders. It does not connect.
func (s *Webhook) Provision(caddy.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	read := *s
	var err error
	if read.URL, err = readPlaceholders(s.URL); err != nil {
		return fmt.Errorf("sms webhook: %w", err)
	}
	if err := read.check(); err != nil {
		return err
	}
	s.ready = notify.WebhookConfig{URL: read.URL, Now: nodeclock.Now}
	s.warnings = inClear("sms webhook", read.URL)
	if s.Secret == "" {
		s.warnings = append(s.warnings, "sms webhook has no secret: whoever can reach the service can have SMS sent")
		return nil
	}
	key, err := readPlaceholders(s.Secret)
	if err != nil {
		return fmt.Errorf("sms webhook: secret: %w", err)
	}
	s.ready.Secret = secret.FromString(key)
	return nil
}

// SMSDelivery returns the sender to the service.
func (s *Webhook) SMSDelivery(string) (SMSDelivery, error) {
	sender, err := notify.NewWebhook(s.ready)
	if err != nil {
		return SMSDelivery{}, fmt.Errorf("sms webhook: %w", err)
	}
	return SMSDelivery{Sender: sender, Warnings: s.warnings}, nil
}

// checkCallURL takes an http or https URL without a user; one that is known only later passes. Errors never show the URL, which may
// hold a key.
func checkCallURL(v string) (*url.URL, error) {
	if err := checkPlaceholders(v); err != nil {
		return nil, errors.New("the URL's placeholders must be {env.NAME} or {file./path}")
	}
	if hasPlaceholder(v) {
		return nil, nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("it must be a URL, such as https://example.com/path, without user and password")
	}
	return u, nil
}

// inClear warns of codes that are sent unencrypted to another machine.
func inClear(what, v string) []string {
	if u, err := url.Parse(v); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return []string{what + " sends without encryption to a host that is not loopback: anyone on the way can read codes"}
	}
	return nil
}

// Interface guards
var (
	_ SMSSender             = (*Webhook)(nil)
	_ caddyfile.Unmarshaler = (*Webhook)(nil)
	_ caddy.Provisioner     = (*Webhook)(nil)
)
