package userfield_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
)

func pattern(t *testing.T, text string) userfield.Field {
	t.Helper()
	p, err := userfield.Pattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return userfield.Field{Name: "f", Type: userfield.Text, Pattern: p}
}

// What each type takes, and how it is kept.
func TestChange_Types(t *testing.T) {
	t.Parallel()
	text := userfield.Field{Name: "f", Type: userfield.Text}
	short := userfield.Field{Name: "f", Type: userfield.Text, Max: 3}
	integer := userfield.Field{Name: "f", Type: userfield.Integer}
	boolean := userfield.Field{Name: "f", Type: userfield.Boolean}
	date := userfield.Field{Name: "f", Type: userfield.Date}
	link := userfield.Field{Name: "f", Type: userfield.URL}
	choice := userfield.Field{Name: "f", Type: userfield.Choice, Values: []string{"red", "light blue"}}
	for _, c := range []struct {
		field userfield.Field
		given any
		want  any
		rule  authcore.Rule // "" for none
	}{
		{text, " Zoe\u0308 ", "Zoë", ""},
		{text, strings.Repeat("ä", 200), strings.Repeat("ä", 200), ""},
		{text, strings.Repeat("ä", 201), nil, authcore.FieldTooLong},
		{text, 5.0, nil, authcore.FieldText},
		{text, map[string]any{}, nil, authcore.FieldText},
		{short, "äöü", "äöü", ""},
		{short, "äöüß", nil, authcore.FieldTooLong},
		{pattern(t, "[A-Z]{2}|x"), "AB", "AB", ""},
		{pattern(t, "[A-Z]{2}|x"), "ABC", nil, authcore.FieldPattern},
		{pattern(t, "[A-Z]{2}|x"), "xx", nil, authcore.FieldPattern}, // the whole text, by each of the alternatives
		{integer, 7.0, 7.0, ""},
		{integer, -999_999_999_999_999.0, -999_999_999_999_999.0, ""},
		{integer, 1e15, nil, authcore.FieldInteger},
		{integer, 1.5, nil, authcore.FieldInteger},
		{integer, "7", nil, authcore.FieldInteger},
		{boolean, false, false, ""},
		{boolean, "true", nil, authcore.FieldBoolean},
		{date, "2028-02-29", "2028-02-29", ""},
		{date, "2027-02-29", nil, authcore.FieldDate},
		{date, "2027-02-28T10:00:00Z", nil, authcore.FieldDate},
		{link, "https://example.com/a?b=c", "https://example.com/a?b=c", ""},
		{link, "javascript:alert(1)", nil, authcore.FieldURL},
		{link, "//example.com", nil, authcore.FieldURL},
		{link, "https://ada@example.com", nil, authcore.FieldURL},
		{link, "https://:80", nil, authcore.FieldURL},
		{link, "http://x/" + strings.Repeat("a", 200), nil, authcore.FieldTooLong},
		{choice, "light blue", "light blue", ""},
		{choice, "Red", nil, authcore.FieldChoice},
		{choice, strings.Repeat("x", 190), nil, authcore.FieldChoice},
	} {
		got, broken := userfield.Set{c.field}.Change(map[string]any{"f": c.given})
		switch {
		case c.rule == "" && (len(broken) > 0 || !reflect.DeepEqual(got["f"], c.want)):
			t.Errorf("%s %.40v: %v %v, want %v", c.field.Type, c.given, got["f"], broken, c.want)
		case c.rule != "" && (len(broken) != 1 || broken[0].Rule != c.rule || broken[0].Field != "fields.f"):
			t.Errorf("%s %.40v: %v, want %s", c.field.Type, c.given, broken, c.rule)
		}
	}
}

