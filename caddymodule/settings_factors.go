package caddymodule

import (
	"errors"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// noFactors is the value of the option factors that stands for none.
const noFactors = "none"

// offerable are the types of second factor that the option factors can name, in the order of its default.
var offerable = []authcore.FactorType{authcore.FactorEmail, authcore.FactorSMS, authcore.FactorTOTP, authcore.FactorPasskey,
	authcore.FactorSecurityKey, authcore.FactorRecovery}

var factorsOption = option[Settings]{
	name:  "factors",
	parse: readWords(func(s *Settings) *[]string { return &s.Factors }),
	check: checkFactors,
}

func checkFactors(s *Settings) error {
	if slices.Equal(s.Factors, []string{noFactors}) {
		return nil
	}
	if slices.Contains(s.Factors, noFactors) {
		return errors.New("none stands alone: it switches second factors off")
	}
	known := make([]string, len(offerable))
	for i, t := range offerable {
		known[i] = string(t)
	}
	if err := distinctOf(s.Factors, known...); err != nil {
		return err
	}
	switch {
	case slices.Contains(s.Factors, string(authcore.FactorSMS)) && len(s.SMSRaw) == 0:
		return errors.New("sms needs the option sms: nothing else sends the codes")
	case slices.Equal(s.Factors, []string{string(authcore.FactorRecovery)}):
		return errors.New("recovery codes stand in for another factor: name one beside recovery, or write none alone")
	}
	return nil
}

// factors are the types of second factor that are offered; never nil.
func (s *Settings) factors() []authcore.FactorType {
	offered := []authcore.FactorType{}
	for _, t := range offerable {
		if len(s.Factors) == 0 && t != authcore.FactorSMS || slices.Contains(s.Factors, string(t)) {
			offered = append(offered, t)
		}
	}
	return offered
}

// offeredFactors are those of the answer of `GET /config`.
func (r *resolved) offeredFactors() []string {
	names := make([]string, len(r.factors))
	for i, t := range r.factors {
		names[i] = string(t)
	}
	return names
}
