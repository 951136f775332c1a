package apicheck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Document is an OpenAPI document that exchanges are held against. It is safe for concurrent use.
type Document struct {
	operations []*operation
	seen       tally
}

type operation struct {
	method   string
	path     []string // its segments
	request  *jsonschema.Schema
	statuses map[int]response
}

type response struct {
	media   string   // "" where there is no body
	files   []string // the media types that the body may have instead, which is no JSON
	body    *jsonschema.Schema
	headers []string // that must be there
}

// wire is what of a document is read here.
type wire struct {
	Paths map[string]map[string]struct {
		RequestBody *struct{ Content content }
		Responses   map[string]struct {
			Headers map[string]struct{ Required bool }
			Content content
		}
	}
}

type content map[string]json.RawMessage

// files reports whether none of the types is JSON.
func (c content) files() bool {
	for media := range c {
		if strings.HasSuffix(media, "json") {
			return false
		}
	}
	return len(c) > 0
}

// Load reads a document. An error says what of it is not valid OpenAPI 3.1 or not valid JSON Schema.
func Load(text []byte) (*Document, error) {
	loaded, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	if err := loaded.Validate(openapi3.NewLoader().Context); err != nil {
		return nil, fmt.Errorf("validate the document: %w", err)
	}
	var w wire
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, fmt.Errorf("read the operations: %w", err)
	}
	asWritten, err := newCompiler(text, false)
	if err != nil {
		return nil, err
	}
	strict, err := newCompiler(text, true)
	if err != nil {
		return nil, err
	}
	d := &Document{}
	for path, methods := range w.Paths {
		for method, o := range methods {
			op := &operation{method: strings.ToUpper(method), path: strings.Split(path, "/"), statuses: map[int]response{}}
			at := []string{"paths", path, method}
			if o.RequestBody != nil && !o.RequestBody.Content.files() {
				if _, op.request, err = asWritten.body(o.RequestBody.Content, append(at, "requestBody")); err != nil {
					return nil, err
				}
			}
			for name, r := range o.Responses {
				var status int
				if _, err := fmt.Sscanf(name, "%d", &status); err != nil {
					return nil, fmt.Errorf("%s %s: the status %q is no number", op.method, path, name)
				}
				var res response
				if r.Content.files() {
					res.files = slices.Sorted(maps.Keys(r.Content))
				} else if res.media, res.body, err = strict.body(r.Content, append(at, "responses", name)); err != nil {
					return nil, err
				}
				for header, h := range r.Headers {
					if h.Required {
						res.headers = append(res.headers, header)
					}
				}
				op.statuses[status] = res
			}
			d.operations = append(d.operations, op)
		}
	}
	return d, nil
}

const address = "https://document.invalid/openapi.json"

type compiler struct{ *jsonschema.Compiler }

// newCompiler compiles schemas that stand in a document, references within it included. A closed one has no place for
// members that are not named.
func newCompiler(text []byte, closed bool) (compiler, error) {
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return compiler{}, fmt.Errorf("read the schemas: %w", err)
	}
	if closed {
		closeDocument(tree)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(address, tree); err != nil {
		return compiler{}, fmt.Errorf("read the schemas: %w", err)
	}
	return compiler{c}, nil
}

// body compiles the schema of the one content type there is; "" and nil for none.
func (c compiler) body(types content, at []string) (string, *jsonschema.Schema, error) {
	if len(types) > 1 {
		return "", nil, fmt.Errorf("%s: one content type is expected", strings.Join(at, " "))
	}
	for media := range types {
		s, err := c.Compile(address + "#" + pointer(slices.Concat(at, []string{"content", media, "schema"})))
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", strings.Join(at, " "), err)
		}
		return media, s, nil
	}
	return "", nil, nil
}

// pointer writes a JSON pointer as the fragment of an address (RFC 6901 §6).
func pointer(path []string) string {
	var b strings.Builder
	for _, name := range path {
		b.WriteString("/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name)))
	}
	return b.String()
}

// closeDocument makes every schema of an answer refuse members that it does not name. Parts of a schema (allOf, oneOf, and
// the components that they refer to) are left open: it is the whole that is closed.
func closeDocument(tree any) {
	doc, _ := tree.(map[string]any)
	for _, path := range object(doc, "paths") {
		for _, method := range path.(map[string]any) {
			for _, r := range object(method, "responses") {
				for _, media := range object(r, "content") {
					closeSchema(object(media, "schema"), true)
				}
			}
		}
	}
	for _, s := range object(object(doc, "components"), "schemas") {
		closeSchema(s.(map[string]any), false)
	}
}

func closeSchema(s map[string]any, whole bool) {
	if len(s) == 0 { // anything at all
		return
	}
	if _, says := s["additionalProperties"]; whole && !says && s["unevaluatedProperties"] == nil {
		s["unevaluatedProperties"] = false
	}
	for _, p := range object(s, "properties") {
		closeSchema(p.(map[string]any), true)
	}
	for _, name := range []string{"items", "additionalProperties"} {
		if p, ok := s[name].(map[string]any); ok {
			closeSchema(p, true)
		}
	}
	for _, name := range []string{"allOf", "anyOf", "oneOf"} {
		parts, _ := s[name].([]any)
		for _, p := range parts {
			closeSchema(p.(map[string]any), false)
		}
	}
}

func object(v any, name string) map[string]any {
	m, _ := v.(map[string]any)
	o, _ := m[name].(map[string]any)
	return o
}
