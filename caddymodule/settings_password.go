package caddymodule

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/authcore/account/breach"
)

// PasswordSettings are the rules of new passwords; passwords already set stay valid.
type PasswordSettings struct {
	// Fewest characters, 8 to 64. Default: 12.
	MinLength int `json:"min_length,omitempty"`
	// Fewest characters for who has second factors on, 8 to 64 and no more than min_length. Default: 8.
	MinLengthMFA int `json:"min_length_mfa,omitempty"`
	// Most characters, 64 to 1024. Default: 256.
	MaxLength int `json:"max_length,omitempty"`
	// File of passwords of known breaches, made by `gatehouse breached build`, or off. New passwords that it has are refused. Default: off.
	Breached string `json:"breached,omitempty"`
	// What happens to a sign-in with a password that the file has: off, notify (one mail to the owner), reset (it is refused, and a reset is
	// mailed). Default: off.
	BreachedAtLogin string `json:"breached_at_login,omitempty"`
}

var passwordOptions = []option[PasswordSettings]{
	{
		name:  "min_length",
		parse: readNumber(func(p *PasswordSettings) *int { return &p.MinLength }),
		check: func(p *PasswordSettings) error { return between(p.MinLength, shortestPassword, longestMinimum) },
	},
	{
		name:  "min_length_mfa",
		parse: readNumber(func(p *PasswordSettings) *int { return &p.MinLengthMFA }),
		check: checkMinLengthMFA,
	},
	{
		name:  "max_length",
		parse: readNumber(func(p *PasswordSettings) *int { return &p.MaxLength }),
		check: func(p *PasswordSettings) error { return between(p.MaxLength, 64, 1024) },
	},
	{
		name:  "breached",
		parse: readText(func(p *PasswordSettings) *string { return &p.Breached }),
		check: func(p *PasswordSettings) error { return checkPlaceholders(p.Breached) },
	},
	{
		name:  "breached_at_login",
		parse: readText(func(p *PasswordSettings) *string { return &p.BreachedAtLogin }),
		check: checkBreachedAtLogin,
	},
}

// The defaults of `password`.
const (
	defaultMinLength = 12
	shortestPassword = 8
	longestMinimum   = 64 // of min_length
	defaultMaxLength = 256
)

func checkBreachedAtLogin(p *PasswordSettings) error {
	if err := oneOf(p.BreachedAtLogin, string(breach.Off), string(breach.Notify), string(breach.Reset)); err != nil {
		return err
	}
	if none := p.Breached == "" || p.Breached == "off"; none && p.BreachedAtLogin != "" && p.BreachedAtLogin != string(breach.Off) {
		return errors.New("there is no list to look in; name one with breached <file>")
	}
	return nil
}

func checkMinLengthMFA(p *PasswordSettings) error {
	if alone := cmp.Or(p.MinLength, defaultMinLength); p.MinLengthMFA > alone {
		return fmt.Errorf("%d is more than min_length, which is %d: beside a second factor a password may be shorter, not longer", p.MinLengthMFA, alone)
	}
	return between(p.MinLengthMFA, shortestPassword, longestMinimum)
}

type passwordRules struct {
	minLength, minBeside, maxLength int
	breached                        string // file; "": none
}

func (s *Settings) passwordRules() passwordRules {
	p := PasswordSettings{}
	if s.Password != nil {
		p = *s.Password
	}
	r := passwordRules{minLength: cmp.Or(p.MinLength, defaultMinLength), minBeside: p.MinLengthMFA, maxLength: cmp.Or(p.MaxLength, defaultMaxLength)}
	if p.Breached != "off" {
		r.breached = p.Breached
	}
	return r
}
