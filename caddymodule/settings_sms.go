package caddymodule

import (
	"time"

	"github.com/caddyserver/caddy/v2"
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
	return loadSender[SMSSender](ctx, s, "SMSRaw", "an SMS sender")
}

// parseSMS reads `sms <sender> …`; what follows the sender's name is the sender's own.
func parseSMS(d *caddyfile.Dispenser, s *Settings) (err error) {
	s.SMSRaw, err = parseSender[SMSSender](d, smsNamespace, "an SMS sender")
	return err
}
