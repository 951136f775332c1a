package authcore

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Rule is the stable name of something that the value of a field must satisfy. It says what is wrong to programs; the texts for people
// are made where they are shown: the API's in English, below, and those of the pages under the id "rule." and the name.
type Rule string

// The rules. N and Text are those of [Params].
const (
	Required            Rule = "required"
	NotUTF8             Rule = "not_utf8"
	CharacterNotAllowed Rule = "character_not_allowed"

	EmailRequired    Rule = "email_required"
	EmailInvalid     Rule = "email_invalid"
	EmailTooLong     Rule = "email_too_long"
	EmailNotPortable Rule = "email_not_portable" // valid, but not all mail servers understand it
	EmailTaken       Rule = "email_taken"

	UsernameTooShort   Rule = "username_too_short" // N: the least number of characters
	UsernameTooLong    Rule = "username_too_long"  // N: the greatest
	UsernameCharacters Rule = "username_characters"
	UsernameReserved   Rule = "username_reserved"
	UsernameTaken      Rule = "username_taken"

	PhoneInvalid        Rule = "phone_invalid"
	AvatarUnreadable    Rule = "avatar_unreadable"
	AvatarTooManyPixels Rule = "avatar_too_many_pixels"
	PhoneNotTaken       Rule = "phone_not_taken" // its country is not in the option `phone`, or it is none that SMS go to
	PhoneTooLong        Rule = "phone_too_long"
	PhoneTaken          Rule = "phone_taken"
	NameTooLong         Rule = "name_too_long"        // N: the greatest number of characters
	DeviceNameTooLong   Rule = "device_name_too_long" // N: likewise

	LocaleInvalid Rule = "locale_invalid"

	BlockPattern Rule = "block_pattern" // of a block rule

	// Of the fields that the operator has added.
	FieldUnknown Rule = "field_unknown"
	FieldText    Rule = "field_text"
	FieldInteger Rule = "field_integer"
	FieldBoolean Rule = "field_boolean"
	FieldDate    Rule = "field_date"
	FieldURL     Rule = "field_url"
	FieldChoice  Rule = "field_choice"
	FieldPattern Rule = "field_pattern"
	FieldTooLong Rule = "field_too_long" // N: the greatest number of characters

	PasswordRequired  Rule = "password_required"
	PasswordsOff      Rule = "passwords_off"      // nobody signs in by one
	PasswordTooShort  Rule = "password_too_short" // N: the least number of characters
	PasswordTooLong   Rule = "password_too_long"  // N: the greatest
	PasswordOversize  Rule = "password_oversize"  // too long to be looked at
	PasswordCommon    Rule = "password_common"
	PasswordContext   Rule = "password_context" // mostly names of the person or the service
	PasswordRepeats   Rule = "password_repeats"
	PasswordGuessable Rule = "password_guessable"
	// Of what is asked about a request.
	QuestionInvalid Rule = "question_invalid"
	WholeURL        Rule = "whole_url"
	IPInvalid       Rule = "ip_invalid"
	HeaderLine      Rule = "header_line"
	UserOrToken     Rule = "user_or_token"
	NoSuchSite      Rule = "no_such_site"
	NoSuchAccount   Rule = "no_such_account"

	PasswordBreached Rule = "password_breached" // in a list of passwords of known breaches

	CurrentPasswordRequired Rule = "current_password_required"
	CurrentPasswordWrong    Rule = "current_password_wrong"

	RoleInvalid  Rule = "role_invalid"   // N: the greatest number of characters
	TooManyRoles Rule = "too_many_roles" // N: the greatest number of roles

	RoleNeedsAddress Rule = "role_needs_address"

	NotificationAlways   Rule = "notification_always"  // a kind of mail that cannot be switched off
	NotificationUnknown  Rule = "notification_unknown" // there is no such kind of mail
	FactorTypeNotOffered Rule = "factor_type_not_offered"
	FactorTypeMissing    Rule = "factor_type_missing" // the account has no factor of the type
	FactorExists         Rule = "factor_exists"

	CodeRequired  Rule = "code_required"
	NotOffered    Rule = "not_offered" // not one of those that the answer before has named
	LoginRequired Rule = "login_required"

	// Of a span of time.
	SpanEmpty   Rule = "span_empty"    // it ends before it begins
	SpanTooLong Rule = "span_too_long" // N: the greatest number of days
	TooManyRows Rule = "too_many_rows" // N: the greatest number of rows

	SettingRange Rule = "setting_range" // Text: what the value may be

	// These are broken by programs alone; no page has such a field.
	NotForServices   Rule = "not_for_services"
	KindUnknown      Rule = "kind_unknown"
	AdminSetsNone    Rule = "admin_sets_none"
	SessionSelector  Rule = "session_selector"
	SessionIDInvalid Rule = "session_id_invalid"
	DeviceIDInvalid  Rule = "device_id_invalid"
)

