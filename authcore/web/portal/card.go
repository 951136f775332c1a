package portal

import (
	"html/template"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// card is a page of one column: what most pages are. Every text in it is for reading as it is; the template escapes it.
type card struct {
	Title  string
	Alert  *alert
	Notice string
	Lost   string // why nobody is led back
	Intro  []string
	Points []point
	Apart  *link // opens in a new tab
	Forms  []form
	Links  []link
	Onward string        // where browsers that run no scripts go at once
	Script template.HTML // ours
}

func (c *card) title() string { return c.Title }

// alert says why something did not happen.
type alert struct {
	Title string
	Items []item // what to correct
}

// item is one broken rule; Field is the id of the field it belongs to, "" for none.
type item struct{ Text, Field string }

type point struct{ Title, Text string }

type link struct{ To, Text string }

// form is one form.
type form struct {
	ID     string
	Action string // "" for the page's own address: then the fragment of that outlives the redirect that follows
	Title  string // heading, where a page has several
	Intro  string
	Hidden []hidden
	Fields []field
	Button string
	Quiet  bool // not what the page is for
}

type hidden struct{ Name, Value string }

// field is one line of a form.
type field struct {
	ID           string
	Name         string
	Label        string
	Type         string
	Value        string
	Autocomplete string // WHATWG HTML §4.10.18.7.1
	InputMode    string
	Hint         string
	Optional     string // the word that says so; "" where it must be filled in
	MaxLength    int
	Focus        bool
	Errors       []string
}

// Described returns the ids of what a screen reader reads with the field.
func (f field) Described() string {
	ids := ""
	if f.Hint != "" {
		ids = f.ID + "-hint"
	}
	if len(f.Errors) > 0 {
		if ids != "" {
			ids += " "
		}
		ids += f.ID + "-error"
	}
	return ids
}

// The fields that pages have in common. What was typed comes back, a password never does.

func (v *visit) loginField(known string) field {
	return field{
		ID: "login", Name: "login", Label: v.t("field.login"), Type: "text", Value: v.typed("login", known),
		Autocomplete: "username", InputMode: "email", MaxLength: 320,
	}
}

func (v *visit) emailField(known string) field {
	return field{
		ID: "email", Name: "email", Label: v.t("field.email"), Type: "email", Value: v.typed("email", known),
		Autocomplete: "email", InputMode: "email", MaxLength: 254,
	}
}

// codeField is empty after a wrong code: it would have to be removed before the right one is pasted.
func (v *visit) codeField() field {
	typed := v.typed("otp", "")
	if v.is(authcore.InvalidCode) || v.is(authcore.TooManyAttempts) {
		typed = ""
	}
	return field{
		ID: "otp", Name: "otp", Label: v.t("field.otp"), Type: "text", Value: typed,
		Autocomplete: "one-time-code", InputMode: "numeric", MaxLength: 32, Hint: v.t("field.otp.hint"),
	}
}

func (v *visit) passwordField() field {
	return field{
		ID: "password", Name: "password", Label: v.t("field.password"), Type: "password", Autocomplete: "current-password",
		MaxLength: 1024,
	}
}

func (v *visit) newPasswordField() field {
	return field{
		ID: "new_password", Name: "new_password", Label: v.t("field.new_password"), Type: "password", Autocomplete: "new-password",
		MaxLength: 1024, Hint: v.count("field.new_password.hint", v.cfg.SignUp.MinPassword()),
	}
}

func (v *visit) optional(f field) field {
	f.Optional = v.t("field.optional")
	return f
}

// textField is a field of the profile.
func (v *visit) textField(name, autocomplete, known string, length int) field {
	return v.optional(field{
		ID: name, Name: name, Label: v.t("field." + name), Type: "text", Value: v.typed(name, known), Autocomplete: autocomplete,
		MaxLength: length,
	})
}

// backField carries the way back through a form.
func (v *visit) backField() []hidden {
	if back := v.back(); back != "" {
		return []hidden{{"rd", back}}
	}
	return nil
}
