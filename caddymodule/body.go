package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// closeAfterResponse is [sanitize.CloseAfterResponse], and answers a request with a broken body by 400.
func closeAfterResponse(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) caddyhttp.Handler {
	body := sanitize.CloseAfterResponse(w, r)
	if body == nil {
		return next
	}
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		err := next.ServeHTTP(w, r)
		if broken := body.Broken(); err != nil && broken != nil {
			return caddyhttp.Error(http.StatusBadRequest, broken)
		}
		return err
	})
}
