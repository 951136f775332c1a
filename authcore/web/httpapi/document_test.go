package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
	"github.com/gatehouse-auth/gatehouse/internal/apicheck"
)

// description is what the tests read of the document.
type description struct {
	OpenAPI    string
	Servers    []struct{ URL string }
	Paths      map[string]map[string]operation
	Components struct {
		Schemas         map[string]schema
		SecuritySchemes map[string]struct{ Type, Scheme, In, Name string }
	}
}

type operation struct {
	OperationID, Summary, Description string
	Security                          *[]map[string][]string
	RequestBody                       *struct {
		Content map[string]struct{ Schema schema }
	}
	Responses map[string]struct {
		Description string
		Headers     map[string]any
		Content     map[string]any
	}
}

type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Format     string
	Pattern    string
	MinLength  *int
	MaxLength  *int
	Required   []string
	AnyOf      []schema
	Properties map[string]schema
}

func described(t testing.TB) description {
	t.Helper()
	var d description
	check(t, json.Unmarshal(must(httpapi.Document("/auth"))(t), &d))
	return d
}

// each calls do for every operation of the document, with the schema of its body; nil for none.
func (d description) each(do func(method, path string, op operation, body *schema)) {
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			op := d.Paths[path][method]
			var body *schema
			if op.RequestBody != nil {
				s := d.Components.Schemas[strings.TrimPrefix(op.RequestBody.Content["application/json"].Schema.Ref, "#/components/schemas/")]
				body = &s
			}
			do(strings.ToUpper(method), path, op, body)
		}
	}
}

func TestDocument_IsServed(t *testing.T) {
	h := open(t)
	got := h.call(http.MethodGet, "/openapi.json", "").want(200)
	if !bytes.Equal(got.body, must(httpapi.Document("/auth"))(t)) {
		t.Error("the document differs from Document")
	}
	tag := got.header.Get("ETag")
	if tag == "" || got.header.Get("Cache-Control") != "public, max-age=300" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %v", got.header)
	}
	for _, known := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		if again := h.call(http.MethodGet, "/openapi.json", "", header("If-None-Match", known)).want(304); again.header.Get("ETag") != tag {
			t.Errorf("%s: got %v", known, again.header)
		}
	}
	h.call(http.MethodGet, "/openapi.json", "", header("If-None-Match", `"x"`)).want(200)
	if head := h.call(http.MethodHead, "/openapi.json", "").want(200); len(head.body) > 0 || head.header.Get("Content-Length") == "" {
		t.Errorf("HEAD: %v", head.header)
	}
}

func TestDocument_UnderAnotherPrefix(t *testing.T) {
	h := open(t)
	h.handler = h.api.Handler("/id/x")
	got := h.call(http.MethodGet, "/openapi.json", "", func(r *http.Request) { r.URL.Path = "/id/x/openapi.json" }, unchecked).want(200)
	var d description
	got.into(&d)
	if len(d.Servers) != 1 || d.Servers[0].URL != "/id/x" || strings.Contains(string(got.body), "/auth/") {
		t.Errorf("servers %v", d.Servers)
	}
	if _, err := apicheck.Load(got.body); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1") {
		t.Errorf("openapi %q", d.OpenAPI)
	}
}

// What is mounted and what is described are the same.
func TestDocument_HasEveryCall(t *testing.T) {
	t.Parallel()
	var got []string
	ids := map[string]bool{}
	described(t).each(func(method, path string, op operation, _ *schema) {
		got = append(got, method+" "+path)
		if ids[op.OperationID] || op.OperationID == "" || op.Summary == "" || op.Description == "" || op.Security == nil {
			t.Errorf("%s %s: %+v", method, path, op)
		}
		ids[op.OperationID] = true
		for status, r := range op.Responses {
			if _, ok := r.Headers["Retry-After"]; ok != (status == "429" || status == "503") || r.Description == "" {
				t.Errorf("%s %s %s: %+v", method, path, status, r)
			}
		}
	})
	slices.Sort(got)
	want := httpapi.Mounted()
	if !slices.Equal(got, want) {
		t.Errorf("described %q\nmounted %q", got, want)
	}
	doc := must(apiDocument())(t)
	if !slices.Equal(doc.Operations(), want) {
		t.Errorf("checked %q", doc.Operations())
	}
}

