package portal

import (
	"slices"
	"testing"
)

func TestDetailLines(t *testing.T) {
	t.Parallel()
	for details, want := range map[string][]string{
		"": nil,
		`{"changes":{"roles":{"old":["staff"],"new":["staff","ops"]},"disabled":{"old":false,"new":true},"email":{"old":null,"new":"a@example.com"}},"session":"x"}`: {
			"disabled: false → true", "email: – → a@example.com", "roles: staff → staff ops", "session: x"},
		`{"number":17,"why":"","list":[]}`: {"list: –", "number: 17", "why: –"},
		"no JSON":                          {"no JSON"},
		`{"changes":"none"}`:               {"changes: none"},
	} {
		if got := detailLines(details); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", details, got, want)
		}
	}
}
