package identifier

import (
	"strings"
	"unicode/utf8"
)

// Mask hides most of a normalised address or number, so that its owner knows it and others do not: "ada@example.com" is
// "a***@example.com", "+4915123456789" is "+49***89".
func Mask(address string) string {
	if at := strings.LastIndexByte(address, '@'); at > 0 {
		_, first := utf8.DecodeRuneInString(address)
		return address[:first] + "***" + address[at:]
	}
	if len(address) < 7 {
		return "***"
	}
	return address[:3] + "***" + address[len(address)-2:]
}
