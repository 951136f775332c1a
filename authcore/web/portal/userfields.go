package portal

import (
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// userFields ask for what the operator has added to accounts. Fields that people do not write are shown where known has a value of them.
func userFields(q *page.Request, set userfield.Set, known map[string]any) []page.Field {
	var all []page.Field
	for _, f := range set {
		if f.ReadOnly && known[f.Name] == nil {
			continue
		}
		field := page.Field{
			ID: "field-" + f.Name, Name: f.Path(), Label: fieldLabel(f.Name), Type: "text", Autocomplete: "off",
			Value: q.Value(f.Path(), f.Format(known[f.Name])), MaxLength: f.Length(),
		}
		if !f.Required {
			field.Optional = q.T("field.optional")
		}
		ask(q, f, &field)
		if f.ReadOnly {
			field.ReadOnly, field.Hint, field.Value = true, q.T("field.readonly.hint"), f.Format(known[f.Name])
			field.Optional = " "
		}
		all = append(all, field)
	}
	return all
}

// ask fits an input to the type of a field.
func ask(q *page.Request, f userfield.Field, into *page.Field) {
	switch f.Type {
	case userfield.Text:
		if f.Pattern != nil {
			into.Hint = q.T("field.pattern.hint", "Pattern", f.Form())
		}
	case userfield.Integer:
		into.InputMode, into.Hint = "numeric", q.T("field.integer.hint")
	case userfield.Date:
		into.Type, into.Hint = "date", q.T("field.date.hint")
	case userfield.URL:
		into.Type, into.InputMode, into.Hint = "url", "url", q.T("field.url.hint")
	case userfield.Boolean:
		into.Choices = []page.Choice{{Text: q.T("field.choose")}, {Value: "true", Text: q.T("field.yes")}, {Value: "false", Text: q.T("field.no")}}
	case userfield.Choice:
		into.Choices = []page.Choice{{Text: q.T("field.choose")}}
		for _, value := range f.Values {
			into.Choices = append(into.Choices, page.Choice{Value: value, Text: value})
		}
	}
}

// fieldLabel makes words of a name: there is nothing else to call the field by.
func fieldLabel(name string) string {
	words := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// typedFields reads the values of [userFields].
func typedFields(q *page.Request, set userfield.Set) map[string]any {
	given := map[string]any{}
	for _, f := range set {
		if q.Form.Has(f.Path()) {
			given[f.Name] = f.Parse(q.Form.Get(f.Path()))
		}
	}
	return given
}

// localeField asks for the language to be written to in; known is that of the account.
func localeField(q *page.Request, locales []string, known string) page.Field {
	f := page.TextField(q, "locale", "language", known, 35)
	f.Choices = []page.Choice{{Text: q.T("field.locale.browser")}}
	for _, locale := range locales {
		f.Choices = append(f.Choices, page.Choice{Value: locale, Text: q.LanguageName(locale)})
	}
	if known != "" && !slices.Contains(locales, known) { // a program has set one with its region
		f.Choices = append(f.Choices, page.Choice{Value: known, Text: q.LanguageName(known) + " (" + known + ")"})
	}
	return f
}
