package notify_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

// provider is a server that answers as a test says; what it was asked last is in got.
type provider struct {
	*httptest.Server
	got  *http.Request
	body string
}

func newProvider(t *testing.T, answer http.HandlerFunc) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.got, p.body = r, string(body)
		answer(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// cutOff says what it did and then breaks off in the middle of its answer.
func cutOff(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "4096")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// slow answers in drops, faster than the deadline of the caller.
func slow(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		for _, b := range []byte(body) {
			_, _ = w.Write([]byte{b})
			w.(http.Flusher).Flush()
		}
	}
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

const token = "twilio-token-that-nobody-may-see"

func twilio(t *testing.T, base string, change ...func(*notify.TwilioConfig)) notify.SMSSender {
	t.Helper()
	cfg := notify.TwilioConfig{AccountSID: "AC0123", AuthToken: secret.FromString(token), From: "+15005550006", BaseURL: base}
	for _, c := range change {
		c(&cfg)
	}
	s, err := notify.NewTwilio(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sms() notify.SMS { return notify.SMS{ID: uuid.New(), To: ada, Text: "1 ü\n\n@a.example #1"} }

func TestTwilio_Request(t *testing.T) {
	t.Parallel()
	p := newProvider(t, status(201, `{"sid":"SM77","status":"queued"}`))
	receipt, err := twilio(t, p.URL+"/").Send(t.Context(), sms())
	if err != nil || receipt != "SM77" {
		t.Errorf("receipt %q, %v", receipt, err)
	}
	user, password, _ := p.got.BasicAuth()
	if p.got.Method != "POST" || p.got.URL.Path != "/2010-04-01/Accounts/AC0123/Messages.json" || user != "AC0123" || password != token ||
		p.got.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("asked %s %s as %s with %v", p.got.Method, p.got.URL, user, p.got.Header)
	}
	if want := "Body=1+%C3%BC%0A%0A%40a.example+%231&From=%2B15005550006&To=%2B4915123456789"; p.body != want {
		t.Errorf("the form is %s, want %s", p.body, want)
	}
	_, err = twilio(t, p.URL, func(c *notify.TwilioConfig) { c.From, c.MessagingService = "", "MG9" }).Send(t.Context(), sms())
	if err != nil || !strings.Contains(p.body, "MessagingServiceSid=MG9") || strings.Contains(p.body, "From=") {
		t.Errorf("by a messaging service the form is %s (%v)", p.body, err)
	}
}

// TestTwilio_Answers: what is the message's fault is refused for good, what is the account's or the provider's is tried again, and
// an SMS that the provider has taken is never sent twice.
func TestTwilio_Answers(t *testing.T) {
	t.Parallel()
	problem := func(code int, number int) http.HandlerFunc {
		return status(code, fmt.Sprintf(`{"code":%d,"message":"The 'To' number %s is bad","more_info":"https://x","status":%d}`, number, ada, code))
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"taken":                     {status(201, `{"sid":"SM1"}`), nil},
		"taken, slowly":             {slow(201, `{"sid":"SM1","status":"queued"}`), nil},
		"taken, half an answer":     {cutOff(201, `{"sid":"S`), nil},
		"taken, nonsense":           {status(201, `<html>`), nil},
		"21211 bad number":          {problem(400, 21211), notify.ErrRefused},
		"21408 region":              {problem(400, 21408), notify.ErrRefused},
		"21610 opted out":           {problem(400, 21610), notify.ErrRefused},
		"400, half an answer":       {cutOff(400, `{"code":21`), notify.ErrRefused},
		"20003 credentials":         {problem(401, 20003), notify.ErrAway},
		"20429 too many":            {problem(429, 20429), notify.ErrAway},
		"21606 a sender of another": {problem(400, 21606), notify.ErrAway},
		"no such account":           {problem(404, 20404), notify.ErrAway},
		"server error":              {status(500, `{}`), notify.ErrAway},
		"unavailable":               {status(503, ``), notify.ErrAway},
		"a redirect, with our secret": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, notify.ErrAway},
		"hangs up": {hangUp, notify.ErrAway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			p := newProvider(t, func(w http.ResponseWriter, r *http.Request) { calls++; c.answer(w, r) })
			_, err := twilio(t, p.URL).Send(t.Context(), sms())
			if c.want == nil && err != nil || !errors.Is(err, c.want) || calls != 1 {
				t.Errorf("the error is %v, want %v; %d calls", err, c.want, calls)
			}
			if err != nil && (strings.Contains(err.Error(), "4915") || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "AC0123")) {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}

// A provider that never answers is let go when the time is over.
func TestSMSCall_Hangs(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	p := newProvider(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := twilio(t, p.URL).Send(ctx, sms())
	if !errors.Is(err, notify.ErrAway) || !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), p.URL) {
		t.Errorf("the error is %v", err)
	}
}

func TestWebhook_Request(t *testing.T) {
	t.Parallel()
	p := newProvider(t, status(204, ""))
	at := time.Unix(1_795_000_000, 0)
	hook, err := notify.NewWebhook(notify.WebhookConfig{URL: p.URL + "/send?key=1", Secret: secret.FromString("s3cret"), Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	m := sms()
	if _, err := hook.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(p.body), &got); err != nil || len(got) != 3 || got["id"] != m.ID.String() || got["to"] != ada || got["text"] != m.Text {
		t.Errorf("the body is %s", p.body)
	}
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte("1795000000." + p.body))
	if want := "t=1795000000,v1=" + hex.EncodeToString(mac.Sum(nil)); p.got.Header.Get("Gatehouse-Signature") != want ||
		p.got.Header.Get("Content-Type") != "application/json" || p.got.URL.RequestURI() != "/send?key=1" || p.got.Method != "POST" {
		t.Errorf("asked %s %s with %v, want the signature %s", p.got.Method, p.got.URL, p.got.Header, want)
	}
	plain, err := notify.NewWebhook(notify.WebhookConfig{URL: p.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Send(t.Context(), m); err != nil || p.got.Header.Get("Gatehouse-Signature") != "" {
		t.Errorf("without a secret: %v, signature %q", err, p.got.Header.Get("Gatehouse-Signature"))
	}
}

func TestWebhook_Answers(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]error{200: nil, 201: nil, 202: nil, 204: nil, 301: notify.ErrAway, 400: notify.ErrRefused, 401: notify.ErrRefused,
		404: notify.ErrRefused, 408: notify.ErrAway, 422: notify.ErrRefused, 429: notify.ErrAway, 500: notify.ErrAway, 503: notify.ErrAway} {
		hook, err := notify.NewWebhook(notify.WebhookConfig{URL: newProvider(t, status(code, "")).URL})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := hook.Send(t.Context(), sms()); want == nil && err != nil || !errors.Is(err, want) {
			t.Errorf("%d: %v, want %v", code, err, want)
		}
	}
}
