package password

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
)

// Check returns the password in its normal form and, as sentences, the rules it breaks. words is what somebody who knows
// the person would try first: address, username, names; of an address its local part counts too.
func Check(policy *passpolicy.Policy, password string, words ...string) (normal string, rules []string) {
	if password == "" {
		return "", []string{"Choose a password."}
	}
	normal, err := policy.Normalize(password)
	if err != nil {
		return "", []string{sentence(err.Error())}
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
	return normal, policy.Check(normal, known...)
}

// Words returns what of an account may not be its password.
func Words(a authcore.Account) []string {
	return []string{a.Email, a.Username, a.FirstName, a.LastName, a.Phone}
}

// Hash hashes a password in its normal form. like is another hash of the same person or address, "" for none: hashes that
// are like one another are checked together, in the time of one. salt is what is taken where there is none, nil for a
// random one. When the hasher is at capacity the refusal is [authcore.Unavailable].
func Hash(ctx context.Context, h *passhash.Hasher, normal, like string, salt []byte) (string, error) {
	phc, err := h.HashLike(ctx, like, salt, normal)
	if err != nil {
		return "", Busy(err)
	}
	return phc, nil
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

// sentence gives an error's text the form of the other rules.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if s = string(unicode.ToUpper(r)) + s[n:]; !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
