package factor

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// What a type is worth in a session's `amr` (RFC 8176 where it has a word for it).
var amr = map[authcore.FactorType]string{
	authcore.FactorEmail: "email", authcore.FactorSMS: "sms", authcore.FactorTOTP: "otp", authcore.FactorRecovery: "recovery",
}

// AMR returns what a proven factor of the type is worth in `amr`; "" for the types of WebAuthn, whose proof says it.
func AMR(t authcore.FactorType) string { return amr[t] }

// kinds are the different proofs there are: something of another kind is a second one.
var kinds = []string{"pwd", "email", "sms", "otp", "hwk", "swk", "recovery", "fed"}

// Kinds returns how many different kinds of proof an `amr` tells of. Two are a second factor. A passkey with user verification is two
// by itself, and says so by the value "mfa".
func Kinds(amr []string) int {
	n := 0
	for _, kind := range kinds {
		if slices.Contains(amr, kind) {
			n++
		}
	}
	if slices.Contains(amr, "mfa") {
		return max(n, 2)
	}
	return n
}
