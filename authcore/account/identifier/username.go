package identifier

import (
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// The bounds of a username, in characters.
const (
	MinUsername = 3
	MaxUsername = 32
)

// reserved are names that read as the operator's, that mail servers and web applications treat specially (RFC 2142), or
// that a program may take for "no name".
var reserved = set(`
	abuse account admin administrator admins all anonymous api auth authentication authorization daemon everybody everyone
	gatehouse helpdesk hostmaster info login logout mailer-daemon me moderator nobody none noreply no-reply null official
	postmaster register root security self service session sessions settings signin signup signout staff superuser support
	sysadmin system true false undefined unknown verify webmaster www`)

func set(words string) map[string]struct{} {
	m := map[string]struct{}{}
	for _, w := range strings.Fields(words) {
		m[w] = struct{}{}
	}
	return m
}

// Username returns the name in lower case. Only ASCII letters, digits and `. _ -` are allowed, so no name has a twin that
// merely looks alike (RFC 8265 argues for more; confusables need no table where none can be typed). It never holds '@':
// it can never be taken for an address.
func Username(s string) (string, error) {
	if s = strings.Trim(s, " "); len(s) > 4*MaxUsername {
		return "", brokenBy(authcore.UsernameTooLong, MaxUsername)
	}
	switch {
	case len(s) < MinUsername:
		return "", brokenBy(authcore.UsernameTooShort, MinUsername)
	case len(s) > MaxUsername:
		return "", brokenBy(authcore.UsernameTooLong, MaxUsername)
	}
	for i := range len(s) {
		if !usernameByte(s[i]) {
			return "", broken(authcore.UsernameCharacters)
		}
	}
	// Only after the alphabet is checked: Unicode lowers some other letters to ASCII ones (the Kelvin sign to k).
	s = strings.ToLower(s)
	if _, ok := reserved[s]; ok {
		return "", broken(authcore.UsernameReserved)
	}
	return s, nil
}

func usernameByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '.' || b == '_' || b == '-'
}
