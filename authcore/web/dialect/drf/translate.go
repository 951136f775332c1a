package drf

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// FromError says a refusal of a flow in DRF's words. What is no refusal is logged once, and the client gets its id. A [*Failure]
// stays as it is. Fields are named as the flow names them, but for those that rename has.
func FromError(r *http.Request, log *slog.Logger, err error, rename map[string]string) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	h := http.Header{} // only what this package decides reaches the client
	p := httpauth.ToProblem(h, r, log, err)
	var refusal *authcore.Error
	errors.As(err, &refusal)
	switch p.Code {
	case authcore.RateLimited, authcore.AccountLocked, authcore.TooManyAttempts:
		return Throttled(refusal.RetryAfter)
	case authcore.AuthenticationRequired:
		return NotAuthenticated()
	case authcore.InvalidCredentials, authcore.InvalidToken, authcore.InvalidRefreshToken, authcore.RefreshTokenReused:
		return Detail(http.StatusUnauthorized, "Incorrect authentication credentials.")
	case authcore.Forbidden:
		return PermissionDenied()
	case authcore.NotFound:
		return NotFound()
	case authcore.MethodNotAllowed:
		return MethodNotAllowed(r.Method)
	case authcore.InvalidRequest:
		return Detail(http.StatusBadRequest, "Malformed request.")
	case authcore.InvalidFields, authcore.Conflict:
		if f := fromFields(p.Fields, rename); f != nil {
			return f
		}
		return NonField(p.Detail)
	}
	f = Detail(p.Status, p.Detail)
	if after, err := strconv.Atoi(h.Get("Retry-After")); err == nil {
		f.Wait = time.Duration(after) * time.Second
	}
	return f
}

func fromFields(fields authcore.FieldErrors, rename map[string]string) *Failure {
	var all FieldErrors
	for _, e := range fields {
		name := e.Field
		if other, found := rename[name]; found {
			name = other
		}
		all = all.Add(name, Text(e))
	}
	return all.Failure()
}

// django is what Django and DRF say of a broken rule, where they have a text for it. {N} is that of the rule.
var django = map[authcore.Rule]string{
	authcore.Required:                textRequired,
	authcore.EmailRequired:           textRequired,
	authcore.LoginRequired:           textRequired,
	authcore.PasswordRequired:        textRequired,
	authcore.CurrentPasswordRequired: textRequired,
	authcore.CodeRequired:            textRequired,
	authcore.NotUTF8:                 textNotString,
	authcore.CharacterNotAllowed:     "Enter a valid value.",
	authcore.EmailInvalid:            textEmail,
	authcore.EmailTooLong:            textEmail,
	authcore.EmailNotPortable:        textEmail,
	authcore.EmailTaken:              "user with this email address already exists.",
	authcore.UsernameTooShort:        textUsername,
	authcore.UsernameCharacters:      textUsername,
	authcore.UsernameReserved:        textUsername,
	authcore.UsernameTooLong:         textTooLong,
	authcore.UsernameTaken:           "A user with that username already exists.",
	authcore.PhoneTaken:              "user with this phone number already exists.",
	authcore.NameTooLong:             textTooLong,
	authcore.FieldTooLong:            textTooLong,
	authcore.FieldText:               textNotString,
	authcore.FieldInteger:            "A valid integer is required.",
	authcore.FieldBoolean:            "Must be a valid boolean.",
	authcore.FieldDate:               "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.",
	authcore.FieldURL:                "Enter a valid URL.",
	authcore.PasswordTooShort:        "This password is too short. It must contain at least {N} characters.",
	authcore.PasswordTooLong:         textTooLong,
	authcore.PasswordCommon:          textCommon,
	authcore.PasswordRepeats:         textCommon,
	authcore.PasswordGuessable:       textCommon,
	authcore.PasswordBreached:        textCommon,
	authcore.PasswordContext:         "The password is too similar to the username.",
	authcore.CurrentPasswordWrong:    "Invalid password.",
}

const (
	textTooLong  = "Ensure this field has no more than {N} characters."
	textUsername = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
	textCommon   = "This password is too common."
)

// Text is what Django says of a broken rule; our own text where it has no such rule.
func Text(e authcore.FieldError) string {
	if words, found := django[e.Rule]; found {
		return strings.ReplaceAll(words, "{N}", strconv.Itoa(e.Params.N))
	}
	return e.Error()
}
