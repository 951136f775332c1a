package identifier_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

func TestEmailNormalises(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"bob@example.com":               "bob@example.com",
		"  Bob@Example.COM ":            "bob@example.com",
		"bob+tag@example.com":           "bob+tag@example.com",
		"o'neil@example.com":            "o'neil@example.com",
		"a.b_c-d@sub.example.co.uk":     "a.b_c-d@sub.example.co.uk",
		"root@localhost":                "root@localhost",
		"bob@EXAMPLE.com.":              "bob@example.com",
		"rene\u0301@example.com":        "ren\u00e9@example.com",
		"bob@b\u00fccher.example":       "bob@xn--bcher-kva.example",
		"bob@xn--bcher-kva.example":     "bob@xn--bcher-kva.example",
		"bob@stra\u00dfe.example":       "bob@xn--strae-oqa.example",
		"bob@\uff45xample.com":          "bob@example.com",
		"\u0412\u0430\u0441\u044f@x.ru": "\u0432\u0430\u0441\u044f@x.ru",
	} {
		got, err := identifier.Email(in)
		if err != nil || got != want {
			t.Errorf("Email(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestI01_EmailRefusesWhatIsNoPlainAddress(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", " ", "bob", "@example.com", "bob@", "bob@example", "a@b@c.com", "bob@.com", "bob@example..com",
		".bob@example.com", "bob.@example.com", "b..ob@example.com", "Bob <bob@example.com>", "<bob@example.com>",
		`"bob"@example.com`, `"bob smith"@example.com`, "bob(comment)@example.com", "bob@example.com(comment)",
		"bob@[127.0.0.1]", "bob@127.0.0.1", "bob@example.123", "bob@[IPv6:::1]", "bob smith@example.com", "bob@exa mple.com",
		"a@x.com\r\nBcc: v@y.com", "a@x.com\nb@x.com", "a@x.com,b@x.com", "a@x.com;b@x.com", "bob@example.com\x00",
		"bo\x00b@example.com", "b\u200bob@example.com", "bob@exam\u200bple.com", "\u202ebob@example.com", "\ufeffbob@example.com",
		"bob\u00a0@example.com", "b\xffob@example.com", "bob@ex\xc0\xafmple.com", "bob@-example.com", "bob@example-.com",
		"bob@exa_mple.com", "\ufb01na@example.com", "\uff42ob@example.com",
		strings.Repeat("a", 65) + "@example.com", "bob@" + strings.Repeat("a", 64) + ".com",
		strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("b", 60)+".", 4) + "com",
	} {
		if got, err := identifier.Email(in); err == nil {
			t.Errorf("Email(%q) = %q, want a refusal", in, got)
		}
	}
}

