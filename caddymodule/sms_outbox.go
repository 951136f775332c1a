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
func (o *SMSOutbox) UnmarshalCaddyfile(d *caddyfile.Dispenser) (err error) {
	o.Dir, err = parseFolder(d, "sms")
	return err
}

// Validate checks the folder's name; it does not touch it.
func (o *SMSOutbox) Validate() error { return checkFolder("sms", o.Dir) }

// SMSDelivery returns the sender of the folder.
func (o *SMSOutbox) SMSDelivery(dataDir string) (SMSDelivery, error) {
	dir, err := folderOr(o.Dir, filepath.Join(dataDir, "sms"))
	if err != nil {
		return SMSDelivery{}, fmt.Errorf("sms outbox: %w", err)
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
