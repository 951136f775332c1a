package caddymodule

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// forward prepares an admitted request for the upstream.
func (g *Guard) forward(p *passage, r *http.Request, v *accesstoken.Verified) {
	if v.Credential() == authcore.BearerToken {
		if delete(r.Header, "Authorization"); g.ForwardToken {
			r.Header["Authorization"] = p.authorization
		}
	}
	id := g.identity(v)
	sanitize.SetIdentity(r.Header, g.headers, &id, g.user)
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	repl.Map(g.placeholders(v))
	encode := accesstoken.Encode
	if g.utf8 {
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

// identity returns who the token speaks for as `header_encoding` says.
func (g *Guard) identity(v *accesstoken.Verified) accesstoken.Identity {
	if g.utf8 {
		return v.Text()
	}
	return v.Identity()
}

// extraHeader is one `header` line.
type extraHeader struct{ name, template string }

// placeholders yields {http.auth.user.*}, and the user as `remote_user` says.
func (g *Guard) placeholders(v *accesstoken.Verified) caddy.ReplacerFunc {
	return func(key string) (any, bool) {
		field, ok := strings.CutPrefix(key, "http.auth.user.")
		if !ok && key == admittedUser {
			id := g.identity(v)
			return id.User(g.user), true
		}
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
			return accesstoken.List(p.Roles), true
		case "session_id":
			return p.Session, true
		}
		return nil, false
	}
}
