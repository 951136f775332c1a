package page

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// The fields that pages have in common. What was typed comes back, a password never does.

// LoginField asks for what people sign in with: an address, a username or a number, as the configuration has them.
func LoginField(q *Request, known string) Field {
	return Field{
		ID: "login", Name: "login", Label: q.T(loginLabel(q.Identities)), Type: "text", Value: q.Value("login", known),
		Autocomplete: "username", InputMode: "email", MaxLength: 320,
	}
}

// loginLabel returns the text that names the kinds of identifier.
func loginLabel(kinds []authcore.IdentifierKind) string {
	email, username, phone := slices.Contains(kinds, authcore.KindEmail), slices.Contains(kinds, authcore.KindUsername), slices.Contains(kinds, authcore.KindPhone)
	switch {
	case email && username && phone:
		return "field.login.any"
	case email && phone:
		return "field.target"
	case username && phone:
		return "field.login.no_email"
	case email && username:
		return "field.login"
	case phone:
		return "field.phone"
	case username:
		return "field.username"
	}
	return "field.email"
}

// EmailField asks for an address.
func EmailField(q *Request, known string) Field {
	return Field{
		ID: "email", Name: "email", Label: q.T("field.email"), Type: "email", Value: q.Value("email", known),
		Autocomplete: "email", InputMode: "email", MaxLength: 254,
	}
}

// CodeField asks for the code of a mail. It is empty after a wrong one, which would have to be removed before the right one is pasted.
func CodeField(q *Request) Field {
	value := q.Value("otp", "")
	if q.Is(authcore.InvalidCode) || q.Is(authcore.TooManyAttempts) {
		value = ""
	}
	return Field{
		ID: "otp", Name: "otp", Label: q.T("field.otp"), Type: "text", Value: value,
		Autocomplete: "one-time-code", InputMode: "numeric", MaxLength: 32, Hint: q.T("field.otp.hint"),
	}
}

// ProofCodeField is for the code beside a password: that of an authenticator app or a recovery code. It is never filled in again.
func ProofCodeField(q *Request) Field {
	AskCodeOf(q, authcore.FactorTOTP)
	f := CodeField(q)
	f.Value, f.Label, f.Hint, f.InputMode = "", q.T("field.proof_otp"), q.T("field.proof_otp.hint"), "text"
	return f
}

// PasswordField asks for a password that is known, under a name with a label.
func PasswordField(q *Request, name string) Field {
	return Field{
		ID: name, Name: name, Label: q.T("field." + name), Type: "password", Autocomplete: "current-password", MaxLength: 1024,
	}
}

// NewPasswordField asks for a password to be set, of so many characters at least.
func NewPasswordField(q *Request, name string, least int) Field {
	f := PasswordField(q, name)
	f.Autocomplete, f.Hint = "new-password", q.Count("field.new_password.hint", least)
	return f
}

// TextField is a field of the profile, which may be left empty.
func TextField(q *Request, name, autocomplete, known string, length int) Field {
	return Field{
		ID: name, Name: name, Label: q.T("field." + name), Type: "text", Value: q.Value(name, known), Autocomplete: autocomplete,
		MaxLength: length, Optional: q.T("field.optional"),
	}
}

// UsernameField is a [TextField] for a username.
func UsernameField(q *Request, known string) Field {
	f := TextField(q, "username", "nickname", known, 32)
	f.Hint = q.T("field.username.hint")
	return f
}

// Checkbox asks yes or no; the text field.<name> says what.
func Checkbox(q *Request, name string, known bool) Field {
	f := Field{ID: name, Name: name, Label: q.T("field." + name), Type: "checkbox", Optional: q.T("field.optional")}
	if known && q.Form == nil || q.Form.Get(name) != "" {
		f.Value = "on"
	}
	return f
}

// ReturnField carries the way back through a form.
func ReturnField(q *Request) []Hidden {
	if to := q.ReturnTo(); to != "" {
		return []Hidden{{"rd", to}}
	}
	return nil
}
