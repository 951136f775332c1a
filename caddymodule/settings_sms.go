package caddymodule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

// smsNamespace is where senders of SMS register: a module gatehouse.sms.x is configured by `sms x …`.
const smsNamespace = "gatehouse.sms"

// SMSSender is what a module of the namespace gatehouse.sms implements. To be configurable in a Caddyfile it is a
// [caddyfile.Unmarshaler] as well.
type SMSSender interface {
	caddy.Module
	// SMSDelivery returns what delivers one SMS at a time; dataDir is the node's folder, absolute, where files may be kept.
	// It is called once, when a configuration is about to serve and never to validate one: only here, and not in Provision,
	// may a module create or connect to anything.
	SMSDelivery(dataDir string) (SMSDelivery, error)
}

// SMSDelivery is a sender of SMS ready for work.
type SMSDelivery struct {
	Sender   notify.SMSSender // required
	Timeout  time.Duration    // of one SMS; zero is 10 s
	Warnings []string         // what is allowed but is told at start
}

// loadSMS loads the configured module; nil where none is, for SMS are off by default.
func (s *Settings) loadSMS(ctx caddy.Context) (SMSSender, error) {
	if len(s.SMSRaw) == 0 {
		return nil, nil
	}
	mod, err := ctx.LoadModule(s, "SMSRaw")
	if err != nil {
		return nil, fmt.Errorf("loading the sender: %w", err)
	}
	sender, ok := mod.(SMSSender)
	if !ok {
		return nil, fmt.Errorf("%T is not a sender of SMS", mod)
	}
	return sender, nil
}

// parseSMS reads `sms <sender> …`; what follows the sender's name is the sender's own.
func parseSMS(d *caddyfile.Dispenser, s *Settings) error {
	if !d.NextArg() {
		return d.Err("sms takes the name of a sender: sms outbox")
	}
	name, senders := d.Val(), smsSenders()
	if !slices.Contains(senders, name) {
		return d.Errf("sms: %s", unknownWord("an SMS sender of this build", name, senders))
	}
	mod, err := caddyfile.UnmarshalModule(d, smsNamespace+"."+name)
	if err != nil {
		return err
	}
	if _, ok := mod.(SMSSender); !ok {
		return d.Errf("sms: %T is not a sender of SMS", mod)
	}
	s.SMSRaw = caddyconfig.JSONModuleObject(mod, "sender", name, nil)
	return nil
}

// smsSenders returns the names of the senders in this build.
func smsSenders() []string {
	var names []string
	for _, m := range caddy.GetModules(smsNamespace) {
		names = append(names, strings.TrimPrefix(string(m.ID), smsNamespace+"."))
	}
	return names
}
