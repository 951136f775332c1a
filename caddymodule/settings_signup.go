package caddymodule

import (
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// SignupSettings are the details of `signup`.
type SignupSettings struct {
	// Whether signing up sends the code that verifies the address: on, or off, where a call for it does. Default: on.
	SendCode string `json:"send_code,omitempty"`
}

var signupOptions = []option[SignupSettings]{
	{
		name:  "send_code",
		parse: readText(func(o *SignupSettings) *string { return &o.SendCode }),
		check: func(o *SignupSettings) error { return oneOf(o.SendCode, "on", "off") },
	},
}

// parseSignup reads `signup <mode>` and its block.
func parseSignup(d *caddyfile.Dispenser, s *Settings) (err error) {
	if s.Signup, err = oneValue(d); err != nil {
		return err
	}
	o := SignupSettings{}
	if err := parseBlock(d, signupOptions, &o); err != nil {
		return fmt.Errorf("signup: %w", err)
	}
	if o != (SignupSettings{}) {
		s.SignupOptions = &o
	}
	return nil
}

// signupRules are the details of sign-up with their defaults.
func (s *Settings) signupRules() SignupSettings {
	if s.SignupOptions == nil {
		return SignupSettings{}
	}
	return *s.SignupOptions
}
