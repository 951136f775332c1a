package factor

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
)

// What a type is worth in a session's `amr` (RFC 8176 where it has a word for it).
var amr = map[authcore.FactorType]string{
	authcore.FactorEmail: "email", authcore.FactorSMS: "sms", authcore.FactorTOTP: "otp", authcore.FactorRecovery: "recovery",
}

// AMR returns what a proven factor of the type is worth in `amr`; "" for the types of WebAuthn, whose proof says it.
func AMR(t authcore.FactorType) string { return amr[t] }

// Worth returns what a factor is worth in `amr` whose owner has shown that they have it.
func Worth(x authcore.Factor) []string {
	kind, key := kindOf(x.Type)
	if !key {
		return []string{AMR(x.Type)}
	}
	return worthOfKey(kind, webauthn.Describe(x.Credential).Synced)
}

// worthOfKey is Worth for a key. One bound to its hardware is "hwk", one that may be on several devices "swk" (RFC 8176); a passkey has
// verified its user by itself, and is two kinds of proof.
func worthOfKey(kind webauthn.Kind, synced bool) []string {
	worth := []string{"hwk"}
	if synced {
		worth = []string{"swk"}
	}
	if kind == webauthn.Passkey {
		worth = append(worth, authcore.AMRMulti)
	}
	return worth
}

// kinds are the different proofs there are: something of another kind is a second one.
var kinds = []string{authcore.AMRPassword, "email", "sms", "otp", "hwk", "swk", "recovery", "fed"}

// Kinds returns how many different kinds of proof an `amr` tells of. Two are a second factor. A passkey with user verification is two
// by itself, and says so by the value "mfa".
func Kinds(amr []string) int {
	n := 0
	for _, kind := range kinds {
		if slices.Contains(amr, kind) {
			n++
		}
	}
	if slices.Contains(amr, authcore.AMRMulti) {
		return max(n, 2)
	}
	return n
}
