package caddymodule

import (
	"context"
	"crypto/tls"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// maxExplained is how many bytes the headers of a question may have.
const maxExplained = 64 << 10

// credentialHeaders may not stand among the headers of a question: a refresh token in a cookie would be spent, and who asks is not
// to paste what they would not want to see in a log.
var credentialHeaders = []string{"Authorization", "Cookie", "Proxy-Authorization"}

func readQuestion(q access.Question) (*url.URL, netip.Addr, error) {
	var broken authcore.FieldErrors
	to, err := url.Parse(q.URL)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" || to.User != nil {
		broken.Add("url", authcore.WholeURL)
	}
	if q.Method == "" || strings.ContainsAny(q.Method, " \t\r\n") {
		broken.Add("method", authcore.QuestionInvalid)
	}
	if q.User != "" && q.Token != "" {
		broken.Add("token", authcore.UserOrToken)
	}
	addr := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if q.IP != "" {
		if addr, err = netip.ParseAddr(q.IP); err != nil {
			broken.Add("ip", authcore.IPInvalid)
		}
	}
	size := 0
	for name, value := range q.Headers {
		size += len(name) + len(value)
		if !fieldName.MatchString(name) || strings.ContainsAny(value, "\r\n\x00") || slices.Contains(credentialHeaders, http.CanonicalHeaderKey(name)) {
			broken.Add("headers", authcore.HeaderLine)
			break
		}
	}
	if size > maxExplained {
		broken.Add("headers", authcore.HeaderLine)
	}
	return to, addr, broken.Refusal()
}

// routeWalk follows one request through provisioned routes, as far as handlers are known. It calls none that answers.
type routeWalk struct {
	inquiry
	srv     *caddyhttp.Server
	request *http.Request
	repl    *caddy.Replacer
	groups  map[string]bool
	account *authcore.Account
	token   string
	site    string
	out     access.Explanation
	onGuard func(*Guard) (done bool)
}

func newRouteWalk(i inquiry, srv *caddyhttp.Server, q access.Question, to *url.URL, addr netip.Addr) *routeWalk {
	r := &http.Request{Method: strings.ToUpper(q.Method), URL: &url.URL{Path: to.Path, RawPath: to.RawPath, RawQuery: to.RawQuery}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Host: to.Host, RemoteAddr: netip.AddrPortFrom(addr, 1).String(), Body: http.NoBody}
	if r.URL.Path == "" {
		r.URL.Path = "/"
	}
	r.RequestURI = r.URL.RequestURI()
	if to.Scheme == "https" {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: to.Hostname()}
	}
	for name, value := range q.Headers {
		r.Header.Set(name, value)
	}
	if q.Token != "" {
		r.Header.Set("Authorization", "Bearer "+q.Token)
	}
	repl := caddy.NewReplacer()
	w := &routeWalk{inquiry: i, srv: srv, repl: repl, groups: map[string]bool{}, token: q.Token}
	w.request = caddyhttp.PrepareRequest(r.WithContext(context.Background()), repl, nil, srv)
	w.onGuard = w.ask
	w.out = access.Explanation{Decision: access.Allows, Status: http.StatusOK, Steps: []access.Step{}, Headers: map[string]string{}}
	return w
}

func (w *routeWalk) step(check, result, detail string) {
	w.out.Steps = append(w.out.Steps, access.Step{Check: check, Result: result, Detail: detail})
}

// take follows routes, and reports whether nothing sees the request after them.
func (w *routeWalk) take(routes caddyhttp.RouteList) (done bool) {
	for _, route := range routes {
		if route.Group != "" && w.groups[route.Group] {
			continue
		}
		matched, err := route.MatcherSets.AnyMatchWithError(w.request)
		if err != nil {
			w.step("matcher", "failed", err.Error())
			w.out.Decision, w.out.Status = access.Unavailable, http.StatusInternalServerError
			return true
		}
		if !matched {
			continue
		}
		if route.Group != "" {
			w.groups[route.Group] = true
		}
		if w.site == "" {
			w.site = w.request.Host
			if hosts := matchedHosts(route); len(hosts) > 0 {
				w.site = strings.Join(hosts, ", ")
			}
			w.step("site", "takes the request", w.site)
		}
		for _, h := range route.Handlers {
			if w.meet(h) {
				return true
			}
		}
		if route.Terminal {
			return true
		}
	}
	return false
}

