package caddymodule

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
)

func fieldsFrom(t *testing.T, lines string) userfield.Set {
	t.Helper()
	cfg, err := settingsFrom(t, lines).resolve()
	if err != nil {
		t.Fatal(err)
	}
	return cfg.flowSettings().UserFields
}

// setting tries values of a field called f; it returns the rule that each breaks, "" for none.
func setting(t *testing.T, lines string, values ...any) (rules []authcore.Rule) {
	t.Helper()
	set := fieldsFrom(t, lines)
	for _, value := range values {
		_, broken := set.Change(map[string]any{"f": value})
		rule := authcore.Rule("")
		if len(broken) > 0 {
			rule = broken[0].Rule
		}
		rules = append(rules, rule)
	}
	return rules
}

func TestOption_user_field_values(t *testing.T) {
	t.Parallel()
	if got := setting(t, "user_field f choice {\n\tvalues small \"very large\"\n}", "very large", "large"); got[0] != "" || got[1] != authcore.FieldChoice {
		t.Errorf("%q", got)
	}
}

func TestOption_user_field_max(t *testing.T) {
	t.Parallel()
	for lines, most := range map[string]int{"user_field f text": 200, "user_field f text {\n\tmax 3\n}": 3, "user_field f url {\n\tmax 10000\n}": 10_000} {
		start := ""
		if strings.Contains(lines, "url") {
			start = "http://x/"
		}
		fits := start + strings.Repeat("a", most-len(start))
		if got := setting(t, lines, fits, fits+"a"); got[0] != "" || got[1] != authcore.FieldTooLong {
			t.Errorf("%s: %q", lines, got)
		}
	}
}

func TestOption_user_field_pattern(t *testing.T) {
	t.Parallel()
	if got := setting(t, "user_field f text {\n\tpattern `[A-Z]{2}|x`\n}", "AB", "x", "xAB", "ab"); !reflect.DeepEqual(got, []authcore.Rule{"", "", authcore.FieldPattern, authcore.FieldPattern}) {
		t.Errorf("%q", got)
	}
}

func TestOption_user_field_required(t *testing.T) {
	t.Parallel()
	set := fieldsFrom(t, "user_field f text {\n\trequired\n}\nuser_field g text")
	if _, broken := set.Register(map[string]any{"g": "x"}); len(broken) != 1 || broken[0].Field != "fields.f" || broken[0].Rule != authcore.Required {
		t.Errorf("%v", broken)
	}
}

func TestOption_user_field_readonly(t *testing.T) {
	t.Parallel()
	set := fieldsFrom(t, "user_field f text {\n\treadonly\n}\nuser_field g text")
	if got, broken := set.Register(map[string]any{"f": "x", "g": "y"}); len(broken) > 0 || !reflect.DeepEqual(got, map[string]any{"g": "y"}) {
		t.Errorf("%v %v", got, broken)
	}
}

// TestHeader_OwnFieldMustBeAClaim: a header line can name only what tokens have.
func TestHeader_OwnFieldMustBeAClaim(t *testing.T) {
	t.Parallel()
	set := fieldsFrom(t, "user_field team text {\n\tclaim\n}\nuser_field note text")
	for field, ok := range map[string]bool{"team": true, "note": false, "other": false} {
		err := checkOwnFields([]HeaderField{{Name: "X-Team", Value: "{http.auth.user.fields." + field + "}"}}, set)
		if (err == nil) != ok {
			t.Errorf("%s: %v", field, err)
		}
	}
}
