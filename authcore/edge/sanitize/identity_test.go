package sanitize_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

func TestSetIdentity(t *testing.T) {
	t.Parallel()
	headers, err := sanitize.IdentityHeaders([]string{"remote", "x_auth"})
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{"Remote-User": {"mallory"}, "Accept": {"*/*"}}
	sanitize.SetIdentity(h, headers, &accesstoken.Identity{Sub: "id-1", Email: "ada@example.com", Groups: "staff,user", Session: "s-1"}, accesstoken.EmailAsUser)
	want := map[string]string{
		"Remote-User": "ada@example.com", "Remote-Sub": "id-1", "Remote-Email": "ada@example.com", "Remote-Groups": "staff,user",
		"X-Auth-User-Id": "id-1", "X-Auth-Email": "ada@example.com", "X-Auth-Roles": "staff,user", "X-Auth-Session-Id": "s-1", "Accept": "*/*",
	}
	for name, value := range want {
		if !slices.Equal(h[name], []string{value}) {
			t.Errorf("%s: %q, want %q", name, h[name], value)
		}
	}
	if len(h) != len(want) { // no name and no username: nothing is sent
		t.Errorf("headers %v", h)
	}
	h.Add("Remote-Sub", "more") // what a later handler appends must not reach into the next header
	if h["Remote-Sub"] = append(h["Remote-Sub"], "still more"); h.Get("Remote-Email") != "ada@example.com" {
		t.Errorf("headers share memory: %v", h)
	}
}
