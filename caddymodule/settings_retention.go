package caddymodule

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// RetentionSettings say how long what is of no more use is kept.
type RetentionSettings struct {
	// Events, since they happened, 1s to 3650d. Default: 400d.
	Events caddy.Duration `json:"events,omitempty"`
	// Known devices, since the last sign-in, 1s to 3650d. Default: 400d.
	Devices caddy.Duration `json:"devices,omitempty"`
	// Invitations that nobody has used, since they expired, 1s to 3650d. Default: 90d.
	Invitations caddy.Duration `json:"invitations,omitempty"`
}

const longestRetention = 3650 * 24 * time.Hour

var retentionOptions = []option[RetentionSettings]{
	retentionOption("events", func(o *RetentionSettings) *caddy.Duration { return &o.Events }),
	retentionOption("devices", func(o *RetentionSettings) *caddy.Duration { return &o.Devices }),
	retentionOption("invitations", func(o *RetentionSettings) *caddy.Duration { return &o.Invitations }),
}

func retentionOption(name string, field func(*RetentionSettings) *caddy.Duration) option[RetentionSettings] {
	return option[RetentionSettings]{
		name:  name,
		parse: readDuration(field),
		check: func(o *RetentionSettings) error { return within(*field(o), shortest, longestRetention) },
	}
}

func (s *Settings) retention() authcore.Retention {
	o := RetentionSettings{}
	if s.Retention != nil {
		o = *s.Retention
	}
	return authcore.Retention{Events: time.Duration(o.Events), Devices: time.Duration(o.Devices), Invitations: time.Duration(o.Invitations)}.OrDefault()
}
