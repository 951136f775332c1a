package httpapi

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// tag is a heading that calls stand under.
type tag string

const (
	tagSignUp      tag = "Sign-up"
	tagSignIn      tag = "Sign-in"
	tagTokens      tag = "Tokens"
	tagPassword    tag = "Passwords"
	tagAccount     tag = "Account"
	tagSessions    tag = "Sessions"
	tagDevices     tag = "Devices"
	tagFactors     tag = "Second factors"
	tagProviders   tag = "Identity providers"
	tagInvitations tag = "Invitations"
	tagAdmin       tag = "Administration"
	tagMachines    tag = "Service endpoints"
)

const introduction = "Requests and answers are JSON. Unknown members of a request are ignored. Malformed JSON, a duplicate member, anything after the object or a wrong " +
	"type gets 400 `invalid_request`, an invalid field 422 `invalid_fields`, a body over 1 MiB 413, another content type 415.\n\n" +
	"Errors are `application/problem+json` (RFC 9457); `code` is stable. Unknown paths get 404 `not_found`, other methods 405 " +
	"`method_not_allowed` with `Allow`. Every path answers `OPTIONS`, and `HEAD` if it answers `GET`. Times are RFC 3339 in UTC, ids are UUIDs.\n\n" +
	"Send a bearer token, or let a browser send its cookies. A bearer token wins over cookies, and an invalid one gets 401 even " +
	"if the cookies are valid. A request with cookies that changes something must come from a page of this origin or of a trusted one."

// describe makes the document of every call, with the names of the cookies. An error means that a description cannot be written.
func describe(all routes, cookiePrefix string) (spec *huma.OpenAPI, err error) {
	defer func() {
		if p := recover(); p != nil { // huma panics on a struct tag that it cannot read
			err = fmt.Errorf("describe the calls: %v", p)
		}
	}()
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	spec = &huma.OpenAPI{
		OpenAPI:    "3.1.0",
		Info:       &huma.Info{Title: "Gatehouse", Version: "1", Description: introduction},
		Paths:      map[string]*huma.PathItem{},
		Components: &huma.Components{Schemas: schemas, SecuritySchemes: securitySchemes(cookiePrefix)},
	}
	for _, t := range []tag{tagSignIn, tagSignUp, tagTokens, tagAccount, tagSessions, tagDevices, tagPassword, tagFactors, tagProviders, tagAdmin, tagMachines} {
		spec.Tags = append(spec.Tags, &huma.Tag{Name: string(t)})
	}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		item := &huma.PathItem{}
		for _, method := range slices.Sorted(maps.Keys(all[path])) {
			to := all[path][method]
			if err := put(item, method, to.describe(schemas)); err != nil {
				return nil, fmt.Errorf("describe %s: %w", path, err)
			}
		}
		spec.Paths[path] = item
	}
	for _, s := range schemas.Map() {
		loosen(s)
	}
	for _, methods := range all {
		for _, to := range methods {
			if to.does.body != nil && !to.does.body.Implements(reflect.TypeFor[files]()) {
				nullable(schemas.Schema(to.does.body, false, ""))
			}
		}
	}
	return spec, nil
}

func put(item *huma.PathItem, method string, op *huma.Operation) error {
	switch method {
	case http.MethodGet:
		item.Get = op
	case http.MethodPost:
		item.Post = op
	case http.MethodPut:
		item.Put = op
	case http.MethodPatch:
		item.Patch = op
	case http.MethodDelete:
		item.Delete = op
	default:
		return fmt.Errorf("the method %s has no place", method)
	}
	return nil
}

// loosen takes back two defaults of huma: that objects have no other members (requests may have more, and answers will),
// and that lists may be null (ours are empty instead).
func loosen(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	switch more := s.AdditionalProperties.(type) {
	case bool:
		if !more { // true is said by hand
			s.AdditionalProperties = nil
		}
	case *huma.Schema:
		loosen(more)
	}
	loosen(s.Items)
	for _, p := range s.Properties {
		loosen(p)
	}
}

// nullable says of the members that a body may leave out that they may be null as well: bind takes both for the same.
func nullable(body *huma.Schema) {
	for name, p := range body.Properties {
		p.Nullable = !slices.Contains(body.Required, name)
	}
}

