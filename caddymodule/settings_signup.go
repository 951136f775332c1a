package caddymodule

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// SignupSettings are the details of `signup`.
type SignupSettings struct {
	// With open: an address or number is saved only once it is verified; a username is required.
	Deferred bool `json:"deferred,omitempty"`
	// Whether signing up sends the code that verifies the address: on, or off, where a call for it does. Default: on.
	SendCode string `json:"send_code,omitempty"`
	// Whether who proves an unknown address or number by a code or link of sign_in gets an account: on or off. Default: on where sign_in has no
	// password.
	ByCode string `json:"by_code,omitempty"`
}

var signupOptions = []option[SignupSettings]{
	{
		name:  "deferred",
		parse: readFlag(func(o *SignupSettings) *bool { return &o.Deferred }),
	},
	{
		name:  "send_code",
		parse: readText(func(o *SignupSettings) *string { return &o.SendCode }),
		check: func(o *SignupSettings) error { return oneOf(o.SendCode, "on", "off") },
	},
	{
		name:  "by_code",
		parse: readText(func(o *SignupSettings) *string { return &o.ByCode }),
		check: func(o *SignupSettings) error { return oneOf(o.ByCode, "on", "off") },
	},
}

// parseSignup reads `signup <mode>` and its block.
func parseSignup(d *caddyfile.Dispenser, s *Settings) (err error) {
	if d.CountRemainingArgs() == 0 {
		return d.Err("signup takes one value, also before a block: verified, open, invite or closed")
	}
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

// checkSignup checks what is right only together.
func checkSignup(s *Settings) error {
	if s.signupRules().ByCode == "on" && !slices.Contains(s.SignIn, signInCode) && !slices.Contains(s.SignIn, signInLink) {
		return errors.New("by_code needs code or link in sign_in")
	}
	if !s.signupRules().Deferred {
		return nil
	}
	if s.Signup != "open" {
		return errors.New("deferred needs signup open")
	}
	if len(s.Identities) > 0 && !slices.Contains(s.Identities, string(authcore.KindUsername)) {
		return errors.New("deferred needs username among the identities: nothing else finds an account before it is verified")
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
