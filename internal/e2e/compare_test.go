package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/testdjango"
)

// asked is one request to both the real package and the gateway.
type asked struct {
	name         string
	method, path string // POST where a body is given, else GET
	body         string // JSON, or as contentType says; {{x}} is what was kept as x from an earlier answer of the same side
	contentType  string
	bearer       string // {{x}} too
	header       map[string]string
	options      string            // of simplejwt: X-Options to the package, and the site of the gateway that has them
	keep         map[string]string // members of the answer, by the names to keep them under
	// newer are texts that the package has changed since the release that is compared with: that text, and the one that is the law.
	newer map[string]string
	// differs names what of the answer is not the package's, by the heading of the document that gives the reason; ours is the answer then.
	differs string
	ours    *says
}

// says is the part of an answer that clients look at.
type says struct {
	status    int
	challenge string // WWW-Authenticate
	allow     string
	body      string // as JSON, tokens as their claims
}

// compared is a real package and a gateway that are asked the same.
type compared struct {
	django *testdjango.Server
	sites  map[string]string // base URL of the gateway's sites, by the options that they have
	kept   [2]map[string]string
	doc    string // the document of the differences
}

var placeholder = regexp.MustCompile(`\{\{(\w+)\}\}`)

func (c *compared) fill(t *testing.T, side int, text string) string {
	t.Helper()
	return placeholder.ReplaceAllStringFunc(text, func(name string) string {
		value, found := c.kept[side][strings.Trim(name, "{}")]
		if !found {
			t.Fatalf("nothing was kept as %s", name)
		}
		return value
	})
}

// both asks, and compares the answers.
func (c *compared) both(t *testing.T, all ...asked) {
	t.Helper()
	for _, a := range all {
		theirs, ours := c.ask(t, 0, c.django.URL, a), c.ask(t, 1, c.sites[a.options], a)
		for old, law := range a.newer {
			if !strings.Contains(theirs.body, old) {
				t.Errorf("%s: %q is not what the package answers: %s", a.name, old, theirs.body)
			}
			theirs.body = strings.ReplaceAll(theirs.body, old, law)
		}
		if a.differs == "" {
			if theirs != ours {
				t.Errorf("%s:\npackage %+v\n   ours %+v", a.name, theirs, ours)
			}
			continue
		}
		if !strings.Contains(c.doc, "\n### "+a.differs+"\n") {
			t.Errorf("%s: the document does not name the difference %q", a.name, a.differs)
		}
		if theirs == ours {
			t.Errorf("%s: no difference, and %q is named", a.name, a.differs)
		}
		if a.ours != nil && *a.ours != ours {
			t.Errorf("%s:\nwant %+v\nours %+v", a.name, *a.ours, ours)
		}
	}
}

func (c *compared) ask(t *testing.T, side int, base string, a asked) says {
	t.Helper()
	method := a.method
	if method == "" {
		method = http.MethodGet
		if a.body != "" {
			method = http.MethodPost
		}
	}
	r, err := http.NewRequest(method, base+c.fill(t, side, a.path), strings.NewReader(c.fill(t, side, a.body)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Header.Set("Content-Type", "application/json"); a.contentType != "" {
		r.Header.Set("Content-Type", a.contentType)
	}
	if a.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+c.fill(t, side, a.bearer))
	}
	for name, value := range a.header {
		r.Header.Set(name, c.fill(t, side, value))
	}
	if side == 0 {
		r.Header.Set("X-Options", a.options)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("%s: %v", a.name, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", a.name, err)
	}
	var body any
	if len(text) > 0 && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(text, &body); err != nil {
			t.Errorf("%s: %v: %.300s", a.name, err, text)
		}
	} else {
		body = fmt.Sprintf("%d bytes of %q", len(text), resp.Header.Get("Content-Type"))
	}
	object, _ := body.(map[string]any)
	for member, name := range a.keep {
		value, found := object[member]
		if !found {
			t.Fatalf("%s: side %d has no %s: %d %.300s", a.name, side, member, resp.StatusCode, text)
		}
		c.kept[side][name] = fmt.Sprint(value)
		if number, is := value.(float64); is {
			c.kept[side][name] = strconv.Itoa(int(number))
			object[member] = "{{" + name + "}}"
		}
	}
	normal, err := json.Marshal(withoutTokens(body))
	if err != nil {
		t.Fatal(err)
	}
	return says{resp.StatusCode, resp.Header.Get("WWW-Authenticate"), resp.Header.Get("Allow"), string(normal)}
}

var jwt = regexp.MustCompile(`^[\w-]+\.[\w-]+\.[\w-]+$`)

// ownClaims are those that the gateway's tokens have besides the package's.
var ownClaims = []string{"sid", "gh"}

// withoutTokens puts in place of each token in an answer what clients see of it: its header, and the names and types of its claims.
func withoutTokens(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = withoutTokens(member)
		}
	case []any:
		for i, item := range v {
			v[i] = withoutTokens(item)
		}
	case string:
		if jwt.MatchString(v) {
			return shapeOf(v)
		}
	}
	return v
}

func shapeOf(token string) any {
	header, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	head, _ := base64.RawURLEncoding.DecodeString(header)
	text, _ := base64.RawURLEncoding.DecodeString(payload)
	var claims map[string]any
	if json.Unmarshal(text, &claims) != nil {
		return token
	}
	var shape []string
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if !slices.Contains(ownClaims, name) {
			shape = append(shape, fmt.Sprintf("%s %s", name, reflect.TypeOf(claims[name])))
		}
	}
	// To the minute: before 5.5.1 the package copied iat from the refresh token.
	exp, _ := claims["exp"].(float64)
	iat, _ := claims["iat"].(float64)
	return map[string]any{"header": string(head), "claims": shape, "type": claims["token_type"], "minutes": math.Round((exp - iat) / 60), "user": claims["user_id"]}
}

func document(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
