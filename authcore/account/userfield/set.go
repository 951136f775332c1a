// Package userfield owns the fields that an operator adds to accounts (option user_field): what their values may be, and how a change
// of them is checked. It keeps nothing.
package userfield

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Type is what the values of a field are.
type Type string

// The types.
const (
	Text    Type = "text"
	Integer Type = "integer" // of at most 15 digits, which every JSON reader keeps exact (RFC 8259 §6)
	Boolean Type = "boolean"
	Date    Type = "date" // RFC 3339 full-date
	URL     Type = "url"  // absolute, http or https
	Choice  Type = "choice"
)

// Types lists them.
var Types = []Type{Text, Integer, Boolean, Date, URL, Choice}

// DefaultMax is how many characters a text or URL has at most where nothing else is said, MaxMax what may be said.
const (
	DefaultMax = 200
	MaxMax     = 10_000
)

// Field is one field.
type Field struct {
	Name     string
	Type     Type
	Values   []string       // of a Choice
	Max      int            // characters of a Text or URL; 0: DefaultMax
	Pattern  *regexp.Regexp // of a Text, as [Pattern] reads it; nil: any
	Required bool           // at sign-up, and from then on
	ReadOnly bool           // people do not write it
	Claim    bool           // tokens have it
}

// Path is how requests and their errors name the field.
func (f Field) Path() string { return "fields." + f.Name }

// Length returns how many characters a value has at most, as people type it.
func (f Field) Length() int {
	switch f.Type {
	case Integer:
		return len("-999999999999999")
	case Boolean:
		return len("false")
	case Date:
		return len("2006-01-02")
	case Choice:
		longest := 0
		for _, v := range f.Values {
			longest = max(longest, utf8.RuneCountInString(v))
		}
		return longest
	}
	return cmp.Or(f.Max, DefaultMax)
}

// Set is every field, in the order of the configuration. A nil Set has none.
type Set []Field

// Find returns the field with a name.
func (s Set) Find(name string) (Field, bool) {
	i := slices.IndexFunc(s, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return s[i], true
}

// Register returns what of given somebody sets who signs up: no read-only field, and every required one; nil for nothing. What is
// broken is named fields.<name>.
func (s Set) Register(given map[string]any) (map[string]any, authcore.FieldErrors) {
	set, broken := s.Change(given)
	maps.DeleteFunc(set, func(_ string, value any) bool { return value == nil })
	for _, f := range s {
		if _, there := set[f.Name]; !there && f.Required && !f.ReadOnly && len(broken.At(f.Path())) == 0 {
			broken.Add(f.Path(), authcore.Required)
		}
	}
	if len(set) == 0 {
		return nil, broken
	}
	return set, broken
}

// Change returns the change that a JSON merge patch (RFC 7396) asks for, in the form that is kept: null, and an empty text, remove a
// field. Read-only fields are left out (L21); an unknown one is broken, and so is the removal of a required one. What is broken is
// named fields.<name>.
func (s Set) Change(patch map[string]any) (map[string]any, authcore.FieldErrors) {
	var broken authcore.FieldErrors
	change := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(patch)) {
		value := patch[name]
		f, known := s.Find(name)
		if !known {
			broken.Add("fields."+name, authcore.FieldUnknown)
		}
		if !known || f.ReadOnly {
			continue
		}
		if value != nil {
			var err error
			value, err = f.check(value)
			broken.AddError(f.Path(), err)
			if value == "" {
				value = nil
			}
			if err != nil {
				continue
			}
		}
		if value == nil && f.Required {
			broken.Add(f.Path(), authcore.Required)
		}
		change[name] = value
	}
	return change, broken
}

// Writable returns the set as administrators have it: they write every field.
func (s Set) Writable() Set {
	all := slices.Clone(s)
	for i := range all {
		all[i].ReadOnly = false
	}
	return all
}

// Replace returns the merge patch that leaves the given values and no other that people write.
func (s Set) Replace(given map[string]any) map[string]any {
	patch := maps.Clone(given)
	if patch == nil {
		patch = map[string]any{}
	}
	for _, f := range s {
		if _, there := patch[f.Name]; !there {
			patch[f.Name] = nil
		}
	}
	return patch
}

// Shown returns those of an account's values whose fields there are. Values of a field that the operator has taken out stay with the
// account, and are shown by its export alone. It is never nil, and may be kept.
func (s Set) Shown(values map[string]any) map[string]any {
	shown := make(map[string]any, len(values))
	for name, value := range values {
		if _, known := s.Find(name); known {
			shown[name] = value
		}
	}
	return shown
}

// InTokens reports whether tokens have the field with a name.
func (s Set) InTokens(name string) bool {
	f, known := s.Find(name)
	return known && f.Claim
}

// Claims returns those of an account's values that its tokens have, as a JSON object; "" for none. A value that is not, or no longer, one
// of its field is left out: services take it for what the configuration promises.
func (s Set) Claims(values map[string]any) string {
	if len(values) == 0 {
		return ""
	}
	claims := map[string]any{}
	for _, f := range s {
		value, there := values[f.Name]
		if !there || !f.Claim {
			continue
		}
		if normal, err := f.check(value); err == nil && normal != nil {
			claims[f.Name] = normal
		}
	}
	if len(claims) == 0 {
		return ""
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // it would be five bytes longer for each
	if err := enc.Encode(claims); err != nil {
		return "" // unreachable: texts, numbers and booleans
	}
	return strings.TrimSpace(text.String())
}
