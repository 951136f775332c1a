package caddymodule

import (
	"fmt"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// PhoneSettings say how phone numbers are read and which are taken.
type PhoneSettings struct {
	// The region whose national numbers are read, such as DE (ISO 3166-1). Default: none; numbers begin with + and a country code.
	Region string `json:"region,omitempty"`
	// The regions whose numbers are taken, and to which SMS go. Default: all.
	Countries []string `json:"countries,omitempty"`
}

var phoneOptions = []option[PhoneSettings]{
	{
		name:  "region",
		parse: readText(func(p *PhoneSettings) *string { return &p.Region }),
		check: func(p *PhoneSettings) error {
			if p.Region == "" {
				return nil
			}
			if err := checkRegion(p.Region); err != nil {
				return err
			}
			if len(p.Countries) > 0 && !slices.Contains(p.Countries, p.Region) {
				return fmt.Errorf("%s is not among the countries, so no national number would be taken", p.Region)
			}
			return nil
		},
	},
	{
		name:  "countries",
		parse: readWords(func(p *PhoneSettings) *[]string { return &p.Countries }),
		check: func(p *PhoneSettings) error {
			for i, c := range p.Countries {
				if err := checkRegion(c); err != nil {
					return err
				}
				if slices.Contains(p.Countries[:i], c) {
					return fmt.Errorf("%q is given twice", c)
				}
			}
			return nil
		},
	},
}

func checkRegion(code string) error {
	if !identifier.IsRegion(code) {
		return fmt.Errorf("%q is not the code of a country; it is two capital letters, such as DE (ISO 3166-1)", code)
	}
	return nil
}

// numbers are the rules for phone numbers.
func (s *Settings) numbers() identifier.Numbers {
	n := identifier.Numbers{Texts: len(s.SMSRaw) > 0}
	if s.Phone != nil {
		n.Region, n.Countries = s.Phone.Region, s.Phone.Countries
	}
	return n
}
