package password

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/wayin"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
)

// Check returns the password in its normal form and the rules it breaks. words is what somebody who knows
// the person would try first: address, username, names; of an address its local part counts too.
func Check(policy *passpolicy.Policy, password string, words ...string) (normal string, broken []authcore.FieldError) {
	if password == "" {
		return "", []authcore.FieldError{{Rule: authcore.PasswordRequired}}
	}
	normal, err := policy.Normalize(password)
	switch {
	case errors.Is(err, passpolicy.ErrTooLong):
		return "", []authcore.FieldError{{Rule: authcore.PasswordOversize}}
	case err != nil:
		return "", []authcore.FieldError{{Rule: authcore.NotUTF8}}
	}
	var known []string
	for _, w := range words {
		if w == "" {
			continue
		}
		known = append(known, w)
		if local, _, ok := strings.Cut(w, "@"); ok && local != "" {
			known = append(known, local)
		}
	}
	for _, b := range policy.Check(normal, known...) {
		broken = append(broken, authcore.FieldError{Rule: policyRules[b.Rule], Params: authcore.Params{N: b.N}})
	}
	return normal, broken
}

// CheckFirst is [Check] for somebody who gets an account: where passwords are off none is taken, and where they are optional "" is none.
func CheckFirst(policy *passpolicy.Policy, rule wayin.Passwords, password string, words ...string) (normal string, broken []authcore.FieldError) {
	switch {
	case password == "" && rule != wayin.PasswordsRequired:
		return "", nil
	case rule == wayin.PasswordsOff:
		return "", []authcore.FieldError{{Rule: authcore.PasswordsOff}}
	}
	return Check(policy, password, words...)
}

// policyOf is the policy for passwords of an account: a short one is enough beside the second factor that every sign-in to it asks for.
func (f *Flow) policyOf(a authcore.Account) *passpolicy.Policy {
	if a.MFAEnabled() {
		return f.cfg.Policy.Beside()
	}
	return f.cfg.Policy
}

// MinLength is the least number of characters of a new password of an account.
func (f *Flow) MinLength(a authcore.Account) int { return f.policyOf(a).MinLength() }

// policyRules names the rules of a password as those of the other fields are named.
var policyRules = map[passpolicy.Rule]authcore.Rule{
	passpolicy.TooShort: authcore.PasswordTooShort, passpolicy.TooLong: authcore.PasswordTooLong, passpolicy.Common: authcore.PasswordCommon,
	passpolicy.Context: authcore.PasswordContext, passpolicy.Repeats: authcore.PasswordRepeats, passpolicy.Guessable: authcore.PasswordGuessable,
	passpolicy.Breached: authcore.PasswordBreached,
}

// Words returns what of an account may not be its password.
func Words(a authcore.Account) []string {
	return []string{a.Email, a.Username, a.FirstName, a.LastName, a.Phone}
}

// Hash hashes a password in its normal form. like is another hash of the same person or address, "" for none: hashes that
// are like one another are checked together, in the time of one. salt is what is taken where there is none, nil for a
// random one. When the hasher is at capacity the refusal is [authcore.Unavailable].
func Hash(ctx context.Context, h *passhash.Hasher, normal, like string, salt []byte) (string, error) {
	phc, err := h.HashWithSaltOf(ctx, like, salt, normal)
	if err != nil {
		return "", Busy(err)
	}
	return phc, nil
}

// Verify reports whether typed is the password of the hash, "" for an account without one. It costs one hash in every case, so that its
// time tells nothing. Errors are those of the hasher, for [Busy].
func Verify(ctx context.Context, h *passhash.Hasher, p *passpolicy.Policy, hash, typed string) (bool, error) {
	normal, err := p.Normalize(typed)
	if err != nil || hash == "" {
		return false, h.VerifyDummy(ctx, normal)
	}
	return h.Verify(ctx, hash, normal)
}

// Busy turns an error of the hasher into what a client may see: [authcore.Unavailable] with RetryAfter when it is at
// capacity; anything else is internal.
func Busy(err error) error {
	if errors.Is(err, passhash.ErrBusy) {
		return authcore.RefuseFor(authcore.Unavailable, "Too many requests right now. Try again shortly.", 2*time.Second).
			Because(fmt.Errorf("%w: %w", authcore.ErrUnavailable, err))
	}
	return err
}

// Prove tries the password of an account whose owner is asked for it. Refusals: [authcore.InvalidCredentials] for a wrong one, and
// [authcore.Unavailable] when there was no time to look.
func Prove(ctx context.Context, h *passhash.Hasher, p *passpolicy.Policy, hash, typed string) error {
	right, err := Verify(ctx, h, p, hash, typed)
	switch {
	case err != nil:
		return fmt.Errorf("verify password: %w", Busy(err))
	case !right:
		return authcore.Refuse(authcore.InvalidCredentials, "The password is wrong.")
	}
	return nil
}
