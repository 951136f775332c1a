package portal

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// Where browsers and password managers look on a site with pages.
const (
	passkeyEndpoints = "/.well-known/passkey-endpoints" // https://www.w3.org/TR/passkey-endpoints/
	changePassword   = "/.well-known/change-password"   // https://www.w3.org/TR/change-password-url/
	relatedOrigins   = "/.well-known/webauthn"          // WebAuthn L3 §5.11.1
)

// InWellKnown reports whether [Pages.WellKnown] may have an answer at a path.
func InWellKnown(path string) bool {
	return path == passkeyEndpoints || path == changePassword || path == relatedOrigins
}

// WellKnown answers what browsers and password managers ask a site that has pages under the prefix, and reports whether it has: where
// passkeys are added and looked after, where the password is changed, and from which other origins passkeys are taken. What is not
// offered is left to the site. The request's own host chooses an answer and is never part of one (R01).
func (p *Pages) WellKnown(w http.ResponseWriter, r *http.Request, prefix string, in httpauth.RequestInfo) bool {
	said, to := p.wellKnown(r, prefix, in.Client.Issuer)
	if said == nil && to == "" {
		return false
	}
	httpauth.SecureHeaders(w.Header(), in.HTTPS)
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		httpauth.WriteError(w, r, p.cfg.Logger, authcore.Refuse(authcore.MethodNotAllowed, "This address is only read."))
	case to != "":
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	default:
		text, err := json.Marshal(said)
		if err != nil {
			httpauth.WriteError(w, r, p.cfg.Logger, err)
			break
		}
		w.Header().Set("Cache-Control", "public, max-age=60")
		httpauth.WriteBody(w, r, http.StatusOK, "application/json", text)
	}
	return true
}

// wellKnown is what is said at an address, or where it leads; neither for nothing.
func (p *Pages) wellKnown(r *http.Request, prefix, issuer string) (said any, to string) {
	here := factor.At(p.cfg.Factors, issuer)
	switch r.URL.Path {
	case passkeyEndpoints:
		if here.Passkeys() {
			list := issuer + prefix + factorsPath
			return map[string]string{"enroll": list, "manage": list}, ""
		}
	case relatedOrigins:
		domain := strings.ToLower((&url.URL{Host: r.Host}).Hostname())
		if origins := here.RelatedOrigins(domain); len(origins) > 0 {
			return map[string][]string{"origins": origins}, ""
		}
	case changePassword:
		if !p.cfg.Password.Off() {
			return nil, prefix + "/account/password"
		}
	}
	return nil, ""
}
