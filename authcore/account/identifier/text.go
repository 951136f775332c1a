package identifier

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// The bounds of free text, in characters after normalising.
const (
	MaxPersonName = 100
	MaxDeviceName = 100
	MaxFactorName = 100
)

// PersonName returns free text as people name themselves: trimmed, in NFC, at most 100 characters, "" allowed. It is
// valid UTF-8 on one line. Characters that turn the direction of text or cannot be seen are refused, for they make one
// name look like another one (or a log line like two); the joiners that scripts need inside words stay.
func PersonName(s string) (string, error) {
	return freeText(s, MaxPersonName, authcore.NameTooLong)
}

// DeviceName is PersonName for what people call their devices.
func DeviceName(s string) (string, error) {
	return freeText(s, MaxDeviceName, authcore.DeviceNameTooLong)
}

// Line is free text of at most so many characters, by the rules of [PersonName].
func Line(s string, limit int) (string, error) {
	return freeText(s, limit, authcore.FieldTooLong)
}

// FactorName is PersonName for what people call their second factors.
func FactorName(s string) (string, error) {
	return freeText(s, MaxFactorName, authcore.NameTooLong)
}

func freeText(s string, limit int, tooLong authcore.Rule) (string, error) {
	if len(s) > 4*limit+64 {
		return "", brokenBy(tooLong, limit)
	}
	if !utf8.ValidString(s) {
		return "", broken(authcore.NotUTF8)
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	for _, r := range s {
		if !lineRune(r) {
			return "", broken(authcore.CharacterNotAllowed)
		}
	}
	if utf8.RuneCountInString(s) > limit {
		return "", brokenBy(tooLong, limit)
	}
	return s, nil
}

// lineRune reports whether r may stand in one line of free text.
func lineRune(r rune) bool {
	switch r {
	case '\u200c', '\u200d': // joiners: Persian, Indic scripts and emoji are misspelt without them
		return true
	case '\u2028', '\u2029': // line and paragraph separator
		return false
	}
	return r != utf8.RuneError && !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Noncharacter_Code_Point)
}

// cleanText reports whether s is valid UTF-8 without control, format or separator characters.
func cleanText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r == utf8.RuneError || invisible(r) {
			return false
		}
	}
	return true
}

// invisible reports whether r is a control or format character or any white space but the plain one.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Noncharacter_Code_Point, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) ||
		r != ' ' && unicode.IsSpace(r)
}
