package honeytrap_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
)

// TestBait: which paths a bait is for, and which baits cannot be.
func TestBait(t *testing.T) {
	t.Parallel()
	for text, paths := range map[string]map[string]bool{
		"/wp-login.php": {"/wp-login.php": true, "/WP-Login.php": true, "/wp-login.php/": false, "/wp-login.phpx": false, "/": false, "": false, "wp-login.php": false},
		"/wp-admin/*":   {"/wp-admin/": true, "/wp-admin/x/y": true, "/WP-ADMIN/x": true, "/wp-admin": false, "/wp-administrator": false},
		"/.env*":        {"/.env": true, "/.env.bak": true, "/.en": false},
	} {
		b, err := honeytrap.ParseBait(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		for path, want := range paths {
			if b.Matches(path) != want {
				t.Errorf("%s matches %q: want %t", text, path, want)
			}
		}
	}
	for _, bad := range []string{"", "/", "/*", "*", "wp-login.php", "/a?b", "/a b", "/*/x", "/a#b", "/%2e", "/{x}", "/.well-known/x", "/.well-known", "/.well*", "/.gatehouse/handover", "/.gate*"} {
		if _, err := honeytrap.ParseBait(bad); err == nil {
			t.Errorf("%q is taken for a bait", bad)
		}
	}
	if (honeytrap.Bait{}).Matches("/") || (honeytrap.Bait{}).Matches("") {
		t.Error("no bait matches")
	}
	for text, ok := range map[string]bool{"/auth": false, "/Auth/x": false, "/auth/*": false, "/au*": false, "/auth*": false, "/authors": true, "/wp-admin/*": true, "/x/auth": true} {
		if b, err := honeytrap.ParseBait(text); err != nil || (b.CheckPrefix("/auth") == nil) != ok {
			t.Errorf("%s beside /auth: want %t (%v)", text, ok, err)
		}
	}
}

// TestCheckField: a name that people fill in, or that no form could have, is none for the hidden field.
func TestCheckField(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{honeytrap.DefaultField: true, "url-2": true, "": false, "email": false, "first_name": false, "Website": false, "a.b": false, "2x": false, "a b": false} {
		if (honeytrap.CheckField(name) == nil) != ok {
			t.Errorf("%q: want %t", name, ok)
		}
	}
}
