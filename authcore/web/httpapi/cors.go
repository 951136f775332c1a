package httpapi

import "net/http"

// cors lets pages of listed origins read our answers with credentials. Others get no CORS header at all, so their
// browsers keep the answer from them; `*` never appears (B09).
func (o *Origins) cors(w http.ResponseWriter, r *http.Request) (listed bool) {
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
	h.Set("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	return true
}

// preflight answers the question a browser asks before it lets a listed origin make a call.
func preflight(h http.Header, r *http.Request, allow string) {
	if r.Header.Get("Access-Control-Request-Method") == "" {
		return
	}
	h.Set("Access-Control-Allow-Methods", allow)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
}
