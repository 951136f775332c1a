package dfauth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// TestEnvelope_Bodies: what is wrong with a body is said as DRF does, in the dialect's envelope; what a call does not know is left alone.
func TestEnvelope_Bodies(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{})
	const many = "Ensure this field has no more than 512 characters."
	for _, c := range []struct {
		kind, body string
		status     int
		want       string
	}{
		{"application/json", `{"email"`, 400, `{"message":"JSON parse error - Expecting ':' delimiter: line 1 column 9 (char 8)","code":"parse_error"}`},
		{"application/json", `[]`, 400, `{"message":"Invalid data. Expected a dictionary, but got list.","code":"invalid"}`},
		{"application/json", `{"email":["x"]}`, 400, `{"message":"Not a valid string.","code":"invalid","field":"email"}`},
		{"application/json", `{"email":{"a":1},"otp":true}`, 400, `{"message":"Not a valid string.","code":"invalid","field":"email"},{"message":"Not a valid string.","code":"invalid","field":"otp"}`},
		{"application/json", `{"email":"` + strings.Repeat("x", 513) + `"}`, 400, `{"message":"` + many + `","code":"invalid","field":"email"}`},
		{"application/json", `{"email":"a\u0000b"}`, 400, `{"message":"Null characters are not allowed.","code":"invalid","field":"email"}`},
		{"application/json", `{"what":1,"email":null,"password":""}`, 401, `{"message":"Incorrect authentication credentials.","code":"authentication_failed"}`},
		{"text/plain", "x", 415, `{"message":"Unsupported media type \"text/plain\" in request.","code":"unsupported_media_type"}`},
		{"application/json", `{"a":"` + strings.Repeat("x", 65536) + `"}`, 413, `{"message":"The body is larger than 64 KiB.","code":"error"}`},
	} {
		w := e.Call("POST", base+"/token/", c.body, "", "Content-Type", c.kind)
		if strings.HasPrefix(c.body, "{") {
			w = e.Call("POST", base+"/token/", c.body, "")
		}
		if want := `{"errors":[` + c.want + `]}`; w.Code != c.status || w.Body.String() != want {
			t.Errorf("%.60s answered %d %s, want %d %s", c.body, w.Code, w.Body, c.status, want)
		}
	}
}

// TestEnvelope_Limits: past a limit the answer says when to come again; a gateway whose database is away says so, and nothing else.
func TestEnvelope_Limits(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{Rates: map[string]ratelimit.Rate{authcore.LimitLogin: {Count: 1, Window: time.Minute}}})
	ada := person(t, e, "email="+email)
	w := e.Call("POST", base+"/token/", "email="+email+"&password=x", "")
	if w.Code != 429 || w.Header().Get("Retry-After") != "60" || w.Body.String() != `{"errors":[{"message":"Request was throttled. Expected available in 60 seconds.","code":"throttled"}]}` {
		t.Errorf("answered %d %v %s", w.Code, w.Header(), w.Body)
	}
	if err := e.Store.Close(); err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{"/otp/": "email=" + email, "/users/": "email=bob@example.com&password=" + testflow.Password} {
		if got := e.Call("POST", base+path, body, "").Code; got != 503 {
			t.Errorf("%s answered %d", path, got)
		}
	}
	w = e.Call("GET", base+"/users/0/", "", ada)
	if w.Code != 503 || !strings.HasPrefix(w.Body.String(), `{"errors":[{"message":"`) || !strings.HasSuffix(w.Body.String(), `,"code":"error"}]}`) {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}
