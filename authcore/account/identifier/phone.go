package identifier

import (
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// MaxPhone is the longest phone number taken, in bytes, punctuation included.
const MaxPhone = 32

// Phone returns the number in E.164. It must begin with '+' and a country code: a national number means another person in
// each country. Only ASCII digits and the usual punctuation pass, so one number has no spelling in another script.
func Phone(s string) (string, error) {
	if s = strings.Trim(s, " "); len(s) > MaxPhone {
		return "", broken(authcore.PhoneTooLong)
	}
	if !strings.HasPrefix(s, "+") {
		return "", broken(authcore.PhoneInvalid)
	}
	for i := 1; i < len(s); i++ {
		if b := s[i]; (b < '0' || b > '9') && !strings.ContainsRune(" -.()/", rune(b)) {
			return "", broken(authcore.PhoneInvalid)
		}
	}
	number, err := e164(s)
	if err != nil {
		return "", err
	}
	// Of the zeros that some countries dial before a number at home one is left out. Where that leaves another, the number
	// would be a different one each time that it is read: stored, it would not be found, or be found as somebody else's.
	if again, err := e164(number); err != nil || again != number {
		return "", broken(authcore.PhoneInvalid)
	}
	return number, nil
}

func e164(s string) (string, error) {
	number, err := phonenumbers.Parse(s, "")
	// Possible, not valid: which ranges are in use changes faster than any table.
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return "", broken(authcore.PhoneInvalid)
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}
