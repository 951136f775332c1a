package e2e

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// listedKey is a line of `gatehouse keys list --json`.
type listedKey struct {
	KID, Use, Algorithm, State string
	CreatedAt                  time.Time `json:"created_at"`
	RemoveAt                   time.Time `json:"remove_at"`
}

// keysCommand runs `gatehouse keys …` with --json.
func (g *gateway) keysCommand(t testing.TB, word string) []listedKey {
	t.Helper()
	out, errs, code := g.Command(t, "keys", word, "--config", "Caddyfile", "--json")
	if code != 0 {
		t.Fatalf("keys %s ends with %d: %s", word, code, errs)
	}
	var keys []listedKey
	if err := json.Unmarshal([]byte(out), &keys); err != nil {
		t.Fatalf("keys %s --json prints %q: %v", word, out, err)
	}
	return keys
}

// byState returns the ids of the keys of a use, by state.
func byState(keys []listedKey, use string) map[string][]string {
	out := map[string][]string{}
	for _, k := range keys {
		if k.Use == use {
			out[k.State] = append(out[k.State], k.KID)
		}
	}
	return out
}

func TestKeys_ListAndRotate(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		t.Run(map[bool]string{true: "running", false: "stopped"}[running], func(t *testing.T) {
			t.Parallel()
			g := start(t, plan{})
			u, b := g.newUser(t), g.newBrowser(t)
			published := g.jwks(t)
			if !running {
				g.terminate(t)
				g.client.CloseIdleConnections()
			}
			before := g.keysCommand(t, "list")
			bearer := byState(before, "bearer")
			if len(bearer["active"]) != 1 || len(bearer["next"]) != 1 || len(byState(before, "cookie")["active"]) != 1 {
				t.Fatalf("keys %+v", before)
			}
			if jwtHeader(t, u.access)["kid"] != bearer["active"][0] || published[bearer["next"][0]] == nil {
				t.Error("the active key does not sign, or the next is not published")
			}
			after := g.keysCommand(t, "rotate")
			rotated := byState(after, "bearer")
			if !slices.Equal(rotated["active"], bearer["next"]) || !slices.Equal(rotated["retired"], bearer["active"]) || len(rotated["next"]) != 1 {
				t.Errorf("rotation made %v of %v", rotated, bearer)
			}
			if !running {
				g.restart(t)
			}
			if now := g.keysCommand(t, "list"); len(now) != len(after) {
				t.Errorf("%d keys after %d", len(now), len(after))
			}
			// The new one signs, and what the old one signed is good.
			if fresh := g.signIn(t, u, false); jwtHeader(t, fresh.access)["kid"] != rotated["active"][0] {
				t.Error("the next key does not sign after the rotation")
			}
			g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
			g.do(t, call{path: "/app", cookies: b.cookies}).must(t, 200, "")
			g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).pair(t, false)
			want := slices.Sorted(slices.Values(slices.Concat(rotated["active"], rotated["retired"], rotated["next"])))
			if got := slices.Sorted(maps.Keys(g.jwks(t))); !slices.Equal(got, want) {
				t.Errorf("the JWKS holds %v, expected %v", got, want)
			}
		})
	}
}

// TestKeys_RetiredKeyEnds: what a retired key signed ends with the access lifetime; then it leaves the JWKS.
func TestKeys_RetiredKeyEnds(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true})
	u := g.newUser(t)
	old := jwtHeader(t, u.access)["kid"].(string)
	g.keysCommand(t, "rotate")
	g.advance(t, 4*time.Minute)
	g.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
	if g.jwks(t)[old] == nil {
		t.Error("a key that must still verify is not published")
	}
	g.advance(t, 5*time.Minute)
	g.do(t, call{path: "/app", bearer: u.access}).want(t, 401, "invalid_token")
	if g.jwks(t)[old] != nil {
		t.Error("a removed key is published")
	}
	g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).pair(t, false)
}

func TestKeys_CommandLine(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	out, _, code := g.Command(t, "keys", "list", "--config", "Caddyfile")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 5 || !strings.HasPrefix(lines[0], "USE") {
		t.Errorf("keys list ends with %d: %s", code, out)
	}
	if out, _, code := g.Command(t, "gatehouse", "keys", "list", "--config", "Caddyfile"); code != 0 || !strings.HasPrefix(out, "USE") {
		t.Errorf("gatehouse keys list ends with %d: %s", code, out)
	}
	if out, _, code := g.Command(t, "keys", "--help"); code != 0 || !strings.Contains(out, "rotate") {
		t.Errorf("keys --help ends with %d: %s", code, out)
	}
	for _, wrong := range [][]string{{"keys", "list", "--no-such-flag"}, {"keys", "list", "surplus"}} {
		if out, errs, code := g.Command(t, wrong...); code != 2 || out != "" || errs == "" {
			t.Errorf("%v ends with %d: %q %q", wrong, code, out, errs)
		}
	}
	if _, errs, code := g.Command(t, "keys", "list", "--config", "nothing-here"); code == 0 || errs == "" {
		t.Errorf("a missing configuration ends with %d: %q", code, errs)
	}
	// Another process holds the file, but the admin endpoint is not where the command looks: it opens nothing.
	_, errs, code := g.Command(t, "keys", "rotate", "--config", "Caddyfile", "--address", "127.0.0.1:1")
	if code == 0 || !strings.Contains(errs, "gatehouse.db") && !strings.Contains(errs, "another") {
		t.Errorf("a database in use: %d %q", code, errs)
	}
	if strings.Contains(out, "BEGIN") || strings.Contains(errs, "BEGIN") {
		t.Error("a private key is printed")
	}
}
