package factor

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 §1.2: what every authenticator app computes; HMAC does not need collision resistance
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

const (
	totpPeriod = 30 * time.Second
	totpDigits = 6
	// totpSkew is how many steps an app's clock may be off (RFC 6238 §5.2, ASVS 6.5.5: one at most).
	totpSkew = 1
	// seedBytes are those of HMAC-SHA-1 (RFC 4226 §4, R6: 160 bits are recommended).
	seedBytes = 20
)

// stepAt returns the time step of RFC 6238 §4.2.
func stepAt(now time.Time) int64 { return now.Unix() / int64(totpPeriod/time.Second) }

// hotp returns the value of RFC 4226 §5.3 with so many digits.
func hotp(seed []byte, counter int64, digits int) string {
	mac := hmac.New(sha1.New, seed)
	var text [8]byte
	binary.BigEndian.PutUint64(text[:], uint64(counter)) //nolint:gosec // a step is not negative
	mac.Write(text[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	value := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	modulus := uint32(1)
	for range digits {
		modulus *= 10
	}
	return fmt.Sprintf("%0*d", digits, value%modulus)
}

// matchStep returns the time step whose code it is, 0 for none, and whether it is after the last one that was used: a code that somebody
// has watched, or its neighbour of before, is worth nothing any more (RFC 6238 §5.2, O05). Every step is computed and compared, whatever
// matches.
func matchStep(seed []byte, code string, last int64, now time.Time) (step int64, ok bool) {
	for s := stepAt(now) - totpSkew; s <= stepAt(now)+totpSkew; s++ {
		same := subtle.ConstantTimeCompare([]byte(hotp(seed, s, totpDigits)), []byte(code)) == 1
		if same && !ok {
			step, ok = s, s > last
		}
	}
	return step, ok
}

// otpauthURL is what an app reads from the QR code (the key URI format of Google Authenticator, which others follow).
func otpauthURL(issuer, account string, seed []byte) string {
	label := url.PathEscape(issuer) + ":" + url.PathEscape(account)
	values := url.Values{"secret": {seedText(seed)}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	// Not every app reads '+' as a blank.
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(values.Encode(), "+", "%20")
}

// seedText is a seed as people type it into an app.
func seedText(seed []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed)
}

// SealPurpose is what seeds are sealed for.
const SealPurpose = "totp seed"

// sealedSeed is what is sealed. The ids are in it so that one account's seed is worth nothing in another's row.
type sealedSeed struct {
	ID      uuid.UUID `json:"id"`
	Account uuid.UUID `json:"account"`
	Seed    []byte    `json:"seed"`
}

func sealSeed(s *secret.Sealer, x authcore.Factor, seed []byte) ([]byte, error) {
	plain, err := json.Marshal(sealedSeed{ID: x.ID, Account: x.AccountID, Seed: seed})
	if err != nil {
		return nil, fmt.Errorf("seal seed: %w", err)
	}
	sealed, err := s.Seal(SealPurpose, plain)
	if err != nil {
		return nil, fmt.Errorf("seal seed: %w", err)
	}
	return sealed, nil
}

func openSeed(s *secret.Sealer, x authcore.Factor) ([]byte, error) {
	plain, err := s.Open(SealPurpose, x.Secret)
	if err != nil {
		return nil, fmt.Errorf("open seed: %w", err)
	}
	var c sealedSeed
	if err := json.Unmarshal(plain, &c); err != nil || c.ID != x.ID || c.Account != x.AccountID {
		return nil, errors.New("open seed: not that of this factor")
	}
	return c.Seed, nil
}
