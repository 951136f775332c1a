package testoidc

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Client is a relying party as the provider knows it (OpenID Connect Dynamic Client Registration 1.0 §2).
type Client struct {
	ID                    string   `json:"client_id"`
	Secret                string   `json:"client_secret"`
	RedirectURIs          []string `json:"redirect_uris"`
	BackchannelLogoutURI  string   `json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSID  bool     `json:"backchannel_logout_session_required,omitempty"`
	TokenEndpointAuth     string   `json:"token_endpoint_auth_method,omitempty"`
	PostLogoutRedirectURI []string `json:"post_logout_redirect_uris,omitempty"`
}

// Provider is a running provider. It is safe for concurrent use.
type Provider struct {
	Issuer string
}

// Start starts a provider that knows the clients, on a port of loopback that is free, and ends it with the test.
func Start(t testing.TB, port int, clients ...Client) *Provider {
	t.Helper()
	_, here, _, _ := runtime.Caller(0) // always known: this file was compiled
	folder := filepath.Join(filepath.Dir(here), "testdata")
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal("the OpenID provider of the tests is not installed: run tools/test-npm.sh")
	}
	p := &Provider{Issuer: fmt.Sprintf("http://127.0.0.1:%d", port)}
	settings, err := json.Marshal(map[string]any{"issuer": p.Issuer, "port": port, "clients": clients})
	if err != nil {
		t.Fatal(err)
	}
	program := exec.Command("node", "provider.mjs")
	program.Dir, program.Env = folder, append(os.Environ(), "TEST_OIDC="+string(settings))
	said := &output{}
	program.Stderr = said
	input, err := program.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatalf("starting the OpenID provider: %v", err)
	}
	t.Cleanup(func() {
		_ = input.Close() // it ends with its standard input
		_ = program.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "ready" {
		t.Fatalf("the OpenID provider does not start: %v, %q\n%s", err, line, said.text())
	}
	return p
}

// SignIn follows a redirect to the provider as a browser does: it signs in there by name and follows on until the provider sends
// the browser away. It returns where to: the callback with the provider's answer. The client needs a cookie jar and is one
// browser; it must follow no redirects by itself.
func (p *Provider) SignIn(client *http.Client, at, name string) (string, error) {
	form := url.Values{"prompt": {"login"}, "login": {name}, "password": {"any"}}
	for range 10 {
		where, err := url.Parse(at)
		if err != nil {
			return "", err
		}
		if where.IsAbs() && !strings.HasPrefix(at, p.Issuer+"/") {
			return at, nil
		}
		if !where.IsAbs() {
			at = p.Issuer + at
		}
		var a *http.Response
		if strings.HasPrefix(where.Path, "/interaction/") {
			a, err = client.PostForm(at, form)
		} else {
			a, err = client.Get(at)
		}
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(a.Body)
		_ = a.Body.Close()
		if err != nil {
			return "", err
		}
		if at = a.Header.Get("Location"); at == "" {
			return "", fmt.Errorf("the provider answers %s with %d: %.300s", where.Path, a.StatusCode, body)
		}
	}
	return "", fmt.Errorf("the provider redirects without end, last to %s", at)
}

// output keeps what a process says, to be told when it fails.
type output struct {
	mu   sync.Mutex
	said strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.Write(p)
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.String()
}
