package notify

import (
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// language is every word mails are made of. The strings are text templates over
// [facts]; what users have written is never part of a template.
type language struct {
	tag          string // BCP 47
	greeting     string
	greetingName string
	when         string
	where        string
	device       string
	timeLayout   string
	duration     func(time.Duration) string
	kinds        map[authcore.MailKind]wording
}

// wording is one kind of mail. A label stands before what it names, if that is there.
type wording struct {
	subject   string
	before    []string
	codeLabel string
	linkLabel string
	after     []string
	showCause bool // when, from where and with what device
}

var english = language{
	tag:          "en",
	greeting:     "Hello,",
	greetingName: "Hello {{.Name}},",
	when:         "Time",
	where:        "Network address",
	device:       "Device",
	timeLayout:   "2 January 2006, 15:04 MST",
	duration:     englishDuration,
	kinds: map[authcore.MailKind]wording{
		authcore.MailVerify: {
			subject:   "Confirm your e-mail address for {{.Brand}}",
			before:    []string{"Somebody, probably you, signed up at {{.Brand}} with this address."},
			codeLabel: "Enter this code to confirm it:",
			linkLabel: "Or open this link:",
			after: []string{
				"{{with .Expiry}}This works for {{.}}. {{end}}If it was not you, ignore this mail: without the code nothing will happen. Never pass the code on to anybody.",
			},
		},
		authcore.MailAccountExists: {
			subject: "You already have an account at {{.Brand}}",
			before: []string{
				"Somebody, probably you, tried to register at {{.Brand}} with this address. You have an account already: sign in, or reset your password if you no longer know it.",
			},
			linkLabel: "Sign in here:",
			after:     []string{"If it was not you, ignore this mail: nothing has changed, and whoever tried was not told that this account exists."},
		},
		authcore.MailReset: {
			subject:   "Reset your password for {{.Brand}}",
			before:    []string{"Somebody, probably you, asked to reset the password of your account at {{.Brand}}."},
			codeLabel: "Enter this code to choose a new one:",
			linkLabel: "Or open this link:",
			after: []string{
				"{{with .Expiry}}This works for {{.}}. {{end}}If it was not you, ignore this mail: your password stays as it is. Never pass the code on to anybody.",
			},
			showCause: true,
		},
		authcore.MailPasswordReset: {
			subject:   "Your password for {{.Brand}} was changed",
			before:    []string{"The password of your account at {{.Brand}} has been changed, and every device has been signed out."},
			linkLabel: "If it was not you, reset your password at once:",
			after:     []string{"If it was you, there is nothing to do."},
			showCause: true,
		},
		authcore.MailSessionRevoked: {
			subject: "A session of your account at {{.Brand}} was ended",
			before: []string{
				"A used sign-in token of your account at {{.Brand}} came back. That can mean that somebody has copied it, so we ended that session. On that device you will have to sign in again.",
			},
			linkLabel: "See your account here:",
			after:     []string{"If you see anything there that you do not know, change your password."},
			showCause: true,
		},
	},
}

// englishDuration returns a duration in words: whole hours, else minutes, rounded down,
// so that no mail promises more than holds.
func englishDuration(d time.Duration) string {
	count, unit := int(d/time.Minute), "minute"
	switch {
	case d < time.Minute:
		count, unit = int(d/time.Second), "second"
	case d%time.Hour == 0 && d >= 48*time.Hour:
		count, unit = int(d/(24*time.Hour)), "day"
	case d%time.Hour == 0:
		count, unit = int(d/time.Hour), "hour"
	}
	if count != 1 {
		unit += "s"
	}
	return strconv.Itoa(count) + " " + unit
}