// The calls and successes of contract §4 are all described.
func TestDocument_HasTheContract(t *testing.T) {
	t.Parallel()
	d := described(t)
	for call, want := range map[string]string{
		"post /register": "201 202 403 409 422", "post /verify": "200 400 403 429", "post /verify/resend": "202 429", "post /login": "200 401 403 429",
		"post /refresh": "200 401", "post /logout": "204", "post /token/verify": "200 429", "get /me": "200 401", "patch /me": "200 401 422",
		"put /me": "200 401 422", "post /me/password": "204 401 422", "post /password/forgot": "202", "post /password/reset": "204 400 422",
		"get /sessions": "200", "delete /sessions/{id}": "204 404", "post /sessions/revoke": "200", "get /devices": "200", "patch /devices/{id}": "200 404 422",
		"delete /devices/{id}": "204 404", "post /devices/revoke": "200 422", "get /.well-known/jwks.json": "200",
		"get /healthz": "200", "get /config": "200", "get /readyz": "200 503",
	} {
		method, path, _ := strings.Cut(call, " ")
		for status := range strings.SplitSeq(want, " ") {
			if _, ok := d.Paths[path][method].Responses[status]; !ok {
				t.Errorf("%s %s is not there", call, status)
			}
		}
	}
	for name, members := range map[string]string{
		"User":         "id email email_verified username phone first_name last_name avatar_url roles created_at phone_verified fields locale pending password_set mfa_enabled invited_by",
		"TokenPair":    "access_token token_type expires_in refresh_token refresh_expires_in session_id user",
		"Problem":      "type title status detail code errors",
		"SessionEntry": "id current created_at last_seen_at ip browser os device user_agent name",
		"Registered":   "status channel expires_in registration",
		"LoginBody":    "login password device_name device_token remember cookies",
		"RegisterBody": "email password username first_name last_name phone locale fields",
		"ProfileBody":  "username first_name last_name locale fields",
		"VerifyBody":   "token email phone otp registration password new_password",
		"ResetBody":    "token login email otp new_password",
		// What several bodies share is described in each of them.
		"OtpBody":           "login email phone rd binding cookies",
		"OtpVerifyBody":     "login email phone otp token binding device_name device_token remember cookies",
		"PasskeyBody":       "credential device_name device_token remember cookies",
		"SetupBody":         "token email password username device_name device_token remember cookies",
		"ProceedBody":       "mfa_token method factor_id code credential password trust_device",
		"SendBody":          "mfa_token method factor_id",
		"DeletionBody":      "password otp",
		"AddFactorBody":     "type name email phone password otp",
		"NotificationsBody": "new_device password otp",
	} {
		for member := range strings.SplitSeq(members, " ") {
			if _, ok := d.Components.Schemas[name].Properties[member]; !ok {
				t.Errorf("%s has no %s", name, member)
			}
		}
	}
	names := map[string]string{}
	for _, s := range d.Components.SecuritySchemes {
		names[s.Name] = s.Type + s.In + s.Scheme
	}
	if names[""] != "httpbearer" || names["__Host-gatehouse"] != "apiKeycookie" || names["gatehouse"] != "apiKeycookie" {
		t.Errorf("security schemes %v", names)
	}
}

