package httpauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

func TestOtherOrigin(t *testing.T) {
	t.Parallel()
	for back, want := range map[string]string{
		"/x": "", "https://auth.example.com/x": "", "https://AUTH.example.com:8443/x": "", "https://app.example.com/x": "https://app.example.com",
		"https://App.example.com:443/": "https://app.example.com", "http://app.localhost:8080/": "http://app.localhost:8080",
		"https://[2001:db8::1]/": "https://[2001:db8::1]",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = "auth.example.com:8443"
		if got := httpauth.OtherOrigin(r, back); got != want {
			t.Errorf("%s: %q, want %q", back, got, want)
		}
	}
}

// The verifiers of hand-overs are ours, whatever they are called in full: no service behind the guard sees them.
func TestJar_StripVerifiers(t *testing.T) {
	t.Parallel()
	h := http.Header{"Cookie": {"a=b; __Host-gatehouse_handover_AbCd-_12=secret; gatehouse_handover_x=secret; gatehouse_handover=secret; gatehouse_other=c"}}
	httpauth.NewJar("", true).Strip(h, noToken)
	if got := h.Get("Cookie"); got != "a=b; gatehouse_other=c" {
		t.Errorf("forwarded: %s", got)
	}
}
