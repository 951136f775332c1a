package caddymodule

import (
	"cmp"
)

// PasswordSettings are the rules of new passwords; passwords already set stay valid.
type PasswordSettings struct {
	// Fewest characters, 8 to 64. Default: 12.
	MinLength int `json:"min_length,omitempty"`
	// Most characters, 64 to 1024. Default: 256.
	MaxLength int `json:"max_length,omitempty"`
}

var passwordOptions = []option[PasswordSettings]{
	{
		name:  "min_length",
		parse: readNumber(func(p *PasswordSettings) *int { return &p.MinLength }),
		check: func(p *PasswordSettings) error { return between(p.MinLength, 8, 64) },
	},
	{
		name:  "max_length",
		parse: readNumber(func(p *PasswordSettings) *int { return &p.MaxLength }),
		check: func(p *PasswordSettings) error { return between(p.MaxLength, 64, 1024) },
	},
}

type passwordRules struct{ minLength, maxLength int }

func (s *Settings) passwordRules() passwordRules {
	p := PasswordSettings{}
	if s.Password != nil {
		p = *s.Password
	}
	return passwordRules{minLength: cmp.Or(p.MinLength, 12), maxLength: cmp.Or(p.MaxLength, 256)}
}
