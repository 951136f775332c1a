package drf

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
)

func read(contentType, body string) (*Data, error) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return Read(httptest.NewRecorder(), r)
}

// said is the status and the body of a failure.
func said(t *testing.T, err error) (int, string) {
	t.Helper()
	if err == nil {
		return 200, ""
	}
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("%T %v is no failure", err, err)
	}
	w := httptest.NewRecorder()
	f.Write(w, httptest.NewRequest("POST", "/", nil), Challenge("Bearer"))
	return w.Code, w.Body.String()
}

func multipartBody(name, content, extra string) string {
	return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"" + extra + "\r\n\r\n" + content + "\r\n--b--\r\n"
}

const multipartType = "multipart/form-data; boundary=b"

// TestRead_AnswersAsDRF: the answers are those of the real package (internal/testdjango), written down.
func TestRead_AnswersAsDRF(t *testing.T) {
	t.Parallel()
	const (
		isJSON = "application/json"
		isForm = "application/x-www-form-urlencoded"
	)
	login := []Field{{Name: "username"}, {Name: "password", Secret: true}}
	for _, c := range []struct {
		contentType, body string
		status            int
		says              string
	}{
		{"", "", 400, `{"username":["This field is required."],"password":["This field is required."]}`},
		{"text/plain", "", 400, `{"username":["This field is required."],"password":["This field is required."]}`},
		{isJSON, `{"username":"a","password":"b"}`, 200, ""},
		{isJSON + "; charset=utf-8", `{"username":"a","password":"b"}`, 200, ""},
		{isForm, "username=a&password=b", 200, ""},
		{isForm, "username=a&password=", 400, `{"password":["This field may not be blank."]}`},
		{isForm, "username=a%00b&password=%20", 400, `{"username":["Null characters are not allowed."],"password":["This field may not be blank."]}`},
		{multipartType, multipartBody("username", "a", ""), 400, `{"password":["This field is required."]}`},
		{multipartType, multipartBody("username", "a", `; filename="x"`), 400, `{"username":["Not a valid string."],"password":["This field is required."]}`},
		{"multipart/form-data", "x", 400, `{"detail":"Multipart form parse error - Invalid boundary in multipart: None"}`},
		{isJSON, `{"username":`, 400, `{"detail":"JSON parse error - Expecting value: line 1 column 13 (char 12)"}`},
		{isJSON, `[1]`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`},
		{isJSON, `"x"`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}`},
		{isJSON, `5`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]}`},
		{isJSON, `5.5`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got float."]}`},
		{isJSON, `true`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got bool."]}`},
		{isJSON, `null`, 400, `{"non_field_errors":["No data provided"]}`},
		{isJSON, `{"username":null,"password":[1]}`, 400, `{"username":["This field may not be null."],"password":["Not a valid string."]}`},
		{isJSON, `{"username":true,"password":{}}`, 400, `{"username":["Not a valid string."],"password":["Not a valid string."]}`},
		{isJSON, `{"username":"  ","password":""}`, 400, `{"username":["This field may not be blank."],"password":["This field may not be blank."]}`},
		{isJSON, `{"username":5,"password":1.50}`, 200, ""},
		{isJSON, `{"username":"a\u0000b","password":"b"}`, 400, `{"username":["Null characters are not allowed."]}`},
		{"text/plain", "x", 415, `{"detail":"Unsupported media type \"text/plain\" in request."}`},
		{"", "x", 415, `{"detail":"Unsupported media type \"\" in request."}`},
		{isJSON, `{"username":"a","username":"b","password":"c"}`, 400, `{"detail":"JSON parse error - The text is not I-JSON"}`},
	} {
		d, err := read(c.contentType, c.body)
		if err == nil {
			_, err = d.Check(login...)
		}
		if status, says := said(t, err); status != c.status || says != c.says {
			t.Errorf("%s %q answered %d %s, want %d %s", c.contentType, c.body, status, says, c.status, c.says)
		}
	}
}

