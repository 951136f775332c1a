package caddymodule

import (
	"fmt"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

func init() { caddy.RegisterModule(Outbox{}) }

// Outbox is the mail sender that writes each mail as one .eml file into a folder, for development and for a mail
// system that picks the files up. The files hold live codes and addresses: their folder is readable by this user only.
type Outbox struct {
	// The folder; created at start. May hold {env.*} and {file.*}. Default: outbox in data_dir.
	Dir string `json:"dir,omitempty"`
}

// CaddyModule returns the module's information.
func (Outbox) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: mailNamespace + ".outbox", New: func() caddy.Module { return new(Outbox) }}
}

// UnmarshalCaddyfile reads
//
//	mail outbox [<dir>]
func (o *Outbox) UnmarshalCaddyfile(d *caddyfile.Dispenser) (err error) {
	o.Dir, err = parseFolder(d, "mail")
	return err
}

// Validate checks the folder's name; it does not touch it.
func (o *Outbox) Validate() error { return checkFolder("mail", o.Dir) }

// Delivery returns the sender of the folder.
func (o *Outbox) Delivery(dataDir string) (Delivery, error) {
	dir, err := o.folder(dataDir)
	if err != nil {
		return Delivery{}, fmt.Errorf("mail outbox: %w", err)
	}
	sender, err := notify.OpenOutbox(dir, nodeclock.Now)
	if err != nil {
		return Delivery{}, fmt.Errorf("mail outbox: %w", err)
	}
	return Delivery{Sender: sender}, nil
}

// folder returns the absolute folder for a node's data folder.
func (o *Outbox) folder(dataDir string) (string, error) {
	return folderOr(o.Dir, filepath.Join(dataDir, "outbox"))
}

// Interface guards
var (
	_ MailSender            = (*Outbox)(nil)
	_ caddyfile.Unmarshaler = (*Outbox)(nil)
	_ caddy.Validator       = (*Outbox)(nil)
)
