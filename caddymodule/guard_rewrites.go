package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// Rewrites says where in its file a guard stands and what changes paths in its site. It is for messages alone.
type Rewrites struct {
	Guard string   `json:"guard"`
	Lines []string `json:"lines"` // file:line and the words
}

// rewriting are the directives that change a request's path.
var rewriting = []string{"rewrite", "uri", "handle_path", "try_files"}

// rewritesIn finds the rewriting lines of a guard's site block, which the helper keeps to itself.
func rewritesIn(h httpcaddyfile.Helper, guard caddyfile.Token) *Rewrites {
	segments := reflect.ValueOf(h).FieldByName("parentBlock").FieldByName("Segments")
	out := &Rewrites{Guard: fmt.Sprintf("%s:%d", guard.File, guard.Line)}
	for i := range segments.Len() {
		line := ""
		for j := range segments.Index(i).Len() {
			token := segments.Index(i).Index(j)
			at := fmt.Sprintf("%s:%d", token.FieldByName("File"), token.FieldByName("Line").Int())
			word := token.FieldByName("Text").String()
			switch {
			case at != line && slices.Contains(rewriting, word):
				out.Lines = append(out.Lines, at+" "+word)
			case at == line && len(out.Lines) > 0 && strings.HasPrefix(out.Lines[len(out.Lines)-1], at+" ") && word != "{":
				out.Lines[len(out.Lines)-1] += " " + word
			}
			line = at
		}
	}
	if len(out.Lines) == 0 {
		return nil
	}
	return out
}

// readsPath reports whether a guard's matcher looks at the path.
func (g *GuardSettings) readsPath() bool {
	raw, err := json.Marshal(g.MatcherSetsRaw)
	return err == nil && strings.Contains(string(raw), "path")
}

// writtenOut returns matchers, which Caddy loads before any handler of their list, as JSON again.
func writtenOut(sets caddyhttp.MatcherSets) (out []rawMatchers) {
	for _, set := range sets {
		one := rawMatchers{}
		for _, m := range set {
			module, ok := m.(caddy.Module)
			if raw, err := json.Marshal(m); ok && err == nil {
				one[caddy.GetModuleName(module)] = raw
			}
		}
		out = append(out, one)
	}
	return out
}

// same reports whether two settings are written alike, white space aside.
func (g *GuardSettings) same(other *GuardSettings) bool {
	one, err := json.Marshal(g)
	two, err2 := json.Marshal(other)
	return err == nil && err2 == nil && bytes.Equal(one, two)
}

// rawRewrite is the handler `rewrite`, or any other.
type rawRewrite struct {
	Handler   string            `json:"handler"`
	Routes    []rawRoute        `json:"routes"`
	URI       string            `json:"uri"`
	Prefix    string            `json:"strip_path_prefix"`
	Suffix    string            `json:"strip_path_suffix"`
	Substring []json.RawMessage `json:"uri_substring"`
	Regexp    []json.RawMessage `json:"path_regexp"`
}

// handlersBehind returns the handlers that stand behind the guard in its block, as they were written.
func (g *Guard) handlersBehind(ctx caddy.Context) (routes []rawRoute) {
	srv, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return nil
	}
	for i, route := range behind(ctx, srv) {
		one := rawRoute{Handle: route.HandlersRaw, Match: writtenOut(route.MatcherSets)}
		for j, raw := range route.HandlersRaw {
			var h rawHandler
			if i == 0 && json.Unmarshal(raw, &h) == nil && h.Handler == "gatehouse_guard" && h.GuardSettings.same(&g.GuardSettings) {
				one.Handle = route.HandlersRaw[j+1:]
			}
		}
		routes = append(routes, one)
	}
	return routes
}