func (to route) describe(schemas huma.Registry) *huma.Operation {
	op := &huma.Operation{
		OperationID: to.operation(), Summary: to.summary, Description: to.text, Tags: []string{string(to.tag)},
		Responses: map[string]*huma.Response{}, Security: to.security(),
	}
	for _, p := range to.params {
		op.Parameters = append(op.Parameters, p.describe(schemas))
	}
	if to.does.body != nil {
		op.RequestBody = &huma.RequestBody{Required: !to.optional, Content: content(schemas, to.does.body)}
	}
	for _, a := range to.replies {
		res := &huma.Response{Description: a.text}
		if a.body != nil {
			res.Content = content(schemas, reflect.TypeOf(a.body))
		}
		op.Responses[strconv.Itoa(a.status)] = res
	}
	byStatus := map[int][]authcore.Code{}
	for _, code := range to.codes() {
		byStatus[httpauth.Status(code)] = append(byStatus[httpauth.Status(code)], code)
	}
	for status, codes := range byStatus {
		op.Responses[strconv.Itoa(status)] = problemResponse(schemas, status, codes)
	}
	if to.limit != "" || to.mayCount {
		for _, res := range op.Responses {
			describeLimit(res)
		}
	}
	return op
}

// content describes a body: JSON, or files.
func content(schemas huma.Registry, body reflect.Type) map[string]*huma.MediaType {
	f, ok := reflect.Zero(body).Interface().(files)
	if !ok {
		return map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(body, true, "")}}
	}
	all := map[string]*huma.MediaType{}
	for _, media := range f.types() {
		all[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	return all
}

// operation names the call: get-sessions, delete-sessions-id.
func (to route) operation() string {
	words := strings.FieldsFunc(to.path, func(r rune) bool { return strings.ContainsRune("/{}._-", r) })
	return strings.ToLower(to.method) + "-" + strings.Join(words, "-")
}

func (p param) describe(schemas huma.Registry) *huma.Param {
	s := schemas.Schema(p.kind, false, "")
	s.Format = cmp.Or(p.format, s.Format)
	if p.most > 0 {
		least, most := 1.0, float64(p.most)
		s.Minimum, s.Maximum = &least, &most
	}
	return &huma.Param{Name: p.name, In: p.in, Description: p.text, Required: p.in == "path", Schema: s}
}

// problemResponse describes the refusals of one status.
func problemResponse(schemas huma.Registry, status int, codes []authcore.Code) *huma.Response {
	code := &huma.Schema{Type: huma.TypeString}
	lines := make([]string, 0, len(codes))
	for _, c := range codes {
		code.Enum = append(code.Enum, string(c))
		lines = append(lines, "`"+string(c)+"`: "+meanings[c]+".")
	}
	res := &huma.Response{
		Description: strings.Join(lines, "\n\n"),
		Content: map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{AllOf: []*huma.Schema{
			schemas.Schema(reflect.TypeFor[httpauth.Problem](), true, ""),
			{Type: huma.TypeObject, Properties: map[string]*huma.Schema{
				"code": code, "status": {Type: huma.TypeInteger, Enum: []any{status}},
			}},
		}}}},
	}
	switch status {
	case http.StatusUnauthorized:
		res.Headers = header("WWW-Authenticate", "Always `Bearer`, with `error` if a token was sent.", huma.TypeString)
	case http.StatusForbidden:
		if slices.Contains(codes, authcore.ReauthenticationRequired) {
			res.Headers = header("WWW-Authenticate", "With `reauthentication_required`: `Bearer error=\"insufficient_user_authentication\"` and `max_age`, "+
				"the seconds since the sign-in that are allowed (RFC 9470).", huma.TypeString)
			res.Headers["WWW-Authenticate"].Required = false
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		res.Headers = header("Retry-After", "Seconds to wait before trying again.", huma.TypeInteger)
	}
	return res
}

// describeLimit adds the header fields that tell how much of a limit is left. A limit that is off sends none.
func describeLimit(res *huma.Response) {
	for name, h := range map[string]struct{ text, example string }{
		"RateLimit-Policy": {"The limits of this call that are yours, as draft-ietf-httpapi-ratelimit-headers has it: `q` calls in `w` seconds.", `"login";q=30;w=60`},
		"RateLimit":        {"What is left of them: `r` calls now, and in `t` seconds `r` is `q` again.", `"login";r=29;t=2`},
	} {
		if res.Headers == nil {
			res.Headers = map[string]*huma.Header{}
		}
		res.Headers[name] = &huma.Header{Description: h.text, Example: h.example, Schema: &huma.Schema{Type: huma.TypeString}}
	}
}

func header(name, text, kind string) map[string]*huma.Header {
	return map[string]*huma.Header{name: {Description: text, Required: true, Schema: &huma.Schema{Type: kind}}}
}

// eitherOf makes a schema demand one of several sets of members.
func eitherOf(s *huma.Schema, sets ...[]string) *huma.Schema {
	for _, names := range sets {
		s.AnyOf = append(s.AnyOf, &huma.Schema{Required: names})
	}
	return s
}
