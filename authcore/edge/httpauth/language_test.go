package httpauth_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

func TestLanguage(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"": "en", "en": "en", "de": "de", "de-AT": "de", "DE_ch": "de", "en-GB,en;q=0.9": "en", "de-DE,de;q=0.9,en;q=0.8": "de",
		"en;q=0.5,de;q=0.9": "de", "fr,de;q=0.5": "de", "fr": "en", "*": "en", "de;q=0": "en", "fr;q=1, de;q=0, en;q=0.1": "en",
		"☃": "en", ";;;": "en", "de\x00": "en",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Accept-Language"] = []string{accept}
		if got := httpauth.Language(r); got != want {
			t.Errorf("Accept-Language %q is answered in %s, want %s", accept, got, want)
		}
	}
}

// TestD07_AcceptLanguage: a header of any size and shape costs next to nothing.
func TestD07_AcceptLanguage(t *testing.T) {
	t.Parallel()
	for _, accept := range []string{
		strings.Repeat("de,", 10_000), strings.Repeat("a-", 10_000), strings.Repeat("-", 256), strings.Repeat("x-a-", 64),
		strings.Repeat("de;q=0.1,", 28), strings.Repeat("zz-", 85),
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", accept)
		best := time.Hour
		for range 20 { // the quickest: what else runs on the machine does not count
			start := time.Now()
			httpauth.Language(r)
			best = min(best, time.Since(start))
		}
		if best > 5*time.Millisecond {
			t.Errorf("%d bytes beginning with %.10q take %v", len(accept), accept, best)
		}
	}
}