// warnOfRewrites warns where the path that the guard's matcher sees is changed behind it, so that a service gets a request under a
// path that the guard takes although the guard has left it out: `/api/admin/x` passes a guard on /admin/*, and behind `uri
// strip_prefix /api` it is /admin/x.
func (g *Guard) warnOfRewrites(ctx caddy.Context, routes []rawRoute, patterns []string) {
	for _, route := range routes {
		var files []string
		within := patterns
		for _, set := range route.Match {
			var paths []string
			if json.Unmarshal(set["path"], &paths) == nil && len(paths) > 0 {
				within = paths
			}
			var by struct {
				Files []string `json:"try_files"`
			}
			if json.Unmarshal(set["file"], &by) == nil {
				files = append(files, by.Files...)
			}
		}
		for _, raw := range route.Handle {
			var h rawRewrite
			if json.Unmarshal(raw, &h) != nil {
				continue
			}
			if h.Handler == "rewrite" && g.mayEvade(h, files, within) {
				g.warnOf(ctx, h)
			}
			g.warnOfRewrites(ctx, h.Routes, within)
		}
	}
}

// mayEvade reports whether a rewrite can make a path that the guard takes of one that it does not.
func (g *Guard) mayEvade(h rawRewrite, files, within []string) bool {
	if len(within) > 0 && !slices.ContainsFunc(within, func(p string) bool { return !g.takesPath(strings.TrimSuffix(p, "*")) }) {
		return false // what comes there is guarded
	}
	if h.Prefix != "" && !g.takesPath(strings.TrimSuffix(h.Prefix, "/")+"/x") || h.Suffix != "" || len(h.Substring)+len(h.Regexp) > 0 {
		return true
	}
	to, _, _ := strings.Cut(h.URI, "?")
	if to != "{http.matchers.file.relative}" {
		files = []string{to}
	}
	for _, to := range files {
		rest, same := strings.CutPrefix(to, "{http.request.uri.path}") // {path}/index.html is where {path} is
		switch {
		case to == "" || to == "{http.request.uri}" || same && !strings.Contains(rest, "{"):
		case strings.Contains(to, "{") || !sanitize.IsScript(to) && g.takesPath("/"+strings.TrimPrefix(to, "/")):
			return true
		}
	}
	return false
}

// takesPath asks the guard's matcher about a GET of a path.
func (g *Guard) takesPath(path string) bool {
	ctx := context.WithValue(context.Background(), caddy.ReplacerCtxKey, caddy.NewReplacer())
	ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://gatehouse.invalid/", nil)
	if err != nil {
		return false
	}
	r.URL.Path = path
	takes, err := g.match.AnyMatchWithError(r)
	return err != nil || takes
}

// shortForms puts placeholders back that Caddyfiles have in a short form.
var shortForms = strings.NewReplacer("{http.request.uri.path}", "{path}", "{http.request.uri}", "{uri}")

// warnOf names guard and rewrite, with their lines where a Caddyfile has them.
func (g *Guard) warnOf(ctx caddy.Context, h rawRewrite) {
	guard, what := "gatehouse_guard", "a handler rewrite with "
	kind, word := "rewrite", h.URI
	switch {
	case h.Prefix != "":
		what, kind, word = what+"strip_path_prefix "+h.Prefix, "uri", h.Prefix
	case h.URI == "":
		what, kind, word = what+"strip_path_suffix, uri_substring or path_regexp", "uri", ""
	case strings.HasPrefix(h.URI, "{http.matchers.file.relative}"):
		what, kind = "a handler rewrite to an existing file", "try_files"
	default:
		what += "uri " + shortForms.Replace(h.URI)
	}
	if g.Rewrites != nil {
		guard = g.Rewrites.Guard + ": " + guard
		for _, line := range g.Rewrites.Lines {
			at, words, _ := strings.Cut(line, " ")
			fields := strings.Fields(words)
			byPath := kind == "uri" && fields[0] == "handle_path" && len(fields) > 1 && strings.TrimRight(fields[1], "/*") == strings.TrimRight(word, "/")
			byWord := fields[0] == kind && (kind != "uri" || word == "" || slices.Contains(fields, word))
			if byPath || byWord {
				what = "`" + shortForms.Replace(words) + "` at " + at
				break
			}
		}
	}
	ctx.Slogger().Warn(guard + " matches by path before " + what + " changes the path: a request may pass the guard under one path and reach a " +
		"service under another path that it guards; match the paths that clients request, or put both into a route block, the rewrite first")
}
