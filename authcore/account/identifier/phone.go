package identifier

import (
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// MaxPhone is the longest phone number taken, in bytes, punctuation included.
const MaxPhone = 32

// Numbers says how phone numbers are read and which are taken. The zero value reads numbers with a country code only, and takes those
// of every country. Regions are ISO 3166-1 alpha-2 codes in upper case, such as DE.
type Numbers struct {
	Region    string   // whose national numbers are read; "": none are, since one would be another person's in each country
	Countries []string // whose numbers are taken; empty: all
	Texts     bool     // SMS go to them: only those that [Numbers.Reaches] are taken
}

// Phone is [Numbers.Read] of the zero Numbers.
func Phone(s string) (string, error) { return Numbers{}.Read(s) }

// Read returns the number in E.164. It begins with '+' and a country code, or, with a Region, is one of that region as it is dialled
// there. Only ASCII digits and the usual punctuation pass, so one number has no spelling in another script. Refused are numbers of other
// countries than those that are taken; such a number is returned beside the error, for rules that look at it.
func (n Numbers) Read(s string) (string, error) {
	if s = strings.Trim(s, " "); len(s) > MaxPhone {
		return "", broken(authcore.PhoneTooLong)
	}
	if s == "" || !strings.HasPrefix(s, "+") && n.Region == "" {
		return "", broken(authcore.PhoneInvalid)
	}
	for i := range len(s) {
		if b := s[i]; (b < '0' || b > '9') && !strings.ContainsRune(" -.()/", rune(b)) && (b != '+' || i > 0) {
			return "", broken(authcore.PhoneInvalid)
		}
	}
	number, err := e164(s, n.Region)
	if err != nil {
		return "", err
	}
	// Of the zeros that some countries dial before a number at home one is left out. Where that leaves another, the number
	// would be a different one each time that it is read: stored, it would not be found, or be found as somebody else's.
	if again, err := e164(number, ""); err != nil || again != number {
		return "", broken(authcore.PhoneInvalid)
	}
	if !n.listed(number) || n.Texts && !n.Reaches(number) {
		return number, broken(authcore.PhoneNotTaken)
	}
	return number, nil
}

func e164(s, region string) (string, error) {
	number, err := phonenumbers.Parse(s, region)
	// Possible, not valid: which ranges are in use changes faster than any table.
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return "", broken(authcore.PhoneInvalid)
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

// costly are the kinds of number that earn their owner money when they are called or texted, or that nobody reads texts at.
var costly = []phonenumbers.PhoneNumberType{phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST, phonenumbers.TOLL_FREE,
	phonenumbers.UAN, phonenumbers.PAGER, phonenumbers.VOICEMAIL}

// Reaches reports whether an SMS may go to a number in E.164: one of a country that is taken. Numbers of no country (satellites,
// international premium rates) and costly ones are never texted: who is paid for an SMS asks for many (O19).
func (n Numbers) Reaches(e164 string) bool {
	number, err := phonenumbers.Parse(e164, "")
	return n.Texts && err == nil && strings.HasPrefix(e164, "+") && !slices.Contains(costly, phonenumbers.GetNumberType(number)) &&
		phonenumbers.GetRegionCodeForCountryCode(int(number.GetCountryCode())) != noCountry && n.listed(e164)
}

// listed reports whether a number in E.164 is of a country that is taken. Where countries are listed, a number of which
// the country is not known for sure is not taken: several share +1 and +44.
func (n Numbers) listed(e164 string) bool {
	if len(n.Countries) == 0 {
		return true
	}
	number, err := phonenumbers.Parse(e164, "")
	return err == nil && slices.Contains(n.Countries, phonenumbers.GetRegionCodeForNumber(number))
}

// noCountry is the region of the country codes that no country has.
const noCountry = "001"

// IsRegion reports whether a code is one of the regions whose numbers are known.
func IsRegion(code string) bool { return phonenumbers.GetSupportedRegions()[code] }