// TestP19_FieldsAreOneLine: what goes into headers and logs holds nothing that ends a line or cannot be seen.
func TestP19_FieldsAreOneLine(t *testing.T) {
	t.Parallel()
	set := userfield.Set{{Name: "f", Type: userfield.Text}}
	for _, text := range []string{"a\nb", "a\rb", "a\x00b", "a\u0085b", "a\u2028b", "a\u202eb", "a\u200bb", "a\x7fb", "\xff"} {
		if _, broken := set.Change(map[string]any{"f": text}); len(broken) != 1 {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestL21_ReadOnlyFieldsAreIgnored: nobody gives themselves what only administrators write, when they sign up or later.
func TestL21_ReadOnlyFieldsAreIgnored(t *testing.T) {
	t.Parallel()
	set := userfield.Set{{Name: "plan", Type: userfield.Text, ReadOnly: true}, {Name: "team", Type: userfield.Text}}
	for name, ask := range map[string]func(map[string]any) (map[string]any, authcore.FieldErrors){"sign-up": set.Register, "change": set.Change} {
		for _, value := range []any{"gold", nil, 5.0} {
			got, broken := ask(map[string]any{"plan": value, "team": "blue"})
			if len(broken) > 0 || !reflect.DeepEqual(got, map[string]any{"team": "blue"}) {
				t.Errorf("%s, %v: %v %v", name, value, got, broken)
			}
		}
	}
}

func TestChange_MergePatch(t *testing.T) {
	t.Parallel()
	set := userfield.Set{{Name: "team", Type: userfield.Text, Required: true}, {Name: "age", Type: userfield.Integer}, {Name: "plan", Type: userfield.Text, ReadOnly: true}}
	got, broken := set.Change(map[string]any{"age": nil})
	if want := map[string]any{"age": nil}; len(broken) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, broken)
	}
	if got, broken := set.Change(nil); len(got)+len(broken) > 0 {
		t.Errorf("nothing asked: %v %v", got, broken)
	}
	for _, empty := range []any{nil, "", "  "} {
		_, broken = set.Change(map[string]any{"team": empty, "no_such": 1.0})
		if len(broken) != 2 || broken[0].Field != "fields.no_such" || broken[0].Rule != authcore.FieldUnknown ||
			broken[1].Field != "fields.team" || broken[1].Rule != authcore.Required {
			t.Errorf("%q: %v", empty, broken)
		}
	}
	if got, want := set.Replace(map[string]any{"team": "blue"}), map[string]any{"team": "blue", "age": nil, "plan": nil}; !reflect.DeepEqual(got, want) {
		t.Errorf("replaced by %v", got)
	}
}

func TestRegister_Required(t *testing.T) {
	t.Parallel()
	set := userfield.Set{{Name: "team", Type: userfield.Text, Required: true}, {Name: "age", Type: userfield.Integer, Required: true}, {Name: "news", Type: userfield.Boolean}}
	_, broken := set.Register(map[string]any{"age": "x"})
	if len(broken) != 2 || broken.At("fields.team")[0].Rule != authcore.Required || broken.At("fields.age")[0].Rule != authcore.FieldInteger {
		t.Errorf("%v", broken)
	}
	got, broken := set.Register(map[string]any{"age": 7.0, "team": "blue", "news": nil})
	if want := map[string]any{"age": 7.0, "team": "blue"}; len(broken) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, broken)
	}
	if got, broken := (userfield.Set)(nil).Register(nil); got != nil || len(broken) > 0 {
		t.Errorf("without fields: %v %v", got, broken)
	}
}

// What forms show is what they read.
func TestField_FormatIsParsed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of    userfield.Type
		value any
	}{{userfield.Text, "7"}, {userfield.Integer, -7.0}, {userfield.Integer, 999_999_999_999_999.0}, {userfield.Boolean, true}, {userfield.Boolean, false}, {userfield.Date, nil}} {
		f := userfield.Field{Name: "f", Type: c.of}
		if got := f.Parse(f.Format(c.value)); got != c.value {
			t.Errorf("%s %v came back as %v", c.of, c.value, got)
		}
	}
	for of, typed := range map[userfield.Type]string{userfield.Integer: "7.5", userfield.Boolean: "perhaps"} {
		f := userfield.Field{Name: "f", Type: of}
		if _, broken := (userfield.Set{f}).Change(map[string]any{"f": f.Parse(typed)}); len(broken) != 1 {
			t.Errorf("%s takes %q", of, typed)
		}
	}
}

// Tokens have what the configuration promises of a field now: no value of a former type, choice or length.
func TestClaims_OnlyWhatIsConfigured(t *testing.T) {
	set := userfield.Set{{Name: "team", Type: userfield.Text, Max: 4, Claim: true}, {Name: "size", Type: userfield.Choice, Values: []string{"s", "l"}, Claim: true},
		{Name: "age", Type: userfield.Integer, Claim: true}, {Name: "hidden", Type: userfield.Text}, {Name: "plan", Type: userfield.Text, ReadOnly: true, Claim: true}}
	for want, values := range map[string]map[string]any{
		"": {"team": "longer", "size": "m", "age": "7", "hidden": "x", "gone": "x"}, `{"age":7,"plan":"<gold>","size":"s","team":"blue"}`: {"team": "blue", "size": "s", "age": 7.0, "plan": "<gold>", "hidden": "x"},
	} {
		if got := set.Claims(values); got != want {
			t.Errorf("%v: %s, want %s", values, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { set.Claims(nil) }); n != 0 {
		t.Errorf("%v allocations for an account without fields", n)
	}
}
