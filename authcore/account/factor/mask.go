package factor

import (
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Masked returns where the codes of an email or sms factor go, so that its owner knows it again and nobody else learns it; "" for other
// types.
func Masked(x authcore.Factor) string {
	switch x.Type {
	case authcore.FactorEmail:
		at := strings.LastIndexByte(x.Address, '@')
		if at < 1 {
			return ""
		}
		_, first := utf8.DecodeRuneInString(x.Address)
		return x.Address[:first] + "***" + x.Address[at:]
	case authcore.FactorSMS:
		if len(x.Address) < 6 {
			return ""
		}
		return x.Address[:3] + strings.Repeat("*", len(x.Address)-5) + x.Address[len(x.Address)-2:]
	}
	return ""
}
