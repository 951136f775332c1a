package httpauth

import (
	"net/http"
	"slices"
	"strings"
)

// Navigates reports whether a browser goes to an address, so that a sign-in page is what a person gets to see (contract §3.3). A
// script's request is none, whatever it accepts: it would put the page into another one.
func Navigates(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && showsAnswer(r)
}

// SubmitsForm reports whether a browser navigates by sending a form, which no redirect to a sign-in page may swallow.
func SubmitsForm(r *http.Request) bool {
	if r.Method != http.MethodPost || !showsAnswer(r) {
		return false
	}
	kinds := r.Header["Content-Type"]
	if len(kinds) == 0 {
		return true
	}
	kind, _, _ := strings.Cut(kinds[0], ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain": // WHATWG HTML, form submission
		return len(kinds) == 1
	}
	return false
}

func showsAnswer(r *http.Request) bool {
	mode := r.Header["Sec-Fetch-Mode"]
	return WantsHTML(r) && len(r.Header["X-Requested-With"]) == 0 && (len(mode) == 0 || len(mode) == 1 && mode[0] == "navigate")
}

// NavigationVary is what the difference depends on, for Vary.
const NavigationVary = "Accept, Sec-Fetch-Mode, X-Requested-With"

// WantsHTML reports whether a person looks at the answer: text/html is among what is accepted. Wildcards do not count,
// since programs send them.
func WantsHTML(r *http.Request) bool { return slices.ContainsFunc(r.Header["Accept"], acceptsHTML) }

func acceptsHTML(line string) bool {
	for part := range strings.SplitSeq(line, ",") {
		kind, params, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(kind), "text/html") {
			q := strings.ToLower(strings.ReplaceAll(params, " ", ""))
			return !strings.HasPrefix(q, "q=0") || strings.ContainsAny(q, "123456789")
		}
	}
	return false
}
