package identifier

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// MaxLogin is the longest text taken as a login, in bytes.
const MaxLogin = 320

// Login returns the identifier that a person means by what was typed at sign-in: with '@' an address, with
// a leading '+' a number, else a username.
// Invisible characters are dropped, compatible forms folded, letters lowered and outer space cut, so that every spelling
// of one name has one lock counter (CVE-2025-24806). The result need not be valid or exist: wrong names are counted too.
// It is false only for what can be no name at all: empty, too long or not UTF-8.
func Login(s string) (authcore.Identifier, bool) {
	if len(s) > MaxLogin || !utf8.ValidString(s) {
		return authcore.Identifier{}, false
	}
	s = fold(s)
	if s == "" || len(s) > MaxLogin {
		return authcore.Identifier{}, false
	}
	switch {
	case strings.Contains(s, "@"):
	case s[0] == '+': // no username has it
		if number, err := Phone(s); err == nil {
			s = number
		}
		return authcore.Identifier{Kind: authcore.KindPhone, Value: s}, true
	default:
		return authcore.Identifier{Kind: authcore.KindUsername, Value: s}, true
	}
	if address, err := Email(s); err == nil {
		s = address
	}
	return authcore.Identifier{Kind: authcore.KindEmail, Value: s}, true
}

// Logins returns what a person may mean by what was typed at sign-in, as [Login] does: of several the first that somebody has. With a
// Region what parses as one of its numbers is a number where nobody has it for a username. It is empty for what can be no name at all.
func (n Numbers) Logins(s string) []authcore.Identifier {
	id, ok := Login(s)
	if !ok {
		return nil
	}
	ids := []authcore.Identifier{id}
	if id.Kind == authcore.KindUsername && n.Region != "" {
		if number, err := (Numbers{Region: n.Region}).Read(id.Value); err == nil {
			ids = append(ids, authcore.Identifier{Kind: authcore.KindPhone, Value: number})
		}
	}
	return ids
}

// fold applies the foldings until none changes anything: each can enable another (a compatible form may decompose into
// an invisible character, lower-casing into one that composes).
func fold(s string) string {
	for range maxFolds {
		next := strings.TrimSpace(strings.Map(visible, strings.ToLower(norm.NFKC.String(s))))
		if next == s {
			break
		}
		s = next
	}
	return s
}

// maxFolds bounds fold; three rounds suffice for all that Unicode has.
const maxFolds = 5

func visible(r rune) rune {
	if invisible(r) {
		return -1
	}
	return r
}

// AccountKey names an account where a text is needed to count or to address it: the lock of its sign-in, the subject of
// its challenges.
func AccountKey(id uuid.UUID) string { return "account:" + id.String() }

// Key names an identifier that belongs to no account, likewise. It never equals an [AccountKey].
func Key(id authcore.Identifier) string { return string(id.Kind) + ":" + id.Value }
