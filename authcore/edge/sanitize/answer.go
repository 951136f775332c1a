package sanitize

import (
	"net/http"
	"strings"
)

// StripAnnounced takes Set-Cookie from the trailers that an answer announces: what is set after its head nobody could filter.
func StripAnnounced(h http.Header, lines []string) {
	var kept []string
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" && !strings.EqualFold(name, "Set-Cookie") {
				kept = append(kept, name)
			}
		}
	}
	delete(h, "Trailer")
	if len(kept) > 0 {
		h["Trailer"] = []string{strings.Join(kept, ", ")}
	}
}

// MakePrivate keeps an answer with cookies of a session out of every cache, whatever the service says, also to those of a
// content delivery network, which have headers of their own that go before Cache-Control (RFC 9213).
func MakePrivate(h http.Header) {
	for name := range h {
		if strings.HasSuffix(name, "-Cache-Control") || name == "Surrogate-Control" || name == "Edge-Control" || name == "X-Accel-Expires" {
			delete(h, name)
		}
	}
	h.Set("Cache-Control", "private, no-store")
}
