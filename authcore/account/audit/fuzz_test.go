package audit_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

// FuzzUserAgent: what is stored of a user agent is text to any store, no longer than the limit, made of what was sent,
// and stored again as it is.
func FuzzUserAgent(f *testing.F) {
	long := strings.Repeat("ü", authcore.MaxUserAgent)
	for sent, want := range map[string]string{
		"": "", "curl/8.5.0": "curl/8.5.0", "a\x00b": "ab", "a\xffb": "ab", "\xed\xa0\x80": "", long: long[:authcore.MaxUserAgent&^1],
	} {
		if got := audit.UserAgent(authcore.Client{UserAgent: sent}); got != want {
			f.Fatalf("%q: %q, want %q", sent, got, want)
		}
		f.Add(sent)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		got := audit.UserAgent(authcore.Client{UserAgent: sent})
		if !utf8.ValidString(got) || strings.ContainsRune(got, 0) || len(got) > authcore.MaxUserAgent {
			t.Fatalf("%q: stored %q", sent, got)
		}
		if again := audit.UserAgent(authcore.Client{UserAgent: got}); again != got {
			t.Fatalf("%q: stored %q, then %q", sent, got, again)
		}
		if utf8.ValidString(sent) && !strings.HasPrefix(strings.ReplaceAll(sent, "\x00", ""), got) {
			t.Fatalf("%q: stored %q", sent, got)
		}
	})
}
