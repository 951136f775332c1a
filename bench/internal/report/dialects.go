package report

import "github.com/gatehouse-auth/gatehouse/bench/internal/figures"

// The calls of simplejwt that are measured.
const (
	Verify  = "verify"
	Refresh = "refresh"
)

// Dialects is calls of the dialect simplejwt beside those of the package it replaces.
type Dialects struct {
	Workers int         `json:"workers"` // of gunicorn, that the package ran under
	Calls   []*Replaced `json:"calls"`
}

// Replaced is one call. The baseline of its rounds is the package.
type Replaced struct {
	Name    string         `json:"name"`
	Rounds  []Round        `json:"rounds"`
	Rate    figures.Spread `json:"rate"` // as a multiple of the package's
	Own     Figures        `json:"own"`
	Package Figures        `json:"package"`
}

// Summarise fills in what follows from the rounds.
func (c *Replaced) Summarise() {
	c.Rate = spread(c.Rounds, func(r Round) float64 { return figures.Paired(r.Case.Rate, r.Before.Rate, r.After.Rate) })
	var before, own []Slice
	for _, r := range c.Rounds {
		before, own = append(before, r.Before, r.After), append(own, r.Case)
	}
	c.Package, c.Own = absolute(before), absolute(own)
}
