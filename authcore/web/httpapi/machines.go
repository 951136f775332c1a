package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// machineCalls are for machines that hold no account.
type machineCalls struct {
	keySet func() []byte
	ready  func(context.Context) (bool, []string)
}

func (c *machineCalls) routes() []route {
	return []route{{
		method: http.MethodGet, path: "/.well-known/jwks.json", tag: tagMachines, summary: "Get the public keys",
		text: "The keys that verify access tokens (RFC 7517). The next key is published before it signs. The keys of the cookies and " +
			"of HS256 are never listed.",
		does:    anonymous(c.jwks),
		replies: []reply{{http.StatusOK, "The keys.", keySet{}}},
	}, {
		method: http.MethodGet, path: "/healthz", tag: tagMachines, summary: "Check liveness",
		text:    "Answers while the process serves at all; checks nothing else.",
		does:    anonymous(c.alive),
		replies: []reply{{http.StatusOK, "The process serves.", health{}}},
	}, {
		method: http.MethodGet, path: "/readyz", tag: tagMachines, summary: "Check readiness",
		text:    "Answers 503 with the reason if this node cannot serve.",
		does:    anonymous(c.canServe),
		replies: []reply{{http.StatusOK, "The node can serve.", readiness{}}},
	}, {
		method: http.MethodGet, path: documentPath, tag: tagMachines, summary: "Get this document",
		text: "OpenAPI 3.1, generated from the code that serves the calls. Its server address matches the address it was fetched from.",
		does: anonymous(c.describe),
		replies: []reply{
			{http.StatusOK, "The document.", map[string]any{}},
			{http.StatusNotModified, "The document has not changed since the version in `If-None-Match`.", nil},
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
func (c *machineCalls) jwks(x *call) error {
	x.w.Header().Set("Cache-Control", "public, max-age=300")
	httpauth.WriteBody(x.w, x.r, http.StatusOK, "application/json", c.keySet())
	return nil
}

type health struct {
	Status string `json:"status" enum:"ok"`
}

func (c *machineCalls) alive(x *call) error { return x.answer(http.StatusOK, health{"ok"}) }

type readiness struct {
	Status   string   `json:"status" enum:"ready"`
	Degraded []string `json:"degraded,omitempty" doc:"Other things that do not work, although the node can serve."`
}

func (c *machineCalls) canServe(x *call) error {
	ok, reasons := c.ready(x.r.Context())
	if !ok {
		return authcore.RefuseFor(authcore.Unavailable, "Not ready: "+strings.Join(reasons, "; ")+".", 5*time.Second)
	}
	return x.answer(http.StatusOK, readiness{"ready", reasons})
}

func (c *machineCalls) describe(x *call) error {
	d, err := x.mount.document()
	if err != nil {
		return err
	}
	d.serve(x.w, x.r)
	return nil
}
