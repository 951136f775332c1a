package httpapi

import (
	"net/http"
	"slices"
	"strings"
)

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
