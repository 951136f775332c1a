package apicheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Exchange is one request and what was answered.
type Exchange struct {
	Method, Path string // the path below the prefix, decoded
	Request      []byte // the body that was sent; nil for none, or for one that need not be looked at
	Status       int
	Header       http.Header
	Body         []byte
}

// Check returns what of an exchange the document does not say; nil when it says all of it.
func (d *Document) Check(e Exchange) error {
	if err := d.check(e); err != nil {
		return fmt.Errorf("the document does not describe %s %s, answered %d: %w", e.Method, e.Path, e.Status, err)
	}
	return nil
}

func (d *Document) check(e Exchange) error {
	method := e.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	op, known := d.find(method, e.Path)
	switch {
	case op != nil:
		return d.checkKnown(op, e)
	case known && method == http.MethodOptions && e.Status == http.StatusNoContent:
		return noBody(e)
	case known:
		return refusal(e, http.StatusMethodNotAllowed, "method_not_allowed", "Allow")
	}
	return refusal(e, http.StatusNotFound, "not_found", "")
}

// find returns the operation, and whether there is one at the path at all.
func (d *Document) find(method, path string) (found *operation, known bool) {
	segments := strings.Split(path, "/")
	fixed := false // /sessions/revoke is no session
	for _, op := range d.operations {
		own, ok := op.matches(segments)
		if !ok || fixed && !own {
			continue
		}
		if own && !fixed {
			found, fixed = nil, true
		}
		known = true
		if op.method == method {
			found = op
		}
	}
	return found, known
}

// matches reports whether a path is the operation's, and whether by its very name.
func (op *operation) matches(segments []string) (fixed, ok bool) {
	if len(segments) != len(op.path) {
		return false, false
	}
	fixed = true
	for i, s := range op.path {
		switch {
		case s == segments[i]:
		case strings.HasPrefix(s, "{") && segments[i] != "":
			fixed = false
		default:
			return false, false
		}
	}
	return fixed, true
}

func (d *Document) checkKnown(op *operation, e Exchange) error {
	res, ok := op.statuses[e.Status]
	if !ok {
		return fmt.Errorf("no such status: %s", excerpt(e.Body))
	}
	for _, name := range res.headers {
		if e.Header.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	if e.Status < 300 && op.request != nil && len(e.Request) > 0 {
		if err := validate(op.request, e.Request); err != nil {
			return fmt.Errorf("a request was accepted that breaks its schema: %w", err)
		}
	}
	d.seen.add(op.method+" "+strings.Join(op.path, "/"), e.Status)
	if len(res.files) > 0 {
		if got := e.Header.Get("Content-Type"); !slices.Contains(res.files, got) || e.Method == http.MethodHead && len(e.Body) > 0 {
			return fmt.Errorf("the content type is %q, with %d bytes", got, len(e.Body))
		}
		return nil
	}
	if res.body == nil {
		return noBody(e)
	}
	if got := e.Header.Get("Content-Type"); got != res.media {
		return fmt.Errorf("the content type is %q, not %q", got, res.media)
	}
	if e.Method == http.MethodHead {
		if len(e.Body) > 0 {
			return errors.New("a HEAD has a body")
		}
		return nil
	}
	return validate(res.body, e.Body)
}

func validate(s *jsonschema.Schema, text []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("it is no JSON: %s", excerpt(text))
	}
	if err := s.Validate(v); err != nil {
		return fmt.Errorf("%w: %s", err, excerpt(text))
	}
	return nil
}

func noBody(e Exchange) error {
	if len(e.Body) > 0 || e.Header.Get("Content-Type") != "" {
		return fmt.Errorf("there should be no body: %s", excerpt(e.Body))
	}
	return nil
}

// refusal checks what the document says of all paths and methods that are not in it.
func refusal(e Exchange, status int, code, header string) error {
	var p struct{ Code string }
	if e.Method != http.MethodHead {
		if err := json.Unmarshal(e.Body, &p); err != nil {
			return fmt.Errorf("it is no problem: %s", excerpt(e.Body))
		}
		if p.Code != code {
			return fmt.Errorf("there is no such call: %s", excerpt(e.Body))
		}
	}
	switch {
	case e.Status != status:
		return fmt.Errorf("the status should be %d", status)
	case e.Header.Get("Content-Type") != "application/problem+json":
		return fmt.Errorf("the content type is %q", e.Header.Get("Content-Type"))
	case header != "" && e.Header.Get(header) == "":
		return fmt.Errorf("the header %s is missing", header)
	}
	return nil
}

// excerpt is the beginning of a body, for a message.
func excerpt(body []byte) string { return fmt.Sprintf("%.300q", body) }

// Operations lists what the document describes, as "POST /login".
func (d *Document) Operations() []string {
	var all []string
	for _, op := range d.operations {
		all = append(all, op.method+" "+strings.Join(op.path, "/"))
	}
	slices.Sort(all)
	return all
}
