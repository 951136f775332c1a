package caddymodule

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

func init() { caddy.RegisterModule(Twilio{}) }

// Twilio is the sender that hands each SMS to Twilio's REST API.
type Twilio struct {
	// The account's SID. Required. May hold {env.*} and {file.*}, like every field here.
	AccountSID string `json:"account_sid,omitempty"`
	// The account's token, as one {env.*} or {file.*}. Required.
	AuthToken string `json:"auth_token,omitempty"`
	// The number that SMS come from, in international format, or a sender's name. Either this or messaging_service is required.
	From string `json:"from,omitempty"`
	// The SID of the messaging service that chooses the sender.
	MessagingService string `json:"messaging_service,omitempty"`
	// Where the API is. Default: https://api.twilio.com.
	BaseURL string `json:"base_url,omitempty"`

	ready    notify.TwilioConfig
	warnings []string
}

// CaddyModule returns the module's information.
func (Twilio) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: smsNamespace + ".twilio", New: func() caddy.Module { return new(Twilio) }}
}

// twilioOptions is the block of `sms twilio`.
var twilioOptions = []option[Twilio]{
	{
		name:  "account_sid",
		parse: readText(func(s *Twilio) *string { return &s.AccountSID }),
		check: func(s *Twilio) error { return checkAccountSID(s.AccountSID) },
	},
	{
		name:  "auth_token",
		parse: readText(func(s *Twilio) *string { return &s.AuthToken }),
		check: func(s *Twilio) error { return checkSecret(s.AuthToken) },
	},
	{
		name:  "from",
		parse: readText(func(s *Twilio) *string { return &s.From }),
		check: func(s *Twilio) error { return checkPlaceholders(s.From) },
	},
	{
		name:  "messaging_service",
		parse: readText(func(s *Twilio) *string { return &s.MessagingService }),
		check: func(s *Twilio) error { return checkPlaceholders(s.MessagingService) },
	},
	{
		name:  "base_url",
		parse: readText(func(s *Twilio) *string { return &s.BaseURL }),
		check: func(s *Twilio) error {
			if s.BaseURL == "" {
				return nil
			}
			_, err := checkCallURL(s.BaseURL)
			return err
		},
	},
}

var accountSID = regexp.MustCompile(`^AC[0-9a-zA-Z]{1,64}$`)

func checkAccountSID(v string) error {
	if err := checkPlaceholders(v); err != nil {
		return err
	}
	if v != "" && !hasPlaceholder(v) && !accountSID.MatchString(v) {
		return errors.New("it is the SID of an account, which begins with AC")
	}
	return nil
}

// UnmarshalCaddyfile reads
//
//	sms twilio {
//		<option> …
//	}
//
// whose options are those of twilioOptions.
func (s *Twilio) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the sender's name
	if d.CountRemainingArgs() > 0 {
		return d.Err("sms twilio takes a block: sms twilio { … }")
	}
	at := d.Token()
	if err := parseBlock(d, twilioOptions, s); err != nil {
		return fmt.Errorf("sms twilio: %w", err)
	}
	if err := s.check(); err != nil {
		return errorAt(at, err)
	}
	return nil
}

// check judges what is known before the placeholders are read.
func (s *Twilio) check() error {
	for name, v := range map[string]string{"account_sid": s.AccountSID, "auth_token": s.AuthToken} {
		if v == "" {
			return fmt.Errorf("sms twilio: %s is required", name)
		}
	}
	if (s.From == "") == (s.MessagingService == "") {
		return errors.New("sms twilio: give either from or messaging_service")
	}
	if err := checkAll(twilioOptions, s); err != nil {
		return fmt.Errorf("sms twilio: %w", err)
	}
	return nil
}

// Provision reads the placeholders. It does not connect.
func (s *Twilio) Provision(caddy.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	read := *s
	for _, f := range []struct {
		option string
		value  *string
	}{{"account_sid", &read.AccountSID}, {"from", &read.From}, {"messaging_service", &read.MessagingService}, {"base_url", &read.BaseURL}} {
		v, err := readPlaceholders(*f.value)
		if err != nil {
			return fmt.Errorf("sms twilio: %s: %w", f.option, err)
		}
		*f.value = v
	}
	if err := read.check(); err != nil {
		return err
	}
	token, err := readPlaceholders(s.AuthToken)
	if err != nil {
		return fmt.Errorf("sms twilio: auth_token: %w", err)
	}
	s.ready = notify.TwilioConfig{AccountSID: read.AccountSID, AuthToken: secret.FromString(token), From: read.From,
		MessagingService: read.MessagingService, BaseURL: read.BaseURL}
	s.warnings = inClear("sms twilio", read.BaseURL)
	return nil
}

// SMSDelivery returns the sender to Twilio.
func (s *Twilio) SMSDelivery(string) (SMSDelivery, error) {
	sender, err := notify.NewTwilio(s.ready)
	if err != nil {
		return SMSDelivery{}, fmt.Errorf("sms twilio: %w", err)
	}
	return SMSDelivery{Sender: sender, Warnings: s.warnings}, nil
}

// Interface guards
var (
	_ SMSSender             = (*Twilio)(nil)
	_ caddyfile.Unmarshaler = (*Twilio)(nil)
	_ caddy.Provisioner     = (*Twilio)(nil)
)