// TestI06_BodiesHaveLimits: none of these costs more than reading it, and none is a 500.
func TestI06_BodiesHaveLimits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contentType, body string
		status            int
	}{
		"depth":     {"application/json", strings.Repeat(`{"a":`, 12_000), 400},
		"brackets":  {"application/json", strings.Repeat(`[`, 60_000), 400},
		"size":      {"application/json", `{"a":"` + strings.Repeat("a", 64<<10) + `"}`, 413},
		"form size": {"application/x-www-form-urlencoded", strings.Repeat("a", 64<<10+1), 413},
		"parts":     {multipartType, strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n", 65) + "--b--\r\n", 400},
		"number":    {"application/json", `{"a":1e999}`, 400},
		"cut":       {multipartType, "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx", 400},
	} {
		d, err := read(c.contentType, c.body)
		if err == nil {
			_, err = d.Check(Field{Name: "a"})
		}
		if status, says := said(t, err); status != c.status {
			t.Errorf("%s: answered %d %.200s, want %d", name, status, says, c.status)
		}
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader("xx"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	_, err := Read(httptest.NewRecorder(), r)
	if status, _ := said(t, err); status != http.StatusUnsupportedMediaType {
		t.Errorf("D12: a compressed body answered %d", status)
	}
}

func TestRead_FormsAsPythonDoes(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"a=x+y": "x y", "a=100%": "100%", "a=%zz%41": "%zzA", "a=1;b=2": "1;b=2", "a=1&a=2": "2", "a=%ff": "\ufffd", "a=%C3%BC": "ü", "a=b=c": "b=c",
	} {
		d, err := read("application/x-www-form-urlencoded", body)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.Check(Field{Name: "a"}); err != nil || got["a"] != want {
			t.Errorf("%s is %q, %v, want %q", body, got["a"], err, want)
		}
	}
}

func TestCheck_Fields(t *testing.T) {
	t.Parallel()
	check := func(body string, f Field) string {
		f.Name = "a"
		contentType := "application/json"
		if !strings.HasPrefix(body, "{") {
			contentType = "application/x-www-form-urlencoded"
		}
		d, err := read(contentType, body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Check(f)
		if err != nil {
			_, says := said(t, err)
			return says
		}
		if !got.Given("a") {
			return "absent"
		}
		return "=" + got["a"]
	}
	for _, c := range []struct {
		body string
		f    Field
		want string
	}{
		{`{"a":" x "}`, Field{}, "=x"},
		{`{"a":" x "}`, Field{Secret: true}, "= x "},
		{`{"a":"\u2003\u001f"}`, Field{}, `{"a":["This field may not be blank."]}`},
		{`{}`, Field{Optional: true}, "absent"},
		{`{"a":""}`, Field{Optional: true}, `{"a":["This field may not be blank."]}`},
		{`{"a":""}`, Field{Blank: true}, "="},
		{`a=`, Field{Optional: true}, "absent"},
		{`a=`, Field{Optional: true, Blank: true}, "="},
		{`{"a":null}`, Field{Null: true}, "="},
		{`{"a":null}`, Field{Optional: true}, `{"a":["This field may not be null."]}`},
		{`{"a":"ada@example.com"}`, Field{Email: true}, "=ada@example.com"},
		{`{"a":"ada"}`, Field{Email: true}, `{"a":["Enter a valid email address."]}`},
		{`{"a":"üüü"}`, Field{Max: 3}, "=üüü"},
		{`{"a":"üüüü"}`, Field{Max: 3}, `{"a":["Ensure this field has no more than 3 characters."]}`},
		{`{"a":true}`, Field{Boolean: true}, "=true"},
		{`{"a":0}`, Field{Boolean: true}, "=false"},
		{`{"a":1.0}`, Field{Boolean: true}, "=true"},
		{`{"a":"Yes"}`, Field{Boolean: true}, "=true"},
		{`{"a":"maybe"}`, Field{Boolean: true}, `{"a":["Must be a valid boolean."]}`},
		{`{"a":[]}`, Field{Boolean: true}, `{"a":["Must be a valid boolean."]}`},
		{`b=1`, Field{Boolean: true}, "=false"},
		{`b=1`, Partial([]Field{{Boolean: true}})[0], "absent"},
	} {
		if got := check(c.body, c.f); got != c.want {
			t.Errorf("%s with %+v is %s, want %s", c.body, c.f, got, c.want)
		}
	}
}

// python is what Debian's Python makes of each text: what its json complains about, or str() of the number "a" of an object.
func python(t *testing.T, texts []string) []string {
	t.Helper()
	const script = `
import codecs, io, json, sys
def constant(o): raise ValueError('Out of range float values are not JSON compliant: ' + repr(o))
out = []
for text in json.load(sys.stdin):
    try:
        out.append(str(json.load(codecs.getreader("utf-8")(io.BytesIO(text.encode("latin-1"))), parse_constant=constant).get("a")))
    except ValueError as e:
        out.append(str(e))
json.dump(out, sys.stdout)
`
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "-c", script)
	cmd.Stdin = strings.NewReader(string(in))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("Debian's python3: %v", err)
	}
	var got []string
	if err := json.Unmarshal(out, &got); err != nil || len(got) != len(texts) {
		t.Fatalf("Python said %s, %v", out, err)
	}
	return got
}

func latin1(text string) string {
	out := make([]rune, len(text))
	for i := range len(text) {
		out[i] = rune(text[i])
	}
	return string(out)
}

func TestRead_ComplainsAboutJSONAsPython(t *testing.T) {
	t.Parallel()
	texts := []string{
		`{bad`, `x`, ` `, `{`, `{"a"`, `{"a":`, `{"a" 1}`, `{"a":1`, `{"a":1,}`, `{"a":1 "b":2}`, `{"a":tru}`, `[1,]`, `[1 2]`, `[`, `{} x`, `{}{}`,
		"{\n \"ü\": x}", `{"a":"b`, "{\"a\":\"b\nc\"}", `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u12zz"}`, `{"a":"\`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":.5}`,
		`{"a":1e}`, `{"a":NaN}`, `{"a":-Infinity}`, `{"a":Infinity}`, "{\"a\":\"\xff\"}", "\xef\xbb\xbf{}", `'a'`, `{'a':1}`, `{"a":[{"b":}]}`, "{\"a\":\t1,\n\n,}",
	}
	latin := make([]string, len(texts))
	for i, text := range texts {
		latin[i] = latin1(text)
	}
	for i, want := range python(t, latin) {
		_, err := read("application/json", texts[i])
		_, says := said(t, err)
		body, jsonErr := encode(Object{{"detail", "JSON parse error - " + want}})
		if jsonErr != nil || says != string(body) {
			t.Errorf("%q:\n got %s\nwant %s", texts[i], says, body)
		}
	}
}

func TestCheck_NumbersAsPython(t *testing.T) {
	t.Parallel()
	texts := []string{`5`, `-0`, `-0.0`, `1.50`, `1e3`, `1E+2`, `0.00001`, `1e16`, `123456789012345678901234567890`, `1e-7`, `0.1`, `1e15`}
	for i, text := range texts {
		texts[i] = `{"a":` + text + `}`
	}
	for i, want := range python(t, texts) {
		d, err := read("application/json", texts[i])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.Check(Field{Name: "a"}); err != nil || got["a"] != want {
			t.Errorf("%s is %q, %v, want %q", texts[i], got["a"], err, want)
		}
	}
}
