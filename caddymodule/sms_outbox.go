package caddymodule

import (
	"fmt"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

func init() { caddy.RegisterModule(SMSOutbox{}) }

// SMSOutbox is the sender that writes each SMS as one .txt file into a folder, for development and for a program that
// picks the files up: a line `To: <number>`, an empty line, the text. The files hold live codes and numbers: their folder is
// readable by this user only.
type SMSOutbox struct {
	// The folder; created at start. May hold {env.*} and {file.*}. Default: sms in data_dir.
	Dir string `json:"dir,omitempty"`
}

// CaddyModule returns the module's information.
func (SMSOutbox) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: smsNamespace + ".outbox", New: func() caddy.Module { return new(SMSOutbox) }}
}

// UnmarshalCaddyfile reads
//
//	sms outbox [<dir>]
func (o *SMSOutbox) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the sender's name
	switch args := d.RemainingArgs(); {
	case len(args) > 1, len(args) == 1 && args[0] == "":
		return d.Err("sms outbox takes at most one value, a folder")
	case len(args) == 1:
		o.Dir = args[0]
	}
	if d.NextBlock(0) {
		return d.Err("sms outbox takes no block")
	}
	if err := o.Validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// Validate checks the folder's name; it does not touch it.
func (o *SMSOutbox) Validate() error {
	if err := checkPlaceholders(o.Dir); err != nil {
		return fmt.Errorf("sms outbox: %w", err)
	}
	return nil
}

// SMSDelivery returns the sender of the folder.
func (o *SMSOutbox) SMSDelivery(dataDir string) (SMSDelivery, error) {
	dir := filepath.Join(dataDir, "sms")
	if o.Dir != "" {
		read, err := readPlaceholders(o.Dir)
		if err != nil {
			return SMSDelivery{}, fmt.Errorf("sms outbox: %w", err)
		}
		if dir, err = filepath.Abs(read); err != nil {
			return SMSDelivery{}, fmt.Errorf("sms outbox: %w", err)
		}
	}
	sender, err := notify.OpenSMSOutbox(dir, nodeclock.Now)
	if err != nil {
		return SMSDelivery{}, fmt.Errorf("sms outbox: %w", err)
	}
	return SMSDelivery{Sender: sender}, nil
}

// Interface guards
var (
	_ SMSSender             = (*SMSOutbox)(nil)
	_ caddyfile.Unmarshaler = (*SMSOutbox)(nil)
	_ caddy.Validator       = (*SMSOutbox)(nil)
)
