package notify_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"

	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// flatten lists the strings of a table by their path.
func flatten(prefix string, table map[string]any, into map[string]string) {
	for key, v := range table {
		switch v := v.(type) {
		case map[string]any:
			flatten(prefix+key+".", v, into)
		case string:
			into[prefix+key] = v
		}
	}
}

var placeholders = regexp.MustCompile(`\{\{[^}]*\}\}`)

// TestWording_SameInEveryLanguage: no message is missing or left over, and each mentions the same facts.
func TestWording_SameInEveryLanguage(t *testing.T) {
	t.Parallel()
	read := func(file string) map[string]string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var table map[string]any
		if err := toml.Unmarshal(text, &table); err != nil {
			t.Fatal(err)
		}
		flat := map[string]string{}
		flatten("", table, flat)
		return flat
	}
	en, de := read("wording/active.en.toml"), read("wording/active.de.toml")
	if len(en) < 30 {
		t.Fatalf("%d messages were read", len(en))
	}
	for id, text := range en {
		other, there := de[id]
		if !there || text == "" || other == "" {
			t.Errorf("%s is missing in German, or empty", id)
		}
		mentions := func(s string) []string { return slices.Sorted(slices.Values(placeholders.FindAllString(s, -1))) }
		if !slices.Equal(mentions(text), mentions(other)) {
			t.Errorf("%s mentions %q in English and %q in German", id, mentions(text), mentions(other))
		}
	}
	for id := range de {
		if _, there := en[id]; !there {
			t.Errorf("%s is in German only", id)
		}
	}
	for _, kind := range notify.TextKinds() {
		if en[string(kind)+".sms"] == "" {
			t.Errorf("there is no %s.sms", kind)
		}
	}
	for _, kind := range everyKind() {
		words := []string{"subject", "before", "after"}
		if !slices.Contains(slices.Concat(notice.Always(), notice.Optional()), kind) { // they have their link's words in common
			words = append(words, "link", "button")
		}
		for _, word := range words {
			if en[string(kind)+"."+word] == "" {
				t.Errorf("there is no %s.%s", kind, word)
			}
		}
	}
}
