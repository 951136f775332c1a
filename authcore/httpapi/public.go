package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/keyring"
)

// publicCalls are for machines that hold no account.
type publicCalls struct {
	keys  *keyring.Ring
	ready func(context.Context) (bool, []string)
}

func (c *publicCalls) mount(to routes) {
	to.add(http.MethodGet, "/.well-known/jwks.json", "", c.jwks)
	to.add(http.MethodGet, "/healthz", "", c.alive)
	to.add(http.MethodGet, "/readyz", "", c.canServe)
}

// jwks may be cached for as long as the next key is announced before it signs, and far longer than this.
func (c *publicCalls) jwks(w http.ResponseWriter, r *http.Request, _ Incoming) error {
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeBytes(w, r, http.StatusOK, "application/json", c.keys.JWKS())
	return nil
}

func (c *publicCalls) alive(w http.ResponseWriter, r *http.Request, _ Incoming) error {
	writeJSON(w, r, http.StatusOK, "application/json", map[string]string{"status": "ok"})
	return nil
}

func (c *publicCalls) canServe(w http.ResponseWriter, r *http.Request, _ Incoming) error {
	ok, reasons := c.ready(r.Context())
	if !ok {
		return authcore.RefuseFor(authcore.Unavailable, "Not ready: "+strings.Join(reasons, "; ")+".", 5*time.Second)
	}
	body := map[string]any{"status": "ready"}
	if len(reasons) > 0 { // this node can serve, and something beside that does not work
		body["degraded"] = reasons
	}
	writeJSON(w, r, http.StatusOK, "application/json", body)
	return nil
}
