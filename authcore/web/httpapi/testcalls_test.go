package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/internal/apicheck"
)

type answer struct {
	*testing.T
	status int
	header http.Header
	body   []byte
}

type change func(*http.Request)

func header(name string, values ...string) change {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

func bearer(token string) change { return header("Authorization", "Bearer "+token) }

func from(addr string) change {
	return requestInfo(func(in *httpauth.RequestInfo) { in.Client.Addr = netip.MustParseAddr(addr) })
}

func agent(ua string) change {
	return requestInfo(func(in *httpauth.RequestInfo) { in.Client.UserAgent = ua })
}

func plainHTTP() change { return requestInfo(func(in *httpauth.RequestInfo) { in.HTTPS = false }) }

// requestInfo changes what the server in front says about a request.
func requestInfo(f func(*httpauth.RequestInfo)) change {
	return func(r *http.Request) {
		in := httpauth.RequestInfo{HTTPS: true, RequestID: "request-1", Client: authcore.Client{
			Addr: netip.MustParseAddr("192.0.2.1"), UserAgent: firefox, Issuer: issuer, Portal: issuer + "/auth",
		}}
		if former, ok := r.Context().Value(testRequestInfo{}).(httpauth.RequestInfo); ok {
			in = former
		}
		f(&in)
		ctx := context.WithValue(r.Context(), testRequestInfo{}, in)
		*r = *r.WithContext(httpauth.WithRequestInfo(ctx, in))
	}
}

type testRequestInfo struct{}

// unchecked is for requests that go to another prefix than the document's.
func unchecked(r *http.Request) {
	*r = *r.WithContext(context.WithValue(r.Context(), testUnchecked{}, true))
}

type testUnchecked struct{}

// call makes a request below the prefix; a body makes it JSON.
func (h *house) call(method, path, body string, changes ...change) answer {
	h.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequest(http.MethodPost, "https://"+host+"/auth"+path, content)
	r.Method = method
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	requestInfo(func(*httpauth.RequestInfo) {})(r)
	for _, c := range changes {
		c(r)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	a := answer{h.T, w.Code, w.Header(), w.Body.Bytes()}
	if r.Context().Value(testUnchecked{}) == nil {
		a.described(r, body)
	}
	return a
}

// described fails the test unless the OpenAPI document says that there is such an answer.
func (a answer) described(r *http.Request, sent string) {
	a.Helper()
	doc, err := apiDocument()
	check(a, err)
	err = doc.Check(apicheck.Exchange{
		Method: r.Method, Path: strings.TrimPrefix(r.URL.Path, "/auth"), Request: []byte(sent), Status: a.status, Header: a.header, Body: a.body,
	})
	if err != nil {
		a.Error(err)
	}
}

func (h *house) post(path, body string, changes ...change) answer {
	h.Helper()
	return h.call(http.MethodPost, path, body, changes...)
}

// want ends the test unless the answer has the status.
func (a answer) want(status int) answer {
	a.Helper()
	if a.status != status {
		a.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// refused ends the test unless the answer is a problem with the status and code.
func (a answer) refused(status int, code authcore.Code) answer {
	a.Helper()
	a.want(status)
	var p struct {
		Type, Title, Detail string
		Status              int
		Code                authcore.Code
	}
	a.into(&p)
	if a.header.Get("Content-Type") != "application/problem+json" || p.Code != code || p.Status != status || p.Title == "" || p.Detail == "" || p.Type == "" {
		a.Fatalf("got %s %s, want a problem with code %s", a.header.Get("Content-Type"), a.body, code)
	}
	return a
}

func (a answer) into(v any) answer {
	a.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		a.Fatalf("%v: %s", err, a.body)
	}
	return a
}

func (a answer) fields() map[string]any {
	a.Helper()
	var m map[string]any
	a.into(&m)
	return m
}

type pair struct {
	AccessToken      string `json:"access_token"`
	TokenType        string `json:"token_type"`
	ExpiresIn        int    `json:"expires_in"`
	RefreshToken     string `json:"refresh_token"`
	RefreshExpiresIn int    `json:"refresh_expires_in"`
	SessionID        string `json:"session_id"`
	User             struct {
		ID          string
		Email       string
		Username    *string
		PasswordSet bool `json:"password_set"`
	}
}

func (a answer) pair() pair {
	a.Helper()
	var p pair
	a.want(http.StatusOK).into(&p)
	return p
}

// signIn signs in with a bearer pair.
func (h *house) signIn(login string, changes ...change) pair {
	h.Helper()
	return h.post("/login", `{"login":"`+login+`","password":"`+password+`"}`, changes...).pair()
}

// browser keeps cookies between calls.
type browser struct {
	*house
	cookies map[string]string
	device  string // by what it is known again; it outlives every session
}

func (h *house) browser() *browser { return &browser{house: h, cookies: map[string]string{}} }

func (b *browser) call(method, path, body string, changes ...change) answer {
	b.Helper()
	var line []string
	for name, value := range b.cookies {
		line = append(line, name+"="+value)
	}
	if b.device != "" {
		line = append(line, "__Host-gatehouse_device="+b.device)
	}
	if len(line) > 0 {
		changes = append([]change{header("Cookie", strings.Join(line, "; "))}, changes...)
	}
	a := b.house.call(method, path, body, changes...)
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == "__Host-gatehouse_device" {
			b.device = c.Value
		} else if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return a
}

func (b *browser) post(path, body string, changes ...change) answer {
	b.Helper()
	return b.call(http.MethodPost, path, body, changes...)
}

func (b *browser) signIn(login string) answer {
	b.Helper()
	return b.post("/login", `{"login":"`+login+`","password":"`+password+`","cookies":true}`).want(http.StatusOK)
}
