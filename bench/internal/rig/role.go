package rig

import (
	"fmt"
	"io"
	"net/http"
)

// RoleArgument is the first argument by which the program is asked to play a server of the rig.
const RoleArgument = "serve"

// Identity is what the trivial authentication server says of everybody, as long as what the gateway says of its account.
var identity = map[string]string{
	"Remote-User": Email, "Remote-Sub": "0b5b9cf7-29b7-4f8e-9c52-0a3e2ad1f6f4", "Remote-Email": Email,
	"Remote-Name": FirstName + " " + LastName, "Remote-Groups": "",
}

// Play serves a role at an address until the process is ended: `upstream` answers everything with a few bytes, `allow`
// lets everybody pass with the same identity.
func Play(role, addr string) error {
	var handler http.HandlerFunc
	switch role {
	case "upstream":
		handler = func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{"text/plain"}
			_, _ = io.WriteString(w, "hello\n")
		}
	case "allow":
		handler = func(w http.ResponseWriter, _ *http.Request) {
			for name, value := range identity {
				w.Header()[name] = []string{value}
			}
		}
	default:
		return fmt.Errorf("serve: no role is called %q", role)
	}
	return http.ListenAndServe(addr, handler)
}
