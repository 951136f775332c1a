package drf

import (
	"net/http"
	"strings"
)

// Description is what OPTIONS tells of one field.
type Description struct {
	Field
	ReadOnly bool
	Label    string // "" is the field's name with a capital
	Help     string
	Integer  bool
	Datetime bool
}

// Metadata is the answer to OPTIONS that DRF's SimpleMetadata makes. fields are those of the one method of POST and PUT that the
// caller may use here; "" for none.
func Metadata(name, description, method string, fields ...Description) Answer {
	body := Object{
		{"name", name}, {"description", description},
		{"renders", []string{"application/json"}}, {"parses", MediaTypes},
	}
	if method != "" {
		all := make(Object, len(fields))
		for i, f := range fields {
			all[i] = Member{f.Name, f.object()}
		}
		body = append(body, Member{"actions", Object{{method, all}}})
	}
	return Answer{http.StatusOK, body}
}

func (d Description) object() Object {
	kind := "string"
	switch {
	case d.Email:
		kind = "email"
	case d.Boolean:
		kind = "boolean"
	case d.Integer:
		kind = "integer"
	case d.Datetime:
		kind = "datetime"
	}
	label := d.Label
	if label == "" {
		label = capitalize(d.Name)
	}
	o := Object{{"type", kind}, {"required", !d.Optional && !d.ReadOnly}, {"read_only", d.ReadOnly}, {"label", label}}
	if d.Help != "" {
		o = append(o, Member{"help_text", d.Help})
	}
	if d.Max > 0 {
		o = append(o, Member{"max_length", d.Max})
	}
	return o
}

// capitalize is how DRF makes a label of a field's name.
func capitalize(name string) string {
	words := []byte(strings.ReplaceAll(name, "_", " "))
	if len(words) > 0 && 'a' <= words[0] && words[0] <= 'z' {
		words[0] -= 'a' - 'A'
	}
	return string(words)
}
