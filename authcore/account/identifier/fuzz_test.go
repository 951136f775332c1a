package identifier_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

var seeds = []string{
	"bob@example.com", "Bob@X", " bob\u200b", "b\u00fccher@b\u00fccher.example", "\ufb01@x.com", "\u0130@x.com", "ren\u0065\u0301@x.com",
	"bob", "+43 1 2345678", "Anna \u202e Lena", "\ufdfa\ufdfa", "\u212a", "a@b.c.", "a@xn--0.com", "\u1e9e@\u1e9e.de", "\u03aa\u0301",
	"\uff20", "a\u0345@x.com", "\u3000", "x@\u3002com", "\u2460@1.\u2461", "\u0390\u1fd3", "a@\u00df.de", "\u00aa\u00ba",
	"+49000000",
}

// shapes is what a normalised identifier looks like, whatever was typed.
var shapes = map[string]*regexp.Regexp{
	"NewEmail": regexp.MustCompile(`^[^-@\s%!/|?` + "`" + `$][^@\s%!/|?` + "`" + `$]{0,63}@([a-z0-9-]+\.)*[a-z][a-z0-9-]*$`),
	"Email":    regexp.MustCompile(`^[^@\s]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*$`),
	"Username": regexp.MustCompile(`^[a-z0-9._-]{3,32}$`),
	"Phone":    regexp.MustCompile(`^\+[1-9][0-9]{1,17}$`),
}

// FuzzIdempotent: what is normalised stays as it is, and what Email accepts is what Login finds.
func FuzzIdempotent(f *testing.F) {
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for s, want := range map[string]authcore.Identifier{
		"Bob@X.example":                   {Kind: authcore.KindEmail, Value: "bob@x.example"},
		" bob\u200b":                      {Kind: authcore.KindUsername, Value: "bob"},
		"b\u00fccher@b\u00fccher.example": {Kind: authcore.KindEmail, Value: "b\u00fccher@xn--bcher-kva.example"},
		"\u212a":                          {Kind: authcore.KindUsername, Value: "k"},
		"\u3000":                          {},
		" +43 1 234-5678":                 {Kind: authcore.KindPhone, Value: "+4312345678"},
		"\uff0b4312345678":                {Kind: authcore.KindPhone, Value: "+4312345678"},
		"+nobody":                         {Kind: authcore.KindPhone, Value: "+nobody"},
	} {
		if got, _ := identifier.Login(s); got != want {
			f.Fatalf("Login(%q) = %v, want %v", s, got, want)
		}
		f.Add(s)
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, normalise := range map[string]func(string) (string, error){
			"Email": identifier.Email, "NewEmail": identifier.NewEmail, "Username": identifier.Username, "Phone": identifier.Phone,
			"PersonName": identifier.PersonName, "DeviceName": identifier.DeviceName,
		} {
			once, err := normalise(s)
			if err != nil {
				continue
			}
			if !utf8.ValidString(once) || strings.ContainsAny(once, "\x00\r\n") {
				t.Errorf("%s(%q) = %q, which is no line of text", name, s, once)
			}
			if shape := shapes[name]; shape != nil && !shape.MatchString(once) {
				t.Errorf("%s(%q) = %q, which is none", name, s, once)
			}
			if twice, err := normalise(once); err != nil || twice != once {
				t.Errorf("%s(%q) = %q, and of that %q, %v", name, s, once, twice, err)
			}
		}
		if address, err := identifier.Email(s); err == nil {
			want := authcore.Identifier{Kind: authcore.KindEmail, Value: address}
			if got, ok := identifier.Login(s); !ok || got != want {
				t.Errorf("Login(%q) = %v, %v; Email makes it %q", s, got, ok, address)
			}
		}
		if id, ok := identifier.Login(s); ok {
			if again, ok := identifier.Login(id.Value); !ok || again != id {
				t.Errorf("Login(%q) = %v, and of that %v, %v", s, id, again, ok)
			}
		}
	})
}
