package dialect

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// What dialects serve below their prefix besides their calls. Those that share it answer alike, whichever is asked.
const (
	documentPath = "/openapi.json"
	keysPath     = "/jwks.json"
)

// Document returns the OpenAPI 3.1 document of the calls of some sites.
func Document(sites ...*Site) []byte {
	paths, tags, titles := map[string]map[string]any{}, []map[string]any{}, []string{}
	for _, s := range sites {
		tags = append(tags, map[string]any{"name": s.Dialect.Name, "description": s.Dialect.Title})
		titles = append(titles, s.Dialect.Title)
		for _, path := range s.table.order {
			for _, to := range s.table.paths[path] {
				if paths[path+"/"] == nil {
					paths[path+"/"] = map[string]any{}
				}
				paths[path+"/"][strings.ToLower(to.Method)] = s.operation(to, path)
			}
		}
	}
	doc, err := json.Marshal(map[string]any{
		"openapi": "3.1.0", "info": map[string]any{"title": strings.Join(titles, ", "), "version": "1"}, "tags": tags, "paths": paths,
		"components": map[string]any{"securitySchemes": map[string]any{
			"token": map[string]any{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
		}},
	})
	if err != nil { // unreachable: texts, numbers and lists
		panic(err)
	}
	return doc
}

// OperationID names a call in the document.
func (r *Route) OperationID() string {
	name := r.Action
	if name == "" {
		name = strings.NewReplacer("/", "_", "{", "", "}", "").Replace(strings.TrimPrefix(r.Path, "/"))
	}
	if r.Method == http.MethodPost {
		return name
	}
	return name + "_" + strings.ToLower(r.Method)
}

func (s *Site) operation(to *Route, path string) map[string]any {
	op := map[string]any{"operationId": to.OperationID(), "summary": to.Summary, "tags": []string{s.Dialect.Name}, "responses": responses(to)}
	if to.Path == "" || path != s.Settings.Prefix+to.Path { // the call has another path, or more
		op["operationId"] = to.OperationID() + "_at" + strings.ReplaceAll(path, "/", "_")
	}
	switch {
	case to.Maybe:
		op["security"] = []map[string][]string{{}, {"token": {}}}
	case to.User:
		op["security"] = []map[string][]string{{"token": {}}}
	}
	if _, rest, found := strings.Cut(path, "{"); found {
		name, _, _ := strings.Cut(rest, "}")
		op["parameters"] = []map[string]any{{"name": name, "in": "path", "required": true, "schema": map[string]string{"type": "string"}}}
	}
	if fields := slices.Concat(s.Named(to.Fields), to.Reads); len(fields) > 0 {
		content := map[string]any{}
		for _, kind := range drf.MediaTypes {
			content[kind] = map[string]any{"schema": schema(fields)}
		}
		must := slices.ContainsFunc(fields, func(f drf.Field) bool { return !f.Optional })
		op["requestBody"] = map[string]any{"required": must, "content": content}
	}
	return op
}

// responses are those of a call: its own, those to any body, and that of a gateway whose database is away.
func responses(to *Route) map[string]any {
	statuses := append(slices.Clone(to.Replies), http.StatusServiceUnavailable)
	if len(to.Fields)+len(to.Reads) > 0 {
		statuses = append(statuses, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	all := map[string]any{}
	for _, status := range statuses {
		all[strconv.Itoa(status)] = map[string]string{"description": http.StatusText(status)}
	}
	return all
}

func schema(fields []drf.Field) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range fields {
		p := map[string]any{"type": "string"}
		switch {
		case f.Boolean:
			p["type"] = "boolean"
		case f.Email:
			p["format"] = "email"
		case f.Secret:
			p["format"] = "password"
		}
		if f.Max > 0 {
			p["maxLength"] = f.Max
		}
		properties[f.Name] = p
		if !f.Optional {
			required = append(required, f.Name)
		}
	}
	slices.Sort(required)
	return map[string]any{"type": "object", "properties": properties, "required": required}
}

// below serves what every dialect has below its prefix, and reports false for any other path.
func (x *Call) below() bool {
	rest, ok := strings.CutPrefix(x.R.URL.Path, x.Settings.Prefix)
	if !ok || rest != documentPath && rest != keysPath {
		return false
	}
	if x.R.Method != http.MethodGet && x.R.Method != http.MethodHead {
		x.W.Header().Set("Allow", "GET, HEAD")
		x.fail(drf.MethodNotAllowed(x.R.Method))
		return true
	}
	if rest == documentPath {
		x.WriteDocument()
		return true
	}
	var keys []*jwtkeys.ForeignKeys
	for _, s := range x.Siblings() {
		if s.Settings.Keys != nil { // else it borrows
			keys = append(keys, s.Settings.Keys)
		}
	}
	if len(keys) == 0 {
		x.fail(drf.NotFound())
		return true
	}
	httpauth.WriteBody(x.W, x.R, http.StatusOK, "application/jwk-set+json", jwtkeys.NewForeignSet(keys...).JWKS(x.Flows.Now()))
	return true
}

// WriteDocument answers with the document of all dialects that share the prefix.
func (x *Call) WriteDocument() {
	httpauth.WriteBody(x.W, x.R, http.StatusOK, "application/json", Document(x.Siblings()...))
}

// Siblings are the dialects that share the site's prefix, this one included.
func (s *Site) Siblings() []*Site {
	if s.Settings.Siblings != nil {
		if all := s.Settings.Siblings(); len(all) > 0 {
			return all
		}
	}
	return []*Site{s}
}
