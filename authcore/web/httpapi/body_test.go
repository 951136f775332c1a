package httpapi

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

type bodyShape struct {
	Text string   `json:"text"`
	Flag bool     `json:"flag"`
	List []string `json:"list"`
	Null given    `json:"null"`
}

func read(contentType, body string, change ...func(*http.Request)) (bodyShape, authcore.Code) {
	r := httptest.NewRequest(http.MethodPost, "/x", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for _, c := range change {
		c(r)
	}
	var into bodyShape
	if err := readBody(httptest.NewRecorder(), r, &into); err != nil {
		return into, authcore.CodeOf(err)
	}
	return into, ""
}

func TestReadBody(t *testing.T) {
	t.Parallel()
	got, code := read("application/json", `{"text":"a","flag":true,"list":["b"],"null":null,"other":[1],"Text":"upper"}`)
	if code != "" || got.Text != "a" || !got.Flag || len(got.List) != 1 || !got.Null.present {
		t.Errorf("got %+v, %s", got, code)
	}
	got, code = read("application/json", `{"text":null,"flag":null,"list":null,"TEXT":"x"}`)
	if code != "" || got.Text != "" || got.Flag || got.List != nil || got.Null.present {
		t.Errorf("null: got %+v, %s", got, code)
	}
}

func TestReadBody_ContentTypes(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]authcore.Code{
		"application/json":                     "",
		"Application/JSON":                     "",
		"application/json; charset=utf-8":      "",
		"application/json;charset=UTF-8":       "",
		`application/json; charset="utf-8"`:    "",
		"":                                     authcore.UnsupportedMediaType,
		"text/plain":                           authcore.UnsupportedMediaType,
		"text/json":                            authcore.UnsupportedMediaType,
		"application/jsonx":                    authcore.UnsupportedMediaType,
		"application/x-www-form-urlencoded":    authcore.UnsupportedMediaType,
		"multipart/form-data; boundary=x":      authcore.UnsupportedMediaType,
		"application/json; charset=latin1":     authcore.UnsupportedMediaType,
		"application/json; charset=utf-16":     authcore.UnsupportedMediaType,
		"application/json; x=y":                authcore.UnsupportedMediaType,
		"application/json, text/plain":         authcore.UnsupportedMediaType,
		"text/plain; x=application/json":       authcore.UnsupportedMediaType,
		"application/json;" + longText(10_000): authcore.UnsupportedMediaType,
	} {
		if _, code := read(contentType, `{}`); code != want {
			t.Errorf("%.60q: got %q, want %q", contentType, code, want)
		}
	}
	two := func(r *http.Request) { r.Header["Content-Type"] = []string{"application/json", "text/plain"} }
	if _, code := read("", `{}`, two); code != authcore.UnsupportedMediaType {
		t.Errorf("two content types: got %q", code)
	}
}

func longText(n int) string { return strings.Repeat("x", n) }

func TestReadBody_WrongTypes(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"text":1}`, `{"text":true}`, `{"text":["a"]}`, `{"text":{"a":"b"}}`, `{"flag":"true"}`, `{"flag":1}`, `{"list":"a"}`,
		`{"list":[1]}`, `{"list":{"0":"a"}}`, `{"null":1}`, `{"null":["x"]}`, ``, `[]`, `"x"`, `{"text":"a"} {}`,
	} {
		if _, code := read("application/json", body); code != authcore.InvalidRequest {
			t.Errorf("%s: got %q, want invalid_request", body, code)
		}
	}
}

func TestP30_DuplicateMembers(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"text":"a","text":"b"}`, `{"text":"a","t\u0065xt":"b"}`, `{"x":{"y":1,"y":2}}`, `{"list":[{"a":1,"a":1}]}`} {
		if _, code := read("application/json", body); code != authcore.InvalidRequest {
			t.Errorf("%s: got %q, want invalid_request", body, code)
		}
	}
}

// endless counts what is read of a body that never ends.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += len(p)
	return len(p), nil
}

func TestD03_LargeBodies(t *testing.T) {
	t.Parallel()
	fits := `{"text":"` + longText(maxBody-11) + `"}`
	if _, code := read("application/json", fits); code != "" {
		t.Errorf("exactly 1 MiB: got %q", code)
	}
	if _, code := read("application/json", fits+" "); code != authcore.RequestTooLarge {
		t.Errorf("1 MiB and a byte: got %q", code)
	}
	body := &endless{}
	chunked := func(r *http.Request) { r.ContentLength, r.Body = -1, io.NopCloser(body) }
	if _, code := read("application/json", "", chunked); code != authcore.RequestTooLarge {
		t.Errorf("endless chunked body: got %q", code)
	}
	if body.read > 2*maxBody {
		t.Errorf("%d bytes of an endless body were read", body.read)
	}
	body = &endless{}
	announced := func(r *http.Request) { r.ContentLength, r.Body = 10<<20, io.NopCloser(body) }
	if _, code := read("application/json", "", announced); code != authcore.RequestTooLarge || body.read > 0 {
		t.Errorf("announced 10 MiB: got %q after %d bytes", code, body.read)
	}
}

func TestD12_CompressedBodies(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(`{"text":"` + longText(500_000) + `"}`))
	_ = w.Close()
	for _, encoding := range []string{"gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x"} {
		set := func(r *http.Request) { r.Header.Set("Content-Encoding", encoding) }
		if _, code := read("application/json", packed.String(), set); code != authcore.UnsupportedMediaType {
			t.Errorf("%s: got %q", encoding, code)
		}
	}
	identity := func(r *http.Request) { r.Header.Set("Content-Encoding", "identity") }
	if _, code := read("application/json", `{}`, identity); code != "" {
		t.Errorf("identity: got %q", code)
	}
	if _, code := read("application/json", packed.String()); code != authcore.InvalidRequest {
		t.Errorf("gzip without a word about it: got %q", code)
	}
}

func TestReadOptionalBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		contentType, body string
		want              authcore.Code
	}{
		{"", "", ""}, {"application/json", "", ""}, {"application/json", `{"text":"a"}`, ""},
		{"", `{}`, authcore.UnsupportedMediaType}, {"text/plain", ``, authcore.UnsupportedMediaType},
		{"application/x-www-form-urlencoded", ``, authcore.UnsupportedMediaType}, {"application/json", `x`, authcore.InvalidRequest},
	} {
		r := httptest.NewRequest(http.MethodPost, "/x", strings.NewReader(c.body))
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		var into bodyShape
		var got authcore.Code
		if err := readOptionalBody(httptest.NewRecorder(), r, &into); err != nil {
			got = authcore.CodeOf(err)
		}
		if got != c.want {
			t.Errorf("%q with %q: got %q, want %q", c.contentType, c.body, got, c.want)
		}
	}
}
