package sanitize

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const (
	// CaddyHeaders is what Caddy lets a server read of a request's header by default, in bytes.
	CaddyHeaders = 16 << 10
	// maxHeaders is what a request may have where it goes on to a service: Caddy's default with net/http's margin.
	maxHeaders = CaddyHeaders + 4<<10
	// maxCookies is more than browsers keep for a domain; who sends more is none.
	maxCookies = 1000
)

// checkHeaders refuses a request with a larger header than services behind a gateway can be expected to read. Where
// cookies are what is too large, the browser is told to forget them; and a request to the portal's own paths is served in
// spite of them, so that a person can sign in.
func checkHeaders(w http.ResponseWriter, r *http.Request, ours bool) error {
	total := len(r.RequestURI)
	for name, lines := range r.Header {
		for _, line := range lines {
			total += len(name) + len(line) + len(": \r\n")
		}
	}
	if total <= maxHeaders {
		return nil
	}
	cookies, count := 0, 0
	for _, line := range r.Header["Cookie"] {
		cookies += len(line)
		count += 1 + strings.Count(line, ";")
	}
	if cookies <= maxHeaders/2 {
		return authcore.Refuse(authcore.HeadersTooLarge, "The request line and header fields are larger than 16 KiB.")
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead { // an answer to a POST may set cookies that have to stay
		w.Header().Set("Clear-Site-Data", `"cookies"`)
	}
	if ours && count <= maxCookies && total-cookies <= maxHeaders {
		return nil
	}
	return authcore.Refuse(authcore.HeadersTooLarge,
		"The request has more cookies than can be read. The browser was told to remove them; load the page again.")
}