// rewriter is the handler rewrite, and those of uri, handle_path and the like that are made of it.
type rewriter interface {
	Rewrite(r *http.Request, repl *caddy.Replacer) bool
}

// answering are handlers that pass nothing on.
var answering = []string{"reverse_proxy", "static_response", "file_server", "error", "metrics", "acme_server"}

// meet is what one handler does with the request; done says that it goes no further.
func (w *routeWalk) meet(h caddyhttp.MiddlewareHandler) (done bool) {
	switch h := h.(type) {
	case *caddyhttp.Subroute:
		return w.take(h.Routes)
	case *caddyhttp.Invoke:
		if named := w.srv.NamedRoutes[h.Name]; named != nil {
			return w.take(caddyhttp.RouteList{*named})
		}
		return false
	case *Portal:
		if httpauth.HasPrefix(h.prefix(), w.request.URL.Path) {
			w.step("portal", "answers", "the pages and the API of this gateway decide for themselves")
			return true
		}
		if w.app != nil && h.baited != nil && h.baited.at(w.request) != nil {
			w.step("honey_trap", "answers", "the path is a bait")
			w.out.Decision, w.out.Status = access.Denies, http.StatusNotFound
			return true
		}
		return false
	case *Guard:
		return w.onGuard(h)
	case rewriter:
		before := w.request.URL.RequestURI()
		if h.Rewrite(w.request, w.repl) {
			w.step("rewrite", w.request.URL.RequestURI(), "was "+before)
		}
		return false
	}
	mod, ok := h.(caddy.Module)
	if !ok {
		return false
	}
	name := caddy.GetModuleName(mod)
	if slices.Contains(answering, name) {
		w.step("handler", name, "the request arrives here")
		return true
	}
	if !slices.Contains(passing, name) && !strings.HasPrefix(name, "gatehouse") {
		w.step("handler", name, "it may answer or change the request; this is not looked at")
	}
	return false
}

// ask asks a guard, and reports whether it keeps the request.
func (w *routeWalk) ask(g *Guard) (done bool) {
	at := cmpPlace(g.At)
	who, err := w.identify(g)
	x := g.way.Explain(w.request, who, err)
	if !x.Guarded {
		w.step("guard", "passes", at+" is not for this request")
		return false
	}
	w.step("guard", "decides", at)
	w.out.Steps = append(w.out.Steps, x.Steps...)
	w.out.Guard, w.out.Shadow = at, g.Shadow
	w.out.Decision, w.out.Status = access.Word(x.Decided.Err), x.Status
	if x.Decided.Err == nil {
		maps.Copy(w.out.Headers, g.way.Told(w.request, x.Decided.User))
		return false
	}
	w.out.Code = string(authcore.CodeOf(x.Decided.Err))
	w.out.Rule = g.ruleOf(x.Broken, authcore.CodeOf(x.Decided.Err))
	w.out.Headers = map[string]string{}
	return true
}

func (w *routeWalk) identify(g *Guard) (httpauth.Result, error) {
	switch {
	case w.account != nil:
		return w.signedIn(w.account, w.app.sites.portalURL())
	case w.token != "":
		return g.way.Identify(w.request)
	}
	return httpauth.Result{}, authcore.Refuse(authcore.AuthenticationRequired, "Nobody is signed in.")
}

func cmpPlace(at string) string {
	if at == "" {
		return "gatehouse_guard"
	}
	return shortPlace(at)
}

// ruleOf returns where the rule stands that refused; "" for none.
func (g *Guard) ruleOf(broken int, code authcore.Code) string {
	n := -1
	for _, r := range g.Require {
		is := false
		switch {
		case r.MFA:
			is = code == authcore.MFARequired
		case r.Fresh != 0:
			is = code == authcore.ReauthenticationRequired
		default:
			n++
			is = n == broken
		}
		if is && r.At != "" {
			return shortPlace(r.At)
		}
	}
	return ""
}
