package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// shape is what an object's members must be, all of them and no other: text, uuid, time, number, bool, list, object,
// null; "a|b" is either. A name that begins with ? may be missing.
type shape map[string]string

var (
	userShape = shape{"id": "uuid", "email": "text", "email_verified": "bool", "username": "text|null", "phone": "text",
		"first_name": "text", "last_name": "text", "avatar_url": "text", "roles": "list", "created_at": "time",
		"phone_verified": "bool", "fields": "object", "locale": "text", "pending": "list", "password_set": "bool", "mfa_enabled": "bool",
		"invited_by": "uuid|null"}
	pairShape = shape{"access_token": "text", "token_type": "text", "expires_in": "number", "refresh_token": "text",
		"refresh_expires_in": "number", "session_id": "uuid", "?device_token": "text", "user": "object"}
	cookiePairShape = shape{"token_type": "text", "expires_in": "number", "refresh_expires_in": "number",
		"session_id": "uuid", "user": "object"}
	problemShape = shape{"type": "text", "title": "text", "status": "number", "detail": "text", "code": "text",
		"?errors": "object", "?instance": "text"}
)

func (s shape) check(t testing.TB, what string, v map[string]any) {
	t.Helper()
	left := maps.Clone(v)
	for name, kinds := range s {
		plain, optional := strings.CutPrefix(name, "?")
		value, there := v[plain]
		delete(left, plain)
		if !there {
			if !optional {
				t.Errorf("%s has no %s: %v", what, plain, v)
			}
			continue
		}
		if !slices.ContainsFunc(strings.Split(kinds, "|"), func(kind string) bool { return isKind(value, kind) }) {
			t.Errorf("%s: %s is %#v, expected %s", what, plain, value, kinds)
		}
	}
	for name := range left {
		t.Errorf("%s has a member %s that nobody promised: %v", what, name, v)
	}
}

func isKind(v any, kind string) bool {
	switch x := v.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "bool"
	case float64:
		return kind == "number"
	case []any:
		return kind == "list"
	case map[string]any:
		return kind == "object"
	case string:
		switch kind {
		case "text":
			return true
		case "uuid":
			id, err := uuid.Parse(x)
			return err == nil && id.String() == x
		case "time": // RFC 3339 in UTC
			_, err := time.Parse(time.RFC3339Nano, x)
			return err == nil && strings.HasSuffix(x, "Z")
		}
	}
	return false
}

// problem is want for an answer that must be a whole and proper RFC 9457 body; it returns the broken rules by field.
func (a answer) problem(t testing.TB, status int, code string) map[string]any {
	t.Helper()
	a.must(t, status, code)
	body := a.json(t)
	problemShape.check(t, "the problem", body)
	if body["status"] != float64(status) || body["title"] != http.StatusText(status) {
		t.Errorf("the problem says %v %v", body["status"], body["title"])
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control of a problem is %q", got)
	}
	fields, _ := body["errors"].(map[string]any)
	for name, rules := range fields {
		if list, ok := rules.([]any); !ok || len(list) == 0 || !isKind(list[0], "text") {
			t.Errorf("the rules of %s are %#v", name, rules)
		}
	}
	return fields
}

// invalid is problem for 422 invalid_fields that names exactly these fields.
func (a answer) invalid(t testing.TB, fields ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(a.problem(t, 422, "invalid_fields")))
	slices.Sort(fields)
	if !slices.Equal(got, fields) {
		t.Errorf("the broken fields are %v, expected %v", got, fields)
	}
}

// pair checks a token pair, in the body or in cookies, and returns its user.
func (a answer) pair(t testing.TB, cookies bool) map[string]any {
	t.Helper()
	body := a.must(t, 200, "").json(t)
	want := pairShape
	if cookies {
		want = cookiePairShape
	}
	want.check(t, "the token pair", body)
	if body["token_type"] != "Bearer" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("token type %v, Cache-Control %q", body["token_type"], a.header.Get("Cache-Control"))
	}
	if set := len(a.header.Values("Set-Cookie")) > 0; set != cookies {
		t.Errorf("cookies are set: %v", set)
	}
	account, _ := body["user"].(map[string]any)
	userShape.check(t, "the user", account)
	return account
}

// empty checks an answer without a body.
func (a answer) empty(t testing.TB, status int) answer {
	t.Helper()
	a.must(t, status, "")
	if len(a.body) > 0 {
		t.Errorf("%d has the body %.200q", status, a.body)
	}
	return a
}

// claims returns the payload of a JWT without checking it.
func claims(t testing.TB, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// atOnce makes n calls that are released together. Who is told that the node is too busy (503 with Retry-After) comes again once
// the others are done, as a client does; no answer here is about load.
func (g *gateway) atOnce(t testing.TB, n int, one func(i int) call) []answer {
	t.Helper()
	answers, errs, calls := make([]answer, n), make([]error, n), make([]call, n)
	release := make(chan struct{})
	var ready, done sync.WaitGroup
	for i := range n {
		c := one(i)
		calls[i] = c
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-release
			answers[i], errs[i] = g.try(c)
		})
	}
	ready.Wait()
	close(release)
	done.Wait()
	for i, c := range calls {
		for try := 0; try < 3 && errs[i] == nil && answers[i].code() == "unavailable"; try++ {
			answers[i], errs[i] = g.try(c)
		}
	}
	for _, err := range errs {
		if err != nil {
			t.Fatalf("one of %d calls at once: %v", n, err)
		}
	}
	return answers
}

// tally counts answers by status and code: "200", "401 invalid_token".
func tally(answers []answer) map[string]int {
	out := map[string]int{}
	for _, a := range answers {
		out[strings.TrimSpace(fmt.Sprintf("%d %s", a.status, a.code()))]++
	}
	return out
}

// onBoth runs a test on SQLite and on Postgres.
func onBoth(t *testing.T, p plan, test func(t *testing.T, g *gateway)) {
	t.Helper()
	for _, postgres := range []bool{false, true} {
		name := "sqlite"
		if postgres {
			name = "postgres"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := p
			p.postgres = postgres
			test(t, start(t, p))
		})
	}
}

// freshEmail is an address that no other test uses.
func freshEmail() string { return fmt.Sprintf("fresh%d@example.com", userNumber.Add(1)) }
