package portal

import (
	"strconv"
	"strings"
)

// rules maps what the capabilities say of a broken rule to the texts of the pages. A test holds it against their sources.
var rules = map[string]string{
	"is required": "required",
	"Enter a valid e-mail address, such as name@example.com.":                                              "email",
	"The e-mail address is too long.":                                                                      "email_long",
	"This address has a character before the @ that not all mail servers understand. Use another address.": "email_odd",
	"Enter an e-mail address.":                                                                             "email_missing",
	"The username is too long: at most 32 characters.":                                                     "username_long",
	"The username is too short: at least 3 characters.":                                                    "username_short",
	"A username may contain only the letters a to z, digits, dots, underscores and hyphens.":               "username_letters",
	"This username is reserved. Choose another one.":                                                       "username_reserved",
	"This username is taken. Choose another one.":                                                          "username_taken",
	"This username is taken.":                                                                              "username_taken",
	"This email is taken.":                                                                                 "email_taken",
	"Enter a phone number in international format, such as +43 1 2345678.":                                 "phone",
	"The phone number is too long.":                                                                        "phone_long",
	"The name is too long: at most 100 characters.":                                                        "name_long",
	"The device name is too long: at most 100 characters.":                                                 "name_long",
	"This is not valid UTF-8.":                                                                             "text",
	"This contains a character that is not allowed here.":                                                  "text",
	"Choose a password.":                                                                                   "password_missing",
	"Password is too long.":                                                                                "password_long",
	"Password is not valid UTF-8.":                                                                         "text",
	"This is one of the most common passwords. Choose another one.":                                        "password_common",
	"Do not use your name, your address or the name of this service as your password.":                     "password_context",
	"Do not repeat the same characters. Add more, different words.":                                        "password_repeats",
	"This password is easy to guess. Use several unrelated words.":                                         "password_guessable",
	"Enter the code from the mail.":                                                                        "otp_missing",
	"Enter your e-mail address or username.":                                                               "login_missing",
	"The current password is wrong.":                                                                       "password_wrong",
	"Enter your current password.":                                                                         "current_password_missing",
}

// countedRules are those that name a number.
var countedRules = []struct{ before, after, id string }{
	{"Use at least ", " characters.", "password_least"},
	{"Use at most ", " characters.", "password_most"},
}

// rule returns a broken rule in the visitor's language.
func (w *words) rule(sentence string) string {
	if id, ok := rules[sentence]; ok {
		return w.t("rule." + id)
	}
	for _, c := range countedRules {
		rest, ok := strings.CutPrefix(sentence, c.before)
		if !ok {
			continue
		}
		if number, ok := strings.CutSuffix(rest, c.after); ok {
			if n, err := strconv.Atoi(number); err == nil {
				return w.count("rule."+c.id, n)
			}
		}
	}
	return sentence // better in English than not at all
}
