package caddymodule

import (
	"cmp"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// OTPSettings are the rules of one-time codes.
type OTPSettings struct {
	// Digits of a code, 6 to 10. Default: 6.
	Length int `json:"length,omitempty"`
	// How long a code and its link are valid, 1s to 24h. Default: 10m.
	Lifetime caddy.Duration `json:"lifetime,omitempty"`
	// How long a code is valid that goes by SMS, 1s to 24h. Default: 10m.
	SMSLifetime caddy.Duration `json:"sms_lifetime,omitempty"`
	// Wrong tries before a code is dead, 1 to 10. A new code does not refill them. Default: 5.
	Attempts int `json:"attempts,omitempty"`
	// Time before another code goes to the same recipient, 1s to 1h. Default: 60s.
	ResendAfter caddy.Duration `json:"resend_after,omitempty"`
}

var otpOptions = []option[OTPSettings]{
	{
		name:  "length",
		parse: readNumber(func(o *OTPSettings) *int { return &o.Length }),
		check: func(o *OTPSettings) error { return between(o.Length, 6, 10) },
	},
	{
		name:  "lifetime",
		parse: readDuration(func(o *OTPSettings) *caddy.Duration { return &o.Lifetime }),
		check: func(o *OTPSettings) error { return within(o.Lifetime, shortest, longestDay) },
	},
	{
		name:  "sms_lifetime",
		parse: readDuration(func(o *OTPSettings) *caddy.Duration { return &o.SMSLifetime }),
		check: func(o *OTPSettings) error { return within(o.SMSLifetime, shortest, longestDay) },
	},
	{
		name:  "attempts",
		parse: readNumber(func(o *OTPSettings) *int { return &o.Attempts }),
		check: func(o *OTPSettings) error { return between(o.Attempts, 1, 10) },
	},
	{
		name:  "resend_after",
		parse: readDuration(func(o *OTPSettings) *caddy.Duration { return &o.ResendAfter }),
		check: func(o *OTPSettings) error { return within(o.ResendAfter, shortest, time.Hour) },
	},
}

type otpRules struct {
	length, attempts                   int
	lifetime, smsLifetime, resendAfter time.Duration
}

func (s *Settings) otpRules() otpRules {
	o := OTPSettings{}
	if s.OTP != nil {
		o = *s.OTP
	}
	return otpRules{
		length:      cmp.Or(o.Length, 6),
		attempts:    cmp.Or(o.Attempts, 5),
		lifetime:    orDefault(o.Lifetime, 10*time.Minute),
		smsLifetime: orDefault(o.SMSLifetime, 10*time.Minute),
		resendAfter: orDefault(o.ResendAfter, time.Minute),
	}
}
