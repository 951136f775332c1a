// Package identifier is the one place where what people type as address, name or number becomes the form that is stored
// and compared. Nothing else lower-cases, trims or folds an identifier, so two spellings can never be two accounts, two
// lock counters or two recipients.
//
// Each function takes raw input of any length and content and returns the normalised form, or an
// [authcore.FieldError] that says which rule it breaks. All are idempotent: a normalised form normalises to itself. Input too long is refused before
// anything looks at its content.
//
// It owns no policy on who may use an identifier and does no I/O. Capabilities, httpapi and portal may import it.
package identifier

import "github.com/gatehouse-auth/gatehouse/authcore"

func broken(rule authcore.Rule) error { return authcore.FieldError{Rule: rule} }

// brokenBy is broken for a rule about a number.
func brokenBy(rule authcore.Rule, n int) error {
	return authcore.FieldError{Rule: rule, Params: authcore.Params{N: n}}
}
