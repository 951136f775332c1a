package identifier

import (
	"slices"

	"golang.org/x/text/language"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// MaxLocale is the length of the longest language tag taken, in bytes (BCP 47 §4.4.1 names 35 as what suffices).
const MaxLocale = 35

// Locales are the languages that people can choose to be written to in, as BCP 47 tags.
type Locales []string

// Read returns a language tag (BCP 47) in its usual spelling. Its language must be one of the list; a region or script may follow, as in
// de-AT.
func (l Locales) Read(s string) (string, error) {
	if len(s) > MaxLocale {
		return "", broken(authcore.LocaleInvalid)
	}
	tag, err := language.Parse(s)
	if err != nil {
		return "", broken(authcore.LocaleInvalid)
	}
	base, sure := tag.Base()
	text := tag.String()
	if sure != language.Exact || !slices.Contains(l, base.String()) || len(text) > MaxLocale {
		return "", broken(authcore.LocaleInvalid)
	}
	return text, nil
}
