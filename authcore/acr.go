package authcore

import "slices"

// The authentication context classes of sign-ins, as the claim `acr` has them (RFC 9470 §5).
const (
	ACRMulti  = "mfa" // two kinds of proof were given
	ACRSingle = "1fa"
)

// AMRMulti is what stands in amr where two kinds of proof were given (RFC 8176 §2).
const AMRMulti = "mfa"

// AMRPassword is what a password is in amr (RFC 8176 §2).
const AMRPassword = "pwd"

// ACR returns the class of a sign-in from how its user has proved who they are: ACRMulti where amr says so, else ACRSingle.
func ACR(amr []string) string {
	if slices.Contains(amr, AMRMulti) {
		return ACRMulti
	}
	return ACRSingle
}
