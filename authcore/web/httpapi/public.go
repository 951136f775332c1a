package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
)

// publicCalls are for machines that hold no account.
type publicCalls struct {
	keys  *keyring.Ring
	ready func(context.Context) (bool, []string)
}

func (c *publicCalls) routes() []route {
	return []route{{
		method: http.MethodGet, path: "/.well-known/jwks.json", tag: tagMachines, summary: "Get the public keys",
		text: "The keys that access tokens are checked with (RFC 7517). The next one is announced before it signs. Keys of the cookies, and " +
			"of HS256, are never here.",
		does:    public(c.jwks),
		replies: []reply{{http.StatusOK, "The keys.", keySet{}}},
	}, {
		method: http.MethodGet, path: "/healthz", tag: tagMachines, summary: "Ask whether the process lives",
		text:    "Looks at nothing else.",
		does:    public(c.alive),
		replies: []reply{{http.StatusOK, "It does.", health{}}},
	}, {
		method: http.MethodGet, path: "/readyz", tag: tagMachines, summary: "Ask whether this node can serve",
		text:    "503 says what does not work.",
		does:    public(c.canServe),
		replies: []reply{{http.StatusOK, "It can.", readiness{}}},
	}, {
		method: http.MethodGet, path: documentPath, tag: tagMachines, summary: "Get this document",
		text: "OpenAPI 3.1, made from the code that serves it. The address of the calls in it is relative to where it was fetched.",
		does: public(c.describe),
		replies: []reply{
			{http.StatusOK, "The document.", map[string]any{}},
			{http.StatusNotModified, "It is the one that `If-None-Match` names.", nil},
		},
	}}
}

// keySet and key describe what the ring writes.
type keySet struct {
	Keys []key `json:"keys"`
}

type key struct {
	Kind      string `json:"kty" enum:"OKP,EC,RSA"`
	ID        string `json:"kid"`
	Use       string `json:"use" enum:"sig"`
	Algorithm string `json:"alg" enum:"EdDSA,ES256,RS256"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
	Modulus   string `json:"n,omitempty"`
	Exponent  string `json:"e,omitempty"`
}

// jwks may be cached for as long as the next key is announced before it signs, and far longer than this.
func (c *publicCalls) jwks(x *exchange) error {
	x.w.Header().Set("Cache-Control", "public, max-age=300")
	writeBytes(x.w, x.r, http.StatusOK, "application/json", c.keys.JWKS())
	return nil
}

type health struct {
	Status string `json:"status" enum:"ok"`
}

func (c *publicCalls) alive(x *exchange) error { return x.answer(http.StatusOK, health{"ok"}) }

type readiness struct {
	Status   string   `json:"status" enum:"ready"`
	Degraded []string `json:"degraded,omitempty" doc:"What beside serving does not work."`
}

func (c *publicCalls) canServe(x *exchange) error {
	ok, reasons := c.ready(x.r.Context())
	if !ok {
		return authcore.RefuseFor(authcore.Unavailable, "Not ready: "+strings.Join(reasons, "; ")+".", 5*time.Second)
	}
	return x.answer(http.StatusOK, readiness{"ready", reasons})
}

func (c *publicCalls) describe(x *exchange) error {
	x.mount.document.serve(x.w, x.r)
	return nil
}
