package drf

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// An Answer is what a call says: a status and a body, which is anything that encoding/json writes; nil for no body.
type Answer struct {
	Status int
	Body   any
}

// A Member is one name of an [Object].
type Member struct {
	Name  string
	Value any
}

// An Object is a JSON object whose members keep their order, as Python's do.
type Object []Member

// MarshalJSON writes the members in their order.
func (o Object) MarshalJSON() ([]byte, error) { return appendJSON(nil, o) }

// encode is DRF's compact JSON: nothing is escaped for HTML.
func encode(v any) ([]byte, error) { return appendJSON(make([]byte, 0, 512), v) }

func appendJSON(b []byte, v any) (_ []byte, err error) {
	switch v := v.(type) {
	case string:
		if !strings.ContainsFunc(v, func(r rune) bool { return r >= utf8.RuneSelf }) {
			return jsontext.AppendQuote(b, v)
		} // DRF escapes U+2028, as encoding/json does
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case Object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, m.Name); err == nil {
				b, err = appendJSON(append(b, ':'), m.Value)
			}
			if err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...), nil
}

// Write answers a request.
func Write(w http.ResponseWriter, r *http.Request, a Answer) {
	if a.Body == nil {
		w.Header().Del("Content-Type")
		if a.Status != http.StatusNoContent {
			w.Header().Set("Content-Length", "0")
		}
		w.WriteHeader(a.Status)
		return
	}
	content, err := encode(a.Body)
	if err != nil { // unreachable: bodies are made of texts, numbers and lists
		panic(err)
	}
	httpauth.WriteBody(w, r, a.Status, "application/json", content)
}

// methods are in the order in which DRF names them.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}

// Allow is the header field of that name for a path that has these methods: HEAD goes with GET, and OPTIONS is always there.
func Allow(has ...string) string {
	var all []string
	for _, m := range methods {
		if m == "OPTIONS" || slices.Contains(has, m) || m == "HEAD" && slices.Contains(has, "GET") {
			all = append(all, m)
		}
	}
	return strings.Join(all, ", ")
}

// Time is a point in time as DRF writes it: ISO 8601 in UTC, with microseconds unless they are 0.
func Time(t time.Time) string {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000000Z")
}

// Challenge is the header field WWW-Authenticate of a 401, for the first word in front of a dialect's tokens.
func Challenge(scheme string) string {
	if scheme == "Token" { // DRF's own tokens have no realm
		return scheme
	}
	return scheme + ` realm="api"`
}
