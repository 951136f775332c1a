package caddymodule

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
)

// UserFieldSettings is a field that accounts have besides those of Gatehouse.
type UserFieldSettings struct {
	// What it is called in the API: 1 to 32 of a-z, 0-9 and _, beginning with a letter.
	Name string `json:"name"`
	// text, integer, boolean, date (such as 2026-12-31), url (http or https) or choice.
	Type string `json:"type"`
	// What a choice can be.
	Values []string `json:"values,omitempty"`
	// Characters of a text or url, 1 to 10000. Default: 200.
	Max int `json:"max,omitempty"`
	// A regular expression (RE2) that a whole text must match.
	Pattern string `json:"pattern,omitempty"`
	// Must be given at sign-up, and cannot be emptied.
	Required bool `json:"required,omitempty"`
	// People cannot write it.
	ReadOnly bool `json:"readonly,omitempty"`
	// Access tokens have it, and requests the placeholder {http.auth.user.fields.<name>}. All fields with it together have at most 1024
	// characters.
	Claim bool `json:"claim,omitempty"`
}

// What fields take of a token is bounded: a browser keeps cookies of 4 KiB, and a token has at most 64 members that differ.
const (
	maxClaims     = 1024 // characters, by the greatest length of each field
	maxClaimCount = 64
)

var userFieldOptions = []option[UserFieldSettings]{
	{
		name:  "values",
		parse: readWords(func(f *UserFieldSettings) *[]string { return &f.Values }),
		check: func(f *UserFieldSettings) error { return checkValues(f.Values) },
	},
	{
		name:  "max",
		parse: readNumber(func(f *UserFieldSettings) *int { return &f.Max }),
		check: func(f *UserFieldSettings) error { return between(f.Max, 1, userfield.MaxMax) },
	},
	{
		name:  "pattern",
		parse: readText(func(f *UserFieldSettings) *string { return &f.Pattern }),
		check: func(f *UserFieldSettings) error { return checkPattern(f.Pattern) },
	},
	{name: "required", parse: readFlag(func(f *UserFieldSettings) *bool { return &f.Required })},
	{name: "readonly", parse: readFlag(func(f *UserFieldSettings) *bool { return &f.ReadOnly })},
	{name: "claim", parse: readFlag(func(f *UserFieldSettings) *bool { return &f.Claim })},
}

// parseUserField reads `user_field <name> <type>` and its block. It checks the field, because the check of the option would name the line
// of the first one.
func parseUserField(d *caddyfile.Dispenser, s *Settings) error {
	at := d.Token()
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Err("user_field takes a name and a type, such as: user_field company text")
	}
	f := UserFieldSettings{Name: args[0], Type: args[1]}
	if err := parseBlock(d, userFieldOptions, &f); err != nil {
		return fmt.Errorf("user_field: %w", err)
	}
	s.UserFields = append(s.UserFields, f)
	if err := checkUserField(s.UserFields); err != nil {
		return errorAt(at, fmt.Errorf("user_field: %w", err))
	}
	return nil
}

var userFieldName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

func checkUserFields(s *Settings) error {
	for i := range s.UserFields {
		if err := checkUserField(s.UserFields[:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// checkUserField checks the last of the fields that come so far.
func checkUserField(fields []UserFieldSettings) error {
	f, others := fields[len(fields)-1], fields[:len(fields)-1]
	if !userFieldName.MatchString(f.Name) {
		return fmt.Errorf("%s is not a name: use 1 to 32 of a-z, 0-9 and _, beginning with a letter", shown(f.Name))
	}
	if slices.ContainsFunc(others, func(other UserFieldSettings) bool { return other.Name == f.Name }) {
		return fmt.Errorf("%s is given twice", f.Name)
	}
	if err := f.validate(); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	if f.Claim {
		return checkClaims(fields)
	}
	return nil
}

func checkClaims(fields []UserFieldSettings) error {
	length, count := 0, 0
	for _, f := range fields {
		if f.Claim {
			length, count = length+f.field().Length(), count+1
		}
	}
	if length > maxClaims {
		return fmt.Errorf("%s: claim: the fields with claim may have %d characters together, and with this one they have %d; give texts and urls a lower max",
			fields[len(fields)-1].Name, maxClaims, length)
	}
	if count > maxClaimCount {
		return fmt.Errorf("%s: claim: at most %d fields may have it", fields[len(fields)-1].Name, maxClaimCount)
	}
	return nil
}

// field is the field without its pattern.
func (f UserFieldSettings) field() userfield.Field {
	return userfield.Field{Name: f.Name, Type: userfield.Type(f.Type), Values: f.Values, Max: f.Max, Required: f.Required, ReadOnly: f.ReadOnly, Claim: f.Claim}
}

func (f UserFieldSettings) validate() error {
	types := make([]string, len(userfield.Types))
	for i, t := range userfield.Types {
		types[i] = string(t)
	}
	if !slices.Contains(types, f.Type) {
		return errors.New(unknownWord("a type", f.Type, types))
	}
	text := f.Type == string(userfield.Text)
	switch {
	case f.Type != string(userfield.Choice) && len(f.Values) > 0:
		return errors.New("values belong to a choice")
	case f.Type == string(userfield.Choice) && len(f.Values) == 0:
		return errors.New("a choice needs values: values small large")
	case f.Max != 0 && !text && f.Type != string(userfield.URL):
		return errors.New("max belongs to a text or url")
	case f.Pattern != "" && !text:
		return errors.New("pattern belongs to a text")
	case f.Required && f.ReadOnly:
		return errors.New("nobody who signs up can give a field that is readonly: remove required or readonly")
	}
	return checkAll(userFieldOptions, &f)
}

// checkValues takes what a form can send and an identity header can carry, as the field keeps it.
func checkValues(values []string) error {
	for i, v := range values {
		if normal, err := identifier.Line(v, userfield.DefaultMax); err != nil || normal != v || v == "" {
			return fmt.Errorf("%s must be a text of 1 to %d characters in one line, without blanks around it", shown(v), userfield.DefaultMax)
		}
		if slices.Contains(values[:i], v) {
			return fmt.Errorf("%q is given twice", v)
		}
	}
	return nil
}

func checkPattern(pattern string) error {
	_, err := userfield.Pattern(pattern)
	return err
}

func resolveUserFields(s *Settings, r *resolved) error {
	for _, f := range s.UserFields {
		field := f.field()
		if f.Pattern != "" {
			var err error
			if field.Pattern, err = userfield.Pattern(f.Pattern); err != nil {
				return fmt.Errorf("user_field: %s: pattern: %w", f.Name, err)
			}
		}
		r.userFields = append(r.userFields, field)
	}
	return nil
}

func offeredFields(set userfield.Set) []httpapi.OfferedField {
	all := []httpapi.OfferedField{}
	for _, f := range set {
		all = append(all, httpapi.OfferedField{Name: f.Name, Type: string(f.Type), Required: f.Required, Values: append([]string{}, f.Values...)})
	}
	return all
}