// What the document says of requests is what is enforced: a wrong type is 400, a broken rule 422.
func TestDocument_RulesAreEnforced(t *testing.T) {
	h := open(t, plan{rates: unlimited(), ways: codesAndLinks, byCode: true, numbers: identifier.Numbers{Texts: true}})
	h.account(email, username, func(a *authcore.Account) { a.Roles = []string{authcore.RoleAdmin} })
	me := bearer(h.signIn(username).AccessToken)
	_, boss := h.withRoles("boss.one", authcore.RoleAdmin)
	asUser, rules := me, 0
	described(t).each(func(method, path string, op operation, body *schema) {
		if body == nil {
			return
		}
		before := rules
		if me = asUser; strings.HasPrefix(path, "/admin/") {
			me = boss
		}
		path = strings.Replace(strings.Replace(path, "{id}", "none", 1), "{name}", "access_lifetime", 1)
		for name, s := range body.Properties {
			for _, wrong := range []string{`5`, `true`, `"x"`, `{}`, `["x",5]`} {
				if s.takes(wrong) {
					continue
				}
				h.call(method, path, fmt.Sprintf(`{%q:%s}`, name, wrong), me).refused(400, authcore.InvalidRequest)
			}
			if name == "headers" { // of a question: any name is one
				continue
			}
			if name == "credential" { // what a browser answers is read by what verifies it, and may have more members
				continue
			}
			for _, broken := range s.broken() {
				rules++
				fields := body.good(name)
				fields[name] = broken
				text := string(must(json.Marshal(fields))(t))
				got := h.call(method, path, text, me)
				if got.status != 422 || !strings.Contains(string(got.body), `"`+name+`"`) && !strings.Contains(string(got.body), `"`+name+`.`) {
					t.Errorf("%s %s %.100s: %d %s", method, path, text, got.status, got.body)
				}
			}
		}
		for _, name := range body.Required {
			rules++
			fields := body.good(name)
			delete(fields, name)
			h.call(method, path, string(must(json.Marshal(fields))(t)), me).refused(422, authcore.InvalidFields)
		}
		if _, ok := op.Responses["422"]; !ok && rules > before {
			t.Errorf("%s %s: it has rules and no 422", method, path)
		}
	})
	if rules < 30 {
		t.Errorf("only %d rules were tried", rules)
	}
}

// takes reports whether a JSON value has the type of the schema.
func (s schema) takes(value string) bool {
	if s.Type == nil { // any value
		return true
	}
	kinds := fmt.Sprint(s.Type)
	switch value[0] {
	case '"':
		return strings.Contains(kinds, "string")
	case 't':
		return strings.Contains(kinds, "boolean")
	case '{':
		return strings.Contains(kinds, "object")
	case '5':
		return strings.Contains(kinds, "integer")
	}
	return false
}

// broken returns values that each break one rule of the schema.
func (s schema) broken() []any {
	var all []any
	if s.MinLength != nil {
		all = append(all, strings.Repeat("x", *s.MinLength-1))
	}
	if s.MaxLength != nil && s.Pattern == "" {
		if s.Format == "email" {
			all = append(all, strings.Repeat("a", *s.MaxLength)+"@example.com")
		} else {
			all = append(all, strings.Repeat("x", *s.MaxLength+1))
		}
	}
	if s.Pattern != "" {
		all = append(all, "<no>", "é")
	}
	if s.Format == "email" {
		all = append(all, "nobody", "@example.com")
	}
	if s.Type != nil && s.takes("{}") { // fields that nobody has added
		all = append(all, map[string]any{"no_such_field": "x"})
	}
	return all
}

// good returns a body that breaks no rule, whatever the field called name holds.
func (s schema) good(name string) map[string]any {
	values := map[string]any{
		"email": "x@example.com", "password": password, "new_password": password2, "current_password": password, "login": username, "otp": "123456", "token": "x",
		"credential": map[string]any{}, "roles": []any{}, "disabled": false,
	}
	fields := map[string]any{}
	needed := slices.Clone(s.Required)
	for _, set := range s.AnyOf {
		if slices.Contains(set.Required, name) || len(needed) == len(s.Required) && !slices.ContainsFunc(s.AnyOf, func(o schema) bool { return slices.Contains(o.Required, name) }) {
			needed = append(needed, set.Required...)
			break
		}
	}
	for _, n := range needed {
		fields[n] = values[n]
	}
	return fields
}
