package apidocs_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/apidocs"
)

func page(t *testing.T) *apidocs.Page {
	t.Helper()
	p, err := apidocs.New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func get(t *testing.T, p *apidocs.Page, method, at string, accept ...string) *http.Response {
	t.Helper()
	if !p.Has(at) {
		t.Fatalf("there is no %s", at)
	}
	r := httptest.NewRequest(method, "/id"+at, nil)
	r.Header["Accept-Encoding"] = accept
	w := httptest.NewRecorder()
	w.Header().Set("Vary", "Cookie")
	if err := p.Serve(w, r, at, "/id", "/id/static/icon.svg"); err != nil {
		t.Fatal(err)
	}
	return w.Result()
}

func read(t *testing.T, r io.Reader) []byte {
	t.Helper()
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// loads returns the paths below the prefix of what the page loads.
func loads(t *testing.T, p *apidocs.Page) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile(`(?:src|href)="/id(/static/[0-9a-f]+\.(?:js|css))"`).FindAllSubmatch(read(t, get(t, p, http.MethodGet, "/docs").Body), -1) {
		found = append(found, string(m[1]))
	}
	if len(found) != 3 {
		t.Fatalf("the page loads %q", found)
	}
	return found
}

func TestPage(t *testing.T) {
	t.Parallel()
	p := page(t)
	res := get(t, p, http.MethodGet, "/docs")
	body := string(read(t, res.Body))
	csp := res.Header.Get("Content-Security-Policy")
	if res.StatusCode != 200 || strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "http") ||
		!strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("%d, policy %q", res.StatusCode, csp)
	}
	if !strings.Contains(body, `data-document="/id/openapi.json"`) || !strings.Contains(body, `href="/id/static/icon.svg"`) {
		t.Errorf("the page does not lead to its document: %s", body)
	}
	for _, inline := range []string{"<style", " style=", " onload", "<script>", "https:", "//"} {
		if strings.Contains(strings.ReplaceAll(body, "<!DOCTYPE html>", ""), inline) {
			t.Errorf("the page has %s", inline)
		}
	}
	head := get(t, p, http.MethodHead, "/docs")
	if head.Header.Get("Content-Length") != res.Header.Get("Content-Length") || len(read(t, head.Body)) > 0 {
		t.Errorf("HEAD: %v", head.Header)
	}
	for _, at := range []string{"", "/", "/docs/", "/static/", "/static/start.js", "/docs/../docs"} {
		if p.Has(at) {
			t.Errorf("there is a %q", at)
		}
	}
}

func TestFiles_PackedAndNot(t *testing.T) {
	t.Parallel()
	p := page(t)
	for _, at := range loads(t, p) {
		plain := get(t, p, http.MethodGet, at)
		want := read(t, plain.Body)
		if plain.Header.Get("Content-Encoding") != "" || len(want) == 0 {
			t.Errorf("%s: %v", at, plain.Header)
		}
		for _, accept := range []string{"gzip", "br, GZIP;q=0.5", "*", "gzip; q=0.001"} {
			got := get(t, p, http.MethodGet, at, accept)
			body := got.Body.(io.Reader)
			if got.Header.Get("Content-Encoding") == "gzip" {
				unpacked, err := gzip.NewReader(got.Body)
				if err != nil {
					t.Fatal(err)
				}
				body = unpacked
			} else if len(want) > 1<<16 {
				t.Errorf("%s, %s: %d bytes are not packed", at, accept, len(want))
			}
			if !bytes.Equal(read(t, body), want) {
				t.Errorf("%s, %s: other content", at, accept)
			}
			if !strings.Contains(got.Header.Get("Cache-Control"), "immutable") || got.Header.Get("Vary") == "Cookie" {
				t.Errorf("%s: %v", at, got.Header)
			}
		}
		for _, accept := range []string{"gzip;q=0", "gzip;q=0.000, *", "br", "identity", "*;q=0"} {
			if got := get(t, p, http.MethodGet, at, accept); got.Header.Get("Content-Encoding") != "" || !bytes.Equal(read(t, got.Body), want) {
				t.Errorf("%s, %s: %v", at, accept, got.Header)
			}
		}
	}
}

// The files are those that the README names.
func TestFiles_AreWhatTheyAreSaidToBe(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("swagger-ui/README.md")
	if err != nil {
		t.Fatal(err)
	}
	sums := regexp.MustCompile(`(?m)^    ([0-9a-f]{64})  (\S+)$`).FindAllStringSubmatch(string(readme), -1)
	if len(sums) != 2 {
		t.Fatalf("%d sums", len(sums))
	}
	p := page(t)
	var got []string
	for _, at := range loads(t, p) {
		sum := sha256.Sum256(read(t, get(t, p, http.MethodGet, at).Body))
		got = append(got, hex.EncodeToString(sum[:]))
	}
	for _, s := range sums {
		if !slices.Contains(got, s[1]) {
			t.Errorf("%s has another sum", s[2])
		}
	}
}
