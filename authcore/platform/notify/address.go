package notify

import (
	"errors"
	"net/mail"
	"unicode"
	"unicode/utf8"
)

// maxAddress is the length of a path in SMTP without its brackets (RFC 5321 §4.5.3.1.3).
const maxAddress = 254

// CheckAddress returns an error unless s is exactly one address as it stands in an
// envelope: no name, comment, group, list or quoting, and no control character, so that
// it can never become a second recipient or header. The error does not quote it.
func CheckAddress(s string) error {
	// The length first: parsing is the expensive part (comments nest).
	if s == "" || len(s) > maxAddress || !printable(s, maxAddress) {
		return errors.New("not a plain e-mail address")
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return errors.New("not a plain e-mail address")
	}
	return nil
}

// printable reports whether s is one line of visible text and plain blanks.
func printable(s string, most int) bool {
	if len(s) > most || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) { // of blanks only U+0020 is
			return false
		}
	}
	return true
}
