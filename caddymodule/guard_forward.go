package caddymodule

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
)

// ServeHTTP is the path of every guarded request, see [guard.Guard.Serve].
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return g.way.Serve(w, r, next)
}

// matches asks the guard's matcher.
func (g *Guard) matches(r *http.Request) (bool, error) {
	if lower := strings.ToLower(r.Host); lower != r.Host { // only the matcher `host` itself does not see case
		given := r.Host
		r.Host = lower
		defer func() { r.Host = given }()
	}
	return g.match.AnyMatchWithError(r)
}

// tell makes the placeholders of an admitted request known, and sets the headers of `header` lines.
func (g *Guard) tell(r *http.Request, v *accesstoken.Verified) {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	repl.Map(g.placeholders(v))
	if len(g.extra) == 0 {
		return
	}
	encode := accesstoken.Encode
	if g.way.UTF8 {
		encode = accesstoken.Text
	}
	for _, h := range g.extra {
		// The template is the operator's; what it yields is encoded and never read as a template again.
		if value := encode(repl.ReplaceAll(h.template, "")); value != "" {
			r.Header[h.name] = []string{value}
		} else {
			delete(r.Header, h.name) // another guard on the way may have kept it
		}
	}
}

// extraHeader is one `header` line.
type extraHeader struct{ name, template string }

// placeholders yields {http.auth.user.*}, and the user as `remote_user` says.
func (g *Guard) placeholders(v *accesstoken.Verified) caddy.ReplacerFunc {
	return func(key string) (any, bool) {
		field, ok := strings.CutPrefix(key, "http.auth.user.")
		if !ok && key == admittedUser {
			id := g.way.IdentityOf(v)
			return id.User(g.way.User), true
		}
		if !ok && key == "http.auth.via" {
			return string(v.Credential()), true
		}
		if !ok {
			return nil, false
		}
		if own, ok := strings.CutPrefix(field, ownField); ok {
			if !g.app.cfg.userFields.InTokens(own) {
				return nil, false
			}
			return v.Field(own), true
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
			return accesstoken.List(p.Roles), true
		case "session_id":
			return p.Session, true
		case "acr":
			return authcore.ACR(p.AMR), true
		case "amr":
			return accesstoken.List(p.AMR), true
		case "auth_time":
			return authTime(p), true
		}
		return nil, false
	}
}

// authTime is the claim auth_time as text; "" where the token says none.
func authTime(p authcore.Principal) string {
	if p.AuthTime.IsZero() {
		return ""
	}
	return strconv.FormatInt(p.AuthTime.Unix(), 10)
}