// english is what the API says of a broken rule. {N} and {Text} are those of [Params].
var english = map[Rule]string{
	Required:                "is required",
	NotUTF8:                 "This is not valid UTF-8.",
	CharacterNotAllowed:     "This contains a character that is not allowed here.",
	EmailRequired:           "Enter an e-mail address.",
	EmailInvalid:            "Enter a valid e-mail address, such as name@example.com.",
	EmailTooLong:            "The e-mail address is too long.",
	EmailNotPortable:        "This address has a character before the @ that not all mail servers understand. Use another address.",
	EmailTaken:              "This email is taken.",
	UsernameTooShort:        "The username is too short: at least {N} characters.",
	UsernameTooLong:         "The username is too long: at most {N} characters.",
	UsernameCharacters:      "A username may contain only the letters a to z, digits, dots, underscores and hyphens.",
	UsernameReserved:        "This username is reserved. Choose another one.",
	UsernameTaken:           "This username is taken. Choose another one.",
	AvatarUnreadable:        "Choose a picture: a PNG, JPEG, GIF or WebP file that is not damaged.",
	AvatarTooManyPixels:     "The picture has too many pixels: at most 16 million.",
	PhoneNotTaken:           "Numbers of this country or kind cannot be used here.",
	PhoneInvalid:            "Enter a phone number in international format, such as +43 1 2345678.",
	PhoneTooLong:            "The phone number is too long.",
	PhoneTaken:              "This phone number is taken.",
	NameTooLong:             "The name is too long: at most {N} characters.",
	DeviceNameTooLong:       "The device name is too long: at most {N} characters.",
	BlockPattern:            "This is not a valid pattern.",
	LocaleInvalid:           "Choose one of the languages that are offered.",
	FieldUnknown:            "There is no such field.",
	FieldText:               "Enter text.",
	FieldInteger:            "Enter a whole number of at most 15 digits.",
	FieldBoolean:            "Enter yes or no.",
	FieldDate:               "Enter a date, such as 2026-12-31.",
	FieldURL:                "Enter a web address, such as https://example.com.",
	FieldChoice:             "Choose one of the values that are listed.",
	FieldPattern:            "This does not have the form that is asked for.",
	FieldTooLong:            "This is too long: at most {N} characters.",
	PasswordRequired:        "Choose a password.",
	PasswordsOff:            "No passwords are used here. Leave it out.",
	PasswordTooShort:        "Use at least {N} characters.",
	PasswordTooLong:         "Use at most {N} characters.",
	PasswordOversize:        "Password is too long.",
	PasswordCommon:          "This is one of the most common passwords. Choose another one.",
	PasswordContext:         "Do not use your name, your address or the name of this service as your password.",
	PasswordRepeats:         "Do not repeat the same characters. Add more, different words.",
	PasswordGuessable:       "This password is easy to guess. Use several unrelated words.",
	QuestionInvalid:         "This is not the method of a request.",
	WholeURL:                "Enter the whole address, such as https://app.example.com/reports.",
	IPInvalid:               "This is not an IP address.",
	HeaderLine:              "Enter one header a line, as Name: value, 64 KiB at most. A token has a field of its own, and cookies are not asked about.",
	UserOrToken:             "Enter a user or a token, not both.",
	NoSuchSite:              "No site of the configuration takes this address.",
	NoSuchAccount:           "There is no such account.",
	PasswordBreached:        "This password is in a list of stolen passwords. Choose another one.",
	CurrentPasswordRequired: "Enter your current password.",
	CurrentPasswordWrong:    "The current password is wrong.",
	RoleInvalid:             "A role has 1 to {N} of the letters a to z, digits, and . _ : -",
	TooManyRoles:            "At most {N} roles are possible.",
	RoleNeedsAddress:        "The roles admin and auditor can be given only to an address.",
	NotificationAlways:      "This mail is always sent: it tells you of a change of your account.",
	NotificationUnknown:     "There is no such notification.",
	NotOffered:              "This is not offered here.",
	FactorTypeNotOffered:    "This type of second factor is not offered here.",
	FactorTypeMissing:       "You have no second factor of this type.",
	FactorExists:            "This is a second factor of your account already.",
	CodeRequired:            "Enter the code from the mail.",
	LoginRequired:           "Enter your e-mail address or username.",
	SpanEmpty:               "This must be earlier than the end.",
	TooManyRows:             "More than {N} rows fit. Choose a shorter time, from and to.",
	SpanTooLong:             "At most {N} days are possible.",
	NotForServices:          "A service account has none.",
	KindUnknown:             "person or service.",
	AdminSetsNone:           "Administrators set no passwords: the owner chooses one by a link.",
	SettingRange:            "The value must be {Text}.",
	SessionSelector:         "Send exactly one of ids, all and others.",
	SessionIDInvalid:        "Send ids of sessions.",
	DeviceIDInvalid:         "Send ids of devices.",
}

