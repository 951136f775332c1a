package httpauth

import "net/http"

// SecureHeaders sets the headers that every answer of Gatehouse carries (B08, ASVS 3.4). The content security policy
// suits answers that are not documents; pages put their own in its place.
func SecureHeaders(h http.Header, https bool) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if https { // RFC 6797 §7.2: never over http
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
