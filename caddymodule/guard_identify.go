package caddymodule

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge"
	"github.com/gatehouse-auth/gatehouse/authcore/httpapi"
)

// visitor is who a request is made by, and whether its cookies were renewed for it.
type visitor struct {
	*edge.Verified
	renewed bool
}

// identify finds out who the request is made by. Its refusals are those of contract §3.
func (g *Guard) identify(w http.ResponseWriter, r *http.Request, https bool) (visitor, error) {
	raw, mode, err := httpapi.Credential(r, https)
	if err != nil {
		return visitor{}, err
	}
	if mode == "" && httpapi.ReadCookie(r, httpapi.RefreshCookie(https)) == "" {
		return visitor{}, authcore.Refuse(authcore.AuthenticationRequired, "Sign in first.")
	}
	c, err := g.app.await(r.Context())
	if err != nil {
		return visitor{}, err
	}
	if mode == authcore.ModeBearer {
		v, outcome := g.app.node.verifier.Lookup(raw, mode)
		if outcome != edge.Admitted || !g.accepts(v) {
			return visitor{}, errInvalidToken
		}
		return visitor{Verified: v}, nil
	}
	// From here on a cookie speaks, and a browser may send cookies on another page's behalf (B04, B11).
	if httpapi.NeedsOrigin(r) {
		if err := c.origins.Check(r, https); err != nil {
			return visitor{}, err
		}
	}
	if mode == authcore.ModeCookie {
		v, outcome := g.app.node.verifier.Lookup(raw, mode)
		switch {
		case outcome == edge.Admitted && g.accepts(v) && httpapi.CameTo(r, https, v.Host()):
			return visitor{Verified: v}, nil
		case outcome == edge.Revoked:
			// What is revoked is never renewed: no query needed to know.
			httpapi.ClearSessionCookies(w.Header(), https)
			return visitor{}, errInvalidToken
		}
	}
	within, done := span(r.Context(), "renewal")
	tokens, err := httpapi.Renew(w, r.WithContext(within), g.app.incoming(r), c.sessions)
	done(err)
	switch {
	case authcore.CodeOf(err) == authcore.AuthenticationRequired && mode == authcore.ModeCookie:
		return visitor{}, errInvalidToken // there was a token, and it did not do
	case err != nil:
		return visitor{}, err
	}
	return visitor{Verified: g.app.node.verifier.Admit(tokens.Principal), renewed: true}, nil
}

var errInvalidToken = authcore.Refuse(authcore.InvalidToken, "The access token is not valid or no longer accepted.")

// accepts checks issuer and audience, on cached tokens as well: configurations differ in what they accept.
func (g *Guard) accepts(v *edge.Verified) bool {
	return v.Accepts(g.app.issuers(), g.app.audiences())
}
