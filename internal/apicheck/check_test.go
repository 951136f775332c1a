package apicheck_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/apicheck"
)

const small = `{
	"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "servers": [{"url": "/auth"}],
	"paths": {
		"/things/{id}": {"get": {
			"parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
			"responses": {
				"200": {"description": "x", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
				"404": {"description": "x", "content": {"application/problem+json": {"schema": {"allOf": [
					{"$ref": "#/components/schemas/Problem"}, {"type": "object", "properties": {"code": {"enum": ["not_found"]}}}
				]}}}},
				"503": {"description": "x", "headers": {"Retry-After": {"required": true, "schema": {"type": "integer"}}}}
			}
		}},
		"/things/all": {"post": {
			"requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}}}},
			"responses": {"204": {"description": "x"}}
		}}
	},
	"components": {"schemas": {
		"Thing": {"type": "object", "required": ["id"], "properties": {
			"id": {"type": "string", "format": "uuid"}, "owner": {"type": ["string", "null"]},
			"parts": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
			"twin": {"$ref": "#/components/schemas/Thing"}
		}},
		"Problem": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}, "detail": {"type": "string"}}}
	}}
}`

const id = `"id":"0190a0b0-0000-4000-8000-000000000000"`

func load(t *testing.T) *apicheck.Document {
	t.Helper()
	d, err := apicheck.Load([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func answered(method, path string, status int, kind, body string) apicheck.Exchange {
	h := http.Header{}
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	return apicheck.Exchange{Method: method, Path: path, Status: status, Header: h, Body: []byte(body)}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	d := load(t)
	const js, problem = "application/json", "application/problem+json"
	for _, c := range []struct {
		name   string
		e      apicheck.Exchange
		refuse string // "" when all of it is described
	}{
		{"as described", answered("GET", "/things/1", 200, js, `{`+id+`,"owner":null,"parts":[{"name":"x"}]}`), ""},
		{"head", answered("HEAD", "/things/1", 200, js, ``), ""},
		{"head with a body", answered("HEAD", "/things/1", 200, js, `{}`), "HEAD has a body"},
		{"member that is not named", answered("GET", "/things/1", 200, js, `{`+id+`,"secret":1}`), "secret"},
		{"the same deeper", answered("GET", "/things/1", 200, js, `{`+id+`,"parts":[{"secret":"x"}]}`), "secret"},
		{"the same behind a reference", answered("GET", "/things/1", 200, js, `{`+id+`,"twin":{`+id+`,"secret":1}}`), "secret"},
		{"missing member", answered("GET", "/things/1", 200, js, `{}`), "id"},
		{"wrong type", answered("GET", "/things/1", 200, js, `{"id":5}`), "id"},
		{"wrong format", answered("GET", "/things/1", 200, js, `{"id":"x"}`), "uuid"},
		{"no JSON", answered("GET", "/things/1", 200, js, `<p>`), "no JSON"},
		{"content type", answered("GET", "/things/1", 200, "text/html", `{`+id+`}`), "content type"},
		{"status", answered("GET", "/things/1", 201, js, `{`+id+`}`), "no such status"},
		{"problem", answered("GET", "/things/1", 404, problem, `{"code":"not_found","detail":"x"}`), ""},
		{"code that is not named", answered("GET", "/things/1", 404, problem, `{"code":"forbidden"}`), "code"},
		{"member of a problem", answered("GET", "/things/1", 404, problem, `{"code":"not_found","stack":"x"}`), "stack"},
		{"header", answered("GET", "/things/1", 503, "", ``), "Retry-After"},
		{"body where none is", answered("POST", "/things/all", 204, js, `{}`), "no body"},
		{"none", answered("POST", "/things/all", 204, "", ``), ""},
		{"name before parameter", answered("GET", "/things/all", 200, js, `{`+id+`}`), "no such call"},
		{"options", answered("OPTIONS", "/things/1", 204, "", ``), ""},
		{"unknown path", answered("GET", "/other", 404, problem, `{"code":"not_found"}`), ""},
		{"unknown path that is served", answered("GET", "/other", 200, js, `{}`), "no such call"},
		{"unknown path with another code", answered("GET", "/things/1/2", 403, problem, `{"code":"forbidden"}`), "no such call"},
		{"unknown method without Allow", answered("PUT", "/things/1", 405, problem, `{"code":"method_not_allowed"}`), "Allow"},
	} {
		err := d.Check(c.e)
		if (err != nil) != (c.refuse != "") || err != nil && !strings.Contains(err.Error(), c.refuse) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.refuse)
		}
	}
}

func TestCheck_AcceptedRequests(t *testing.T) {
	t.Parallel()
	d := load(t)
	e := answered("POST", "/things/all", 204, "", "")
	for body, ok := range map[string]bool{`{"n":1}`: true, `{"n":1,"more":true}`: true, `{"n":"1"}`: false, `{}`: false} {
		e.Request = []byte(body)
		if err := d.Check(e); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestUnseen(t *testing.T) {
	t.Parallel()
	d := load(t)
	if got := strings.Join(d.Unseen(), ", "); got != "GET /things/{id} 200, POST /things/all 204" {
		t.Errorf("got %s", got)
	}
	if err := d.Check(answered("POST", "/things/all", 204, "", "")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(d.Unseen(), ", "); got != "GET /things/{id} 200" {
		t.Errorf("got %s", got)
	}
}

func TestLoad_Refuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `{}`, strings.Replace(small, `"type": "integer"`, `"type": "number of sorts"`, 1), strings.Replace(small, `schemas/Thing"`, `schemas/Nothing"`, 1),
		strings.Replace(small, `"404"`, `"default"`, 1),
	} {
		if _, err := apicheck.Load([]byte(text)); err == nil {
			t.Errorf("loaded %.80q", text)
		}
	}
}
