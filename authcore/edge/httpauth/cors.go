package httpauth

import (
	"net/http"
	"strings"
)

// WriteCORS lets pages of listed origins read our answers with credentials. Others get no CORS header at all, so their
// browsers keep the answer from them; `*` never appears (B09).
func (o *Origins) WriteCORS(w http.ResponseWriter, r *http.Request) (listed bool) {
	if o == nil || len(o.trusted) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	from := r.Header["Origin"]
	if len(from) != 1 || !o.Trusted(from[0]) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", from[0])
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	return true
}

// IsPreflight reports whether a request is a preflight of a listed origin. Browsers send no credential with those, so a guard that
// refused them would let no listed origin in.
func (o *Origins) IsPreflight(r *http.Request) bool {
	if r.Method != http.MethodOptions {
		return false
	}
	from, method := r.Header["Origin"], r.Header["Access-Control-Request-Method"]
	return len(from) == 1 && len(method) == 1 && isList(method[0]) && o.Trusted(from[0])
}

// AnswerPreflight answers a request for which IsPreflight is true: the origin may make the call that it announces, as far as this gateway is
// concerned. What the call's own answer lets the origin read, the service says.
func (o *Origins) AnswerPreflight(w http.ResponseWriter, r *http.Request) {
	o.WriteCORS(w, r)
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network")
	h.Set("Access-Control-Allow-Methods", r.Header["Access-Control-Request-Method"][0])
	if wanted := strings.Join(r.Header["Access-Control-Request-Headers"], ", "); isList(wanted) {
		h.Set("Access-Control-Allow-Headers", wanted)
	}
	// The operator has listed the origin: a page of the public internet may reach into the network that this gateway is in.
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// isList reports whether text is a list of tokens (RFC 9110 §5.6.2), all that is ever echoed.
func isList(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~, ", c)
	})
}
