package factor

import (
	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// Masked returns where the codes of an email or sms factor go, as [identifier.Mask] shows it; "" for other types.
func Masked(x authcore.Factor) string {
	if x.Address == "" {
		return ""
	}
	return identifier.Mask(x.Address)
}
