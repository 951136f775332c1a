package caddymodule

import (
	"cmp"
	"errors"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
)

// The ways to sign in, as the option sign_in names them.
const (
	signInPassword = "password"
	signInCode     = "code"
	signInLink     = "link"
	signInPasskey  = "passkey"
)

// checkSignIn checks the ways to sign in.
func checkSignIn(s *Settings) error {
	if err := distinctOf(s.SignIn, signInPassword, signInCode, signInLink, signInPasskey); err != nil {
		return err
	}
	if len(s.SignIn) > 0 && !slices.ContainsFunc(s.SignIn, func(way string) bool { return way != signInPasskey }) &&
		!slices.Contains(s.factors(), authcore.FactorPasskey) {
		return errors.New("passkey alone signs nobody in where factors has no passkey: nobody could add one")
	}
	return nil
}

// signIn are the ways to sign in, in the order in which they are listed.
func (s *Settings) signIn() []string {
	if len(s.SignIn) == 0 {
		return []string{signInPassword, signInPasskey}
	}
	return slices.Clone(s.SignIn)
}

// offeredSignIn are those of the answer of `GET /config`: passkeys sign in only where people may add them.
func (r *resolved) offeredSignIn() []string {
	if slices.Contains(r.factors, authcore.FactorPasskey) {
		return r.signIn
	}
	return slices.DeleteFunc(slices.Clone(r.signIn), func(way string) bool { return way == signInPasskey })
}

// noPassword reports whether nobody signs in by a password.
func (r *resolved) noPassword() bool { return !slices.Contains(r.signIn, signInPassword) }

// byCode reports whether who proves an unknown address or number by a code or link gets an account.
func (s *Settings) byCode() bool {
	ways := s.signIn()
	if !slices.Contains(ways, signInCode) && !slices.Contains(ways, signInLink) {
		return false
	}
	return cmp.Or(s.signupRules().ByCode, map[bool]string{true: "off", false: "on"}[slices.Contains(ways, signInPassword)]) == "on"
}

// ways are those without a password.
func (r *resolved) ways() passwordless.Ways {
	return passwordless.Ways{Code: slices.Contains(r.signIn, signInCode), Link: slices.Contains(r.signIn, signInLink)}
}
