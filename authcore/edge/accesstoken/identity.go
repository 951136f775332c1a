package accesstoken

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// groups lists the roles by commas. A comma inside a role, which no role may have, is encoded all the same: whatever wrote
// the database, one role is never two for an upstream (P20).
func groups(p *authcore.Principal) string {
	encoded := make([]string, len(p.Roles))
	for i, role := range p.Roles {
		encoded[i] = strings.ReplaceAll(Encode(role), ",", "%2C")
	}
	return strings.Join(encoded, ",")
}

const hexDigits = "0123456789ABCDEF"

// Encode percent-encodes the UTF-8 of everything that is not printable ASCII, and `%` itself (contract §3.6): a value can
// neither end its header line nor be mistaken for another encoding of itself (P19).
func Encode(s string) string {
	bad := 0
	for i := range len(s) {
		if !plain(s[i]) {
			bad++
		}
	}
	if bad == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*bad)
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

// Text is the other form of a value (`header_encoding utf8`): UTF-8 as it is, without control characters, those beyond ASCII
// (U+0085 ends lines for some) among them. What is no UTF-8 becomes U+FFFD, so that nothing can be read as another encoding's (P19).
func Text(s string) string {
	if !utf8.ValidString(s) || strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, s)
	}
	return s
}

// List joins roles by commas, none of which is inside of a role.
func List(roles []string) string {
	if !slices.ContainsFunc(roles, func(role string) bool { return strings.Contains(role, ",") }) {
		return strings.Join(roles, ",")
	}
	parts := make([]string, len(roles))
	for i, role := range roles {
		parts[i] = strings.ReplaceAll(role, ",", "%2C")
	}
	return strings.Join(parts, ",")
}

func plain(c byte) bool { return c >= 0x20 && c < 0x7f && c != '%' }
