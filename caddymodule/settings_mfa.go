package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
)

// MFASettings say whose sign-ins need a second factor.
type MFASettings struct {
	// optional or required. Default: optional.
	Mode string `json:"mode,omitempty"`
	// With required: only accounts with one of these roles; none: everybody.
	Roles []string `json:"roles,omitempty"`
}

// The words of the option `mfa`, and of `trusted_device`.
const (
	mfaOptional = "optional"
	mfaRequired = "required"
	trustOff    = "off"
)

// defaultTrust is how long a device is trusted, and longestTrust the most.
const (
	defaultTrust = 30 * 24 * time.Hour
	longestTrust = 400 * 24 * time.Hour
)

// parseMFA reads `mfa optional | required [role <role…>]`.
func parseMFA(d *caddyfile.Dispenser, s *Settings) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("mfa takes optional, required, or required role <role…>")
	}
	s.MFA = &MFASettings{Mode: args[0]}
	if len(args) == 1 {
		return nil
	}
	if args[0] != mfaRequired || args[1] != "role" || len(args) < 3 {
		return d.Err("mfa takes optional, required, or required role <role…>")
	}
	s.MFA.Roles = args[2:]
	return nil
}

func checkMFA(s *Settings) error {
	o := s.MFA
	if o == nil {
		return nil
	}
	if err := oneOf(o.Mode, mfaOptional, mfaRequired); err != nil {
		return err
	}
	if len(o.Roles) > 0 && o.Mode != mfaRequired {
		return errors.New("only required has roles")
	}
	for _, role := range o.Roles {
		if _, err := identifier.Role(role); err != nil {
			return fmt.Errorf("role %q: %w", role, err)
		}
	}
	if o.Mode == mfaRequired {
		return checkEnrolable(s)
	}
	return nil
}

// checkEnrolable refuses a requirement that an account without a factor could never meet: nothing can be added, or nothing beside the
// mailbox by which everybody signs in.
func checkEnrolable(s *Settings) error {
	offered := s.factors()
	if len(offered) == 0 {
		return errors.New("factors is none: nobody could have the second factor that required asks for")
	}
	passwords := len(s.SignIn) == 0 || slices.Contains(s.SignIn, signInPassword)
	other := slices.ContainsFunc(offered, func(t authcore.FactorType) bool { return t != authcore.FactorEmail && t != authcore.FactorRecovery })
	if !passwords && !other {
		return errors.New("factors has email alone and sign_in no password: a code to the mailbox that signs in is no second factor; add totp, passkey or another to factors")
	}
	return nil
}

// mfa is whose sign-ins need a second factor.
func (s *Settings) mfa() secondstep.Requirement {
	if s.MFA == nil || s.MFA.Mode != mfaRequired {
		return secondstep.Requirement{}
	}
	return secondstep.Requirement{Everybody: len(s.MFA.Roles) == 0, Roles: slices.Clone(s.MFA.Roles)}
}

// checkTrust checks the option `trusted_device`.
func checkTrust(s *Settings) error {
	if s.TrustedDevice == "" || s.TrustedDevice == trustOff {
		return nil
	}
	d, err := caddy.ParseDuration(s.TrustedDevice)
	if err != nil || d < time.Hour || d > longestTrust {
		return fmt.Errorf("%q is neither off nor a time from 1h to 400d, such as 30d", s.TrustedDevice)
	}
	return nil
}

// trustFor is how long a trusted device is asked for no second factor; 0: none is trusted.
func (s *Settings) trustFor() time.Duration {
	switch s.TrustedDevice {
	case "":
		return defaultTrust
	case trustOff:
		return 0
	}
	d, _ := caddy.ParseDuration(s.TrustedDevice) // checked
	return d
}

// offeredMFA is that of the answer of `GET /config`: required where everybody needs a second factor.
func (r *resolved) offeredMFA() string {
	if r.mfa.Everybody {
		return mfaRequired
	}
	return mfaOptional
}
