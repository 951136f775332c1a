package dialect_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
)

// document is what the test reads of an OpenAPI document.
type document struct {
	Paths map[string]map[string]struct {
		RequestBody struct {
			Required bool
			Content  map[string]struct {
				Schema struct {
					Properties map[string]any
					Required   []string
				}
			}
		}
	}
}

func documentOf(t *testing.T, sites ...*dialect.Site) (d document) {
	t.Helper()
	if err := json.Unmarshal(dialect.Document(sites...), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDocument_Bodies: the document has every field that a call takes, whether the mechanism reads it or the call itself does, in every format that
// is taken; a body of nothing but optional fields may be left out.
func TestDocument_Bodies(t *testing.T) {
	t.Parallel()
	for name, gated := range gatedDialects {
		d := gated(t)
		e := d.serve(t, testdialect.Options{})
		site := e.Site
		if len(e.Beside) > 0 {
			site = e.Beside[0]
		}
		operations := documentOf(t, site).Paths
		for _, r := range d.is.Routes {
			if r.Path == "" {
				continue
			}
			path := site.Settings.Prefix + r.Path
			if path[len(path)-1] != '/' {
				path += "/"
			}
			body := operations[path][strings.ToLower(r.Method)].RequestBody
			var all, required []string
			for _, f := range slices.Concat(r.Fields, r.Reads) {
				if f.Name == dialect.LoginName {
					f.Name = site.Settings.LoginField
				}
				if all = append(all, f.Name); !f.Optional {
					required = append(required, f.Name)
				}
			}
			slices.Sort(all)
			slices.Sort(required)
			for _, kind := range drf.MediaTypes {
				schema := body.Content[kind].Schema
				if got := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(got, all) || fmt.Sprint(schema.Required) != fmt.Sprint(required) {
					t.Errorf("%s: %s %s takes %v, of which %v must be there; the document says of %s %v and %v", name, r.Method, path, all, required, kind, got, schema.Required)
				}
			}
			if body.Required != (len(required) > 0) {
				t.Errorf("%s: %s %s: the document says that the body is required: %t", name, r.Method, path, body.Required)
			}
		}
	}
}
