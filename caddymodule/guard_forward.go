package caddymodule

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
)

// forward prepares an admitted request for the upstream.
func (g *Guard) forward(r *http.Request, v *accesstoken.Verified) {
	httpapi.StripOwnCookies(r.Header)
	if v.Mode() == authcore.ModeBearer && !g.ForwardToken {
		delete(r.Header, "Authorization")
	}
	setIdentity(r.Header, g.headers, v.Identity())
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	repl.Map(placeholders(v))
	for _, h := range g.extra {
		// The template is the operator's; what it yields is encoded and never read as a template again.
		if value := accesstoken.Encode(repl.ReplaceAll(h.template, "")); value != "" {
			r.Header[h.name] = []string{value}
		}
	}
}

// extraHeader is one `header` line.
type extraHeader struct{ name, template string }

// placeholders yields {http.auth.user.*}.
func placeholders(v *accesstoken.Verified) caddy.ReplacerFunc {
	return func(key string) (any, bool) {
		field, ok := strings.CutPrefix(key, "http.auth.user.")
		if !ok {
			return nil, false
		}
		p := v.Principal()
		switch field {
		case "id":
			return p.Subject, true
		case "email":
			return p.Email, true
		case "username":
			return p.Username, true
		case "name":
			return p.Name, true
		case "roles":
			return strings.Join(p.Roles, ","), true
		case "session_id":
			return p.Session, true
		}
		return nil, false
	}
}
