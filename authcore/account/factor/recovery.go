package factor

import (
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

const (
	// recoveryCodes is how many there are in a set.
	recoveryCodes = 10
	recoveryChars = 10
)

// recoveryAlphabet is Crockford's base 32: each character is 5 random bits, so a code has 50 (ASVS 6.5.4 asks for 20), and none of it is
// read as another.
const recoveryAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// newRecoveryCode returns a code as people see it, xxxxx-xxxxx.
func newRecoveryCode() string {
	raw := secret.Random(recoveryChars)
	code := make([]byte, 0, recoveryChars+1)
	for i, b := range raw {
		if i == recoveryChars/2 {
			code = append(code, '-')
		}
		code = append(code, recoveryAlphabet[b%32]) // 32 divides 256: each is as likely
	}
	return string(code)
}

// readAs are characters that people take for others.
var readAs = strings.NewReplacer("o", "0", "i", "1", "l", "1")

// plainRecoveryCode is a code without what people add or change when they copy it: case, blanks and hyphens do not count.
func plainRecoveryCode(code string) string {
	return readAs.Replace(strings.ToLower(challenge.PlainCode(code)))
}

// IsRecoveryForm reports whether a code that may be either is to be tried as a recovery code and not as one of an app: those have
// six digits, these ten characters, which may all be digits. Each is tried as one of the two, so that a try costs one budget alone.
func IsRecoveryForm(code string) bool {
	plain := plainRecoveryCode(code)
	return len(plain) == recoveryChars || strings.ContainsFunc(plain, func(r rune) bool { return r >= 'a' && r <= 'z' })
}

// recoveryDigest is all that is kept of a code. It is keyed, so that a dump of the database yields no code by trying all of them, and
// bound to the account: the code of one is worth nothing in another (O13).
func (f *Factors) recoveryDigest(account uuid.UUID, code string) secret.Digest {
	return f.cfg.Key().MAC(account[:], []byte(plainRecoveryCode(code)))
}
