package challenge_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
)

// FuzzDevice: whatever a client calls itself, a mail says a browser and a system of the lists or nothing.
func FuzzDevice(f *testing.F) {
	known := regexp.MustCompile(`^(|(Chrome|Edge|Firefox|Opera|Opera Mini|Safari|Vivaldi|Samsung Browser|Internet Explorer|Android|ChromeOS|iOS|Linux|macOS|Windows|FreeBSD)(, (Android|ChromeOS|iOS|Linux|macOS|Windows|FreeBSD))?)$`)
	for agent, want := range map[string]string{
		"": "", "curl/8.5.0": "", "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0": "Firefox, Linux",
		"Mozilla/5.0 (X11; Linux x86_64) https://evil.example/ Call 0900": "Linux",
		"<b>Chrome</b>": "",
	} {
		if got := challenge.Device(authcore.Client{UserAgent: agent}); got != want {
			f.Fatalf("%q: %q, want %q", agent, got, want)
		}
		f.Add(agent)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		got := challenge.Device(authcore.Client{UserAgent: agent})
		if !known.MatchString(got) || strings.ContainsAny(got, "\r\n") {
			t.Fatalf("%q: %q", agent, got)
		}
	})
}
