package httpapi

import (
	"encoding/json"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
)

// TrapBody is a body of a sign-up, in which the field of a honey trap may stand: a program that fills in the form's fields sends it here too.
// It is no property in the document, since its name is the operator's.
type TrapBody struct{ given map[string]json.RawMessage }

// takeMore implements takesMore.
func (b *TrapBody) takeMore(given map[string]json.RawMessage) error {
	b.given = given
	return nil
}

// fell reports whether somebody has filled in the hidden field.
func (b TrapBody) fell(into *honeytrap.Trap) bool {
	name := into.Field()
	value := string(b.given[name])
	return name != "" && value != "" && value != "null" && value != `""`
}

// Interface guards
var (
	_ takesMore = (*registerBody)(nil)
	_ takesMore = (*otpBody)(nil)
	_ takesMore = (*otpVerifyBody)(nil)
	_ takesMore = (*completeBody)(nil)
	_ takesMore = (*socialTokenBody)(nil)
)