// taken are the rules that a unique identifier of another account breaks.
var taken = map[IdentifierKind]Rule{KindEmail: EmailTaken, KindUsername: UsernameTaken, KindPhone: PhoneTaken}

// Params is what the text about a broken rule names besides the rule.
type Params struct {
	N    int    // the number that the rule is about, by which a language also chooses its plural
	Text string // what the rule names, in no language
}

// FieldError is a broken rule of one field of a request. It never holds the value.
type FieldError struct {
	Field  string // as the request names it; "" where what found it does not know
	Rule   Rule
	Params Params
}

// Error returns the text in English that the API shows.
func (e FieldError) Error() string {
	return strings.NewReplacer("{N}", strconv.Itoa(e.Params.N), "{Text}", e.Params.Text).Replace(english[e.Rule])
}

// FieldErrors is everything that is wrong with the fields of a request, in the order in which it was found.
type FieldErrors []FieldError

// Add notes a broken rule.
func (all *FieldErrors) Add(field string, rule Rule) {
	*all = append(*all, FieldError{Field: field, Rule: rule})
}

// AddErrors notes what was found in the value of a field.
func (all *FieldErrors) AddErrors(field string, found ...FieldError) {
	for _, e := range found {
		e.Field = field
		*all = append(*all, e)
	}
}

// AddError is AddErrors for a [FieldError] that was returned as an error; nil adds nothing.
func (all *FieldErrors) AddError(field string, err error) {
	var e FieldError
	switch {
	case err == nil:
	case errors.As(err, &e):
		all.AddErrors(field, e)
	default: // unreachable; a value that was refused must not pass for a good one
		panic(fmt.Sprintf("the field %s broke no rule: %v", field, err))
	}
}

// At returns what is wrong with one field.
func (all FieldErrors) At(field string) FieldErrors {
	return slices.DeleteFunc(slices.Clone(all), func(e FieldError) bool { return e.Field != field })
}

// Refusal returns an [Error] of the code [InvalidFields] with all of it; nil when there is nothing.
func (all FieldErrors) Refusal() error {
	if len(all) == 0 {
		return nil
	}
	return &Error{Code: InvalidFields, Detail: "Some fields are invalid.", Fields: all}
}

// RefuseField refuses a request for one rule of one field.
func RefuseField(field string, rule Rule) error {
	return FieldErrors{{Field: field, Rule: rule}}.Refusal()
}

// RefuseValue refuses a request for what was found in the value of one field.
func RefuseValue(field string, found ...FieldError) error {
	var all FieldErrors
	all.AddErrors(field, found...)
	return all.Refusal()
}