// What mail servers, MIME or old routing read otherwise is no new address; who has one signs in and recovers with it.
func TestI01_NewEmailMeansOneMailboxToAll(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"=?utf-8?q?x?=@y.org", "=?utf-8?b?eA==?=@y.org", "x=?a@y.org", "x?cc=v@y.org", "x%y@z.org", "x%y%w@z.org", "%@z.org", "x!y@z.org",
		"a!b!c@z.org", "!x@z.org", "/etc/passwd@z.org", "/g=a/s=b@z.org", "x/y@z.org", "|cmd@z.org", "x|y@z.org", "`id`@z.org", "${run{x}}@z.org",
		"$x@z.org", "-oq@z.org", "-@z.org", "--x@z.org", "x@127.0.0.0x1", "x@1.2.3.0xff", "x@0x7f.0x1", "x\u2605@z.org", "x\u066ay@z.org", "x\u3002y@z.org",
		"x\u00b7\u2019y@z.org", "\U0001f600@z.org",
	} {
		if got, err := identifier.NewEmail(in); err == nil {
			t.Errorf("NewEmail(%q) = %q, want a refusal", in, got)
		}
		if want, err := identifier.Email(in); err == nil {
			if got, ok := identifier.Login(in); !ok || got.Value != want {
				t.Errorf("Login(%q) = %v, %v; want %q", in, got, ok, want)
			}
		} else if !strings.Contains(in, "0x7f.0x1") {
			t.Errorf("Email(%q): %v; whoever has it could not verify", in, err)
		}
	}
	for _, in := range []string{
		"@a.org,@b.org:x@z.org", "<@a.org:x@z.org>", "@a.org:x@z.org", `"x y"@z.org`, `"x"@z.org`, `x\@y@z.org`, "(c)x@z.org", "x(c)@z.org", "x@(c)z.org",
		"x@[192.0.2.1]", "x@[IPv6:2001:db8::1]", "x@192.0.2.1", "x@3221225985", "x@z", "x@z.org:25", "mailto:x@z.org", ".x@z.org", "x.@z.org", "x..y@z.org",
		"x\ty@z.org", "x y@z.org", "x\x7fy@z.org", "x@z..org", "x@.z.org", "x@-z.org", "x@z-.org", "x@xn--0.org", "x@z_y.org", "x@z.org\x00", "x@y@z.org",
		"x\uff05y@z.org", "x\ufe57y@z.org", "x\uff20y@z.org", "x@z\u200d.org", "x@\u202ez.org", "x@z%2eorg", "x;y@z.org", "x,y@z.org",
	} {
		if got, err := identifier.NewEmail(in); err == nil {
			t.Errorf("NewEmail(%q) = %q, want a refusal", in, got)
		}
	}
	for in, want := range map[string]string{
		"Bob.O'Neil+tag_1-x@Example.com": "bob.o'neil+tag_1-x@example.com", "r&d@example.com": "r&d@example.com", "prvs=0a1=x@z.org": "prvs=0a1=x@z.org",
		"x#1*^{y}~@z.org": "x#1*^{y}~@z.org", "+4366412345@sms.example": "+4366412345@sms.example", "_x@z.org": "_x@z.org", "x-@z.org": "x-@z.org",
		"1@z.org": "1@z.org", "root@localhost": "root@localhost", "x@b\u00fccher.example": "x@xn--bcher-kva.example", "x@3com.com": "x@3com.com", "x@z\u2024org": "x@z.org",
		"\u0412\u0430\u0441\u044f@x.ru": "\u0432\u0430\u0441\u044f@x.ru", "\u7528\u62371@\u4f8b\u3048.jp": "\u7528\u62371@xn--r8jz45g.jp",
		"x@\u0440\u0444.\u0440\u0444": "x@xn--p1ai.xn--p1ai",
	} {
		if got, err := identifier.NewEmail(in); err != nil || got != want {
			t.Errorf("NewEmail(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestI04_UsernameHasNoTwins(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"bob": "bob", " Bob ": "bob", "a.b_c-9": "a.b_c-9", "ABC": "abc", strings.Repeat("a", 32): strings.Repeat("a", 32),
	} {
		if got, err := identifier.Username(in); err != nil || got != want {
			t.Errorf("Username(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "ab", strings.Repeat("a", 33), "bob@example.com", "bob smith", "b\u200bob", "bob\u200d", "\u202ebob", "b\u043eb",
		"\uff42ob", "b\u00f6b", "bob\x00", "bob\n", "bob/../x", "bob%20", "admin", "admin ", " ADMIN", "Root", "null", "me",
		"gatehouse", "bo\u0131", "\u212aevin", "b\xffb",
	} {
		if got, err := identifier.Username(in); err == nil {
			t.Errorf("Username(%q) = %q, want a refusal", in, got)
		}
	}
}

func TestI04_PhoneIsE164(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"+43 1 2345678": "+4312345678", "+1 (415) 555-2671": "+14155552671", " +44 20 7946 0958 ": "+442079460958",
		"+4312345678": "+4312345678", "+49 (0)30 1234567": "+49301234567", "+39 06 1234567": "+39061234567", "+7 812 123-45-67": "+78121234567",
		"+36 06 1 234 5678": "+3612345678", "+1 1 415 555 2671": "+14155552671",
	} {
		if got, err := identifier.Phone(in); err != nil || got != want {
			t.Errorf("Phone(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "12345678", "0043 1 2345678", "+1 (555)", "+", "++43123456", "+43\u0661\u0662\u0663\u0664\u0665\u0666",
		"+\uff14\uff1312345678", "+43 1 2345678 ext. 5", "+43;phone-context=+1", "+43\x0012345678", "+43\u200b12345678",
		"+4312345678" + strings.Repeat("9", 30), "+999 123456789", "tel:+4312345678",
		"+49 00 30 1234567", "+49000000",
	} {
		if got, err := identifier.Phone(in); err == nil {
			t.Errorf("Phone(%q) = %q, want a refusal", in, got)
		}
	}
}

func TestI05_PersonNameIsOneLineOfText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "Bob": "Bob", "  Anna Lena ": "Anna Lena", "O'Neil-M\u00fcller": "O'Neil-M\u00fcller",
		"Rene\u0301": "Ren\u00e9", "\u0633\u200c\u0627": "\u0633\u200c\u0627", "{env.HOME}<b>": "{env.HOME}<b>",
		strings.Repeat("\u00e9", 100): strings.Repeat("\u00e9", 100),
	} {
		if got, err := identifier.PersonName(in); err != nil || got != want {
			t.Errorf("PersonName(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"a\x00b", "a\nb", "a\r\nBcc: x", "a\tb", "a\u202eb", "a\u2066b", "a\u200fb", "\ufeffa", "a\u200bb", "a\u2028b", "a\xffb",
		"a\u0085b", "a\ue000b", "a\uffffb", "a\ufffdb", "\xed\xa0\x80", strings.Repeat("a", 101), strings.Repeat("a", 1<<20),
	} {
		if got, err := identifier.PersonName(in); err == nil {
			t.Errorf("PersonName(%q) = %q, want a refusal", in, got)
		}
	}
}

func TestL07_OneNameHasOneIdentifier(t *testing.T) {
	t.Parallel()
	for want, spellings := range map[authcore.Identifier][]string{
		{Kind: authcore.KindEmail, Value: "bob@x.com"}: {
			"bob@x.com", "Bob@x.com", "bob@X.com", " bob@x.com", "bob@x.com\t", "bob@x.com\u200b", "b\u00adob@x.com", "bob@x.com.",
			"\uff42ob@x.com", "bob\uff20x.com", "\ufeffbob@x.com", "bob@x.com\r\n", "b\u2060ob@x.com", "bob\ufe0f@x.com",
		},
		{Kind: authcore.KindEmail, Value: "bob@x"}:    {"Bob@x", "bob@X", " bob@x "},
		{Kind: authcore.KindUsername, Value: "bob"}:   {"bob", "Bob", " bob", "bob\u200b", "b\u200cob", "\u202ebob", "\uff22ob", "bob\x00"},
		{Kind: authcore.KindUsername, Value: "kevin"}: {"kevin", "\u212aevin", "KEVIN\u3000"},
	} {
		for _, in := range spellings {
			if got, ok := identifier.Login(in); !ok || got != want {
				t.Errorf("Login(%q) = %v, %v; want %v", in, got, ok, want)
			}
		}
	}
	for _, in := range []string{"", " ", "\u200b", "a\xff", strings.Repeat("a", 321), strings.Repeat("a", 400) + "@x.com"} {
		if got, ok := identifier.Login(in); ok {
			t.Errorf("Login(%q) = %v, want none", in, got)
		}
	}
}

func TestD07_GiantInputCostsNothing(t *testing.T) {
	t.Parallel()
	inputs := []string{
		strings.Repeat("a", 1<<20) + "@example.com", strings.Repeat("(", 100_000) + "bob@example.com", strings.Repeat("a.", 1<<19) + "@x.com",
		strings.Repeat("\u0301", 1<<19), "+" + strings.Repeat("1", 1<<20), strings.Repeat("@", 1<<20), strings.Repeat("\ufdfa", 1<<18),
		"bob@" + strings.Repeat("a.", 1<<19) + "com",
	}
	for _, in := range inputs {
		start := time.Now()
		if _, err := identifier.Email(in); err == nil {
			t.Errorf("an address of %d bytes was taken", len(in))
		}
		if _, err := identifier.Phone(in); err == nil {
			t.Errorf("a number of %d bytes was taken", len(in))
		}
		if _, err := identifier.Username(in); err == nil {
			t.Errorf("a username of %d bytes was taken", len(in))
		}
		if _, err := identifier.PersonName(in); err == nil {
			t.Errorf("a name of %d bytes was taken", len(in))
		}
		if _, ok := identifier.Login(in); ok {
			t.Errorf("a login of %d bytes was taken", len(in))
		}
		if took := time.Since(start); took > 5*time.Millisecond {
			t.Errorf("refusing %d bytes took %s, want at most 5ms", len(in), took)
		}
	}
}

func TestKeysOfAccountsAndIdentifiersNeverMeet(t *testing.T) {
	t.Parallel()
	for _, login := range []string{"account", "account:x", "ACCOUNT:00000000-0000-0000-0000-000000000000"} {
		id, ok := identifier.Login(login)
		if key := identifier.Key(id); !ok || strings.HasPrefix(key, "account:") {
			t.Errorf("Login(%q) has the key %q of an account", login, key)
		}
	}
}

func TestLocales(t *testing.T) {
	t.Parallel()
	offered := identifier.Locales{"en", "de"}
	for tag, want := range map[string]string{
		"de": "de", "DE": "de", "de-at": "de-AT", "de_AT": "de-AT", "en-Latn-GB": "en-Latn-GB", "fr": "", "und": "", "und-DE": "", "*": "", "x-private": "",
		"de-": "", "deutsch": "", "d\x00": "", "de-" + strings.Repeat("abcdefgh-", 5) + "x": "", "": "",
	} {
		got, err := offered.Read(tag)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", tag, got, err, want)
		}
	}
}
