package httpauth_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

func TestMatchesHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"app.example.com", "app.example.com", true},
		{"App.Example.com", "app.example.com", true},
		{"*.example.com", "app.example.com", true},
		{"*.example.com", "a.b.example.com", false},
		{"*.example.com", ".example.com", false},
		{"*.example.com", "example.com", false},
		{"*", "com", true},
		{"app.example.com", "app.example.com.", false},
		{"app.example.com", "evil.example.com", false},
		{"", "app.example.com", false},
	} {
		if got := httpauth.MatchesHost(c.pattern, c.name); got != c.want {
			t.Errorf("%q for %q: %v", c.pattern, c.name, got)
		}
	}
}
