package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testdjango"
)

const dialectKey = "a key that the old services hold too 0123456789"

// simplejwtSites are sites with the options of simplejwt that the tests ask for, beside one another.
const simplejwtSites = `http://127.0.0.1:<port> {
	gatehouse
	gatehouse_dialect simplejwt {
		key {env.DIALECT_KEY}
		path obtain /token/
		path either /varifyToken/
	}
	gatehouse_dialect drf_users /student/authentication {
		access users
	}
	gatehouse_dialect drf_users /admins/users
	gatehouse_guard {
		accept cookie bearer dialect
	}
	reverse_proxy <upstream>
}
http://127.0.0.1:<port2> {
	gatehouse
	gatehouse_dialect simplejwt {
		key {env.DIALECT_KEY}
		rotate
		blacklist
	}
	reverse_proxy <upstream>
}
http://127.0.0.1:<port3> {
	gatehouse
	gatehouse_dialect simplejwt {
		key {env.DIALECT_KEY}
		rotate
		blacklist off
	}
	reverse_proxy <upstream>
}
`

// changedSince are the texts and claims that simplejwt has changed since 5.2.2, which Debian has: what is asked, by the name of the case,
// the text then and that of 5.5, which is the law. The two kinds of token that were one text are told apart by the case.
var (
	isInvalid = map[string]string{"Token is invalid or expired": "Token is invalid"}
	isExpired = map[string]string{"Token is invalid or expired": "Token is expired"}
	isText    = map[string]string{`"user":1`: `"user":"1"`, "user_id float64": "user_id string"}
)

// signed is a JWT of a service that holds the key.
func signed(t *testing.T, header string, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(dialectKey))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

const hs256 = `{"alg":"HS256","typ":"JWT"}`

// TestSimplejwt_AnswersAsThePackage asks both the same.
func TestSimplejwt_AnswersAsThePackage(t *testing.T) {
	t.Parallel()
	django := testdjango.New(t, testdjango.Options{Key: dialectKey, Accounts: []testdjango.Account{
		{Username: "ada", Email: "ada@example.com", Password: password, Staff: true},
		{Username: "bob", Email: "bob@example.com", Password: password, Inactive: true},
		{Username: "carl", Email: "carl@example.com", Password: password},
	}})
	g := start(t, plan{site: simplejwtSites, global: "admins ada@example.com", env: []string{"DIALECT_KEY=" + dialectKey}})
	g.newUser(t, profile{email: "ada@example.com", username: "ada"})
	g.newUser(t, profile{email: "bob@example.com", username: "bob"})
	g.newUser(t, profile{email: "carl@example.com", username: "carl"})
	g.exec(t, "update users set disabled_at = 1 where email = 'bob@example.com'")
	c := &compared{django: django, doc: document(t, "simplejwt.md"), kept: [2]map[string]string{{}, {}},
		sites: map[string]string{"": "http://" + g.Host(), "rotate blacklist": g.fill("http://127.0.0.1:<port2>"), "rotate": g.fill("http://127.0.0.1:<port3>")}}
	now := time.Now().Unix()
	for name, token := range map[string]string{
		"expired":   signed(t, hs256, map[string]any{"token_type": "refresh", "exp": now - 10, "jti": "x", "user_id": 1}),
		"endless":   signed(t, hs256, map[string]any{"token_type": "refresh", "jti": "x", "user_id": 1}),
		"nameless":  signed(t, hs256, map[string]any{"token_type": "refresh", "exp": now + 600, "user_id": 1}),
		"typeless":  signed(t, hs256, map[string]any{"exp": now + 600, "jti": "x", "user_id": 1}),
		"mistyped":  signed(t, hs256, map[string]any{"token_type": "sliding", "exp": now + 600, "jti": "x", "user_id": 1}),
		"theirs":    signed(t, hs256, map[string]any{"token_type": "refresh", "exp": now + 600, "jti": "x", "user_id": 1}),
		"nonsense":  signed(t, hs256, map[string]any{"token_type": "refresh", "exp": "soon", "jti": "x", "user_id": 1}),
		"unsigned":  signed(t, `{"alg":"none","typ":"JWT"}`, map[string]any{"token_type": "refresh", "exp": now + 600, "jti": "x", "user_id": 1}),
		"corrupted": strings.TrimRight(signed(t, hs256, map[string]any{"token_type": "refresh", "exp": now + 600}), "=") + "A",
	} {
		c.kept[0][name], c.kept[1][name] = token, token
	}
	c.both(t, askObtain()...)
	c.both(t, askRefresh()...)
	c.both(t, askVerify()...)
	c.both(t, askRotate()...)
	c.doc += document(t, "drf-users.md")
	c.both(t, askUsers()...)
	c.both(t, asked{name: "create", path: "/student/authentication/", bearer: "{{ada}}", keep: map[string]string{"id": "dina"},
		body: `{"username":"dina","email":"dina@example.com","password":"` + password + `"}`, newer: map[string]string{}})
	c.both(t, askChanges()...)
}

func askObtain() []asked {
	const path = "/api/token/"
	right := `{"username":"ada","password":"` + password + `"}`
	return []asked{
		{name: "a pair", path: path, body: right, keep: map[string]string{"refresh": "refresh", "access": "access"}, newer: isText},
		{name: "a form", path: path, body: "username=ada&password=" + strings.ReplaceAll(password, " ", "+"), contentType: "application/x-www-form-urlencoded", newer: isText},
		{name: "a wrong password", path: path, body: `{"username":"ada","password":"wrong"}`},
		{name: "nobody", path: path, body: `{"username":"nobody","password":"wrong"}`},
		{name: "an inactive account", path: path, body: `{"username":"bob","password":"` + password + `"}`},
		{name: "nothing", path: path, body: `{}`},
		{name: "no body", path: path, method: "POST"},
		{name: "one field", path: path, body: `{"username":"ada"}`},
		{name: "null and a list", path: path, body: `{"username":null,"password":[1]}`},
		{name: "blank", path: path, body: `{"username":" ","password":""}`},
		{name: "numbers", path: path, body: `{"username":5,"password":1.50}`},
		{name: "truths", path: path, body: `{"username":true,"password":{}}`},
		{name: "a list", path: path, body: `[1]`},
		{name: "null", path: path, body: `null`},
		{name: "no JSON", path: path, body: `{"username":`},
		{name: "another type", path: path, body: `x`, contentType: "text/plain"},
		{name: "NUL", path: path, body: `{"username":"a\u0000b","password":"x"}`},
		{name: "GET", path: path},
		{name: "PUT", path: path, method: "PUT", body: `{}`},
		{name: "OPTIONS", path: path, method: "OPTIONS"},
		{name: "a duplicate", path: path, body: `{"username":"x","username":"ada","password":"wrong"}`, differs: "A member of JSON twice"},
	}
}

func askRefresh() []asked {
	const path = "/api/token/refresh/"
	of := func(name string) string { return `{"refresh":"{{` + name + `}}"}` }
	return []asked{
		{name: "refresh", path: path, body: of("refresh"), newer: isText},
		{name: "refresh again", path: path, body: of("refresh"), newer: isText, keep: map[string]string{"access": "access"}},
		{name: "nothing to refresh", path: path, body: `{}`},
		{name: "refresh by an access token", path: path, body: of("access")},
		{name: "refresh by text", path: path, body: `{"refresh":"x"}`, newer: isInvalid},
		{name: "refresh by a blank", path: path, body: `{"refresh":""}`},
		{name: "refresh, expired", path: path, body: of("expired"), newer: isExpired},
		{name: "refresh without exp", path: path, body: of("endless")},
		{name: "refresh without jti", path: path, body: of("nameless"), differs: "Tokens without an id"},
		{name: "refresh without type", path: path, body: of("typeless")},
		{name: "refresh of another type", path: path, body: of("mistyped")},
		{name: "refresh with a nonsense exp", path: path, body: of("nonsense"), newer: isInvalid},
		{name: "refresh unsigned", path: path, body: of("unsigned"), newer: isInvalid},
		{name: "refresh corrupted", path: path, body: of("corrupted"), newer: isInvalid},
		{name: "refresh by a service's own", path: path, body: of("theirs"), differs: "Tokens that a service has signed"},
		{name: "GET refresh", path: path},
		{name: "OPTIONS refresh", path: path, method: "OPTIONS"},
	}
}

func askVerify() []asked {
	const path = "/api/token/verify/"
	of := func(name string) string { return `{"token":"{{` + name + `}}"}` }
	return []asked{
		{name: "verify access", path: path, body: of("access")},
		{name: "verify refresh", path: path, body: of("refresh")},
		{name: "verify nothing", path: path, body: `{}`},
		{name: "verify text", path: path, body: `{"token":"x"}`, newer: isInvalid},
		{name: "verify expired", path: path, body: of("expired"), newer: isExpired},
		{name: "verify without exp", path: path, body: of("endless")},
		{name: "verify without jti", path: path, body: of("nameless")},
		{name: "verify a service's own", path: path, body: of("theirs"), differs: "Tokens that a service has signed"},
		{name: "OPTIONS verify", path: path, method: "OPTIONS"},
		{name: "blacklist nothing", path: "/api/token/blacklist/", body: `{}`},
		{name: "blacklist an access token", path: "/api/token/blacklist/", body: `{"refresh":"{{access}}"}`},
		{name: "OPTIONS blacklist", path: "/api/token/blacklist/", method: "OPTIONS"},
		{name: "blacklist", path: "/api/token/blacklist/", body: `{"refresh":"{{refresh}}"}`},
		{name: "blacklist again", path: "/api/token/blacklist/", body: `{"refresh":"{{refresh}}"}`},
		{name: "refresh blacklisted", path: "/api/token/refresh/", body: `{"refresh":"{{refresh}}"}`},
		{name: "verify blacklisted", path: path, body: of("refresh"), differs: "Ended sessions"},
		{name: "verify access of the blacklisted", path: path, body: of("access"), differs: "Ended sessions"},
	}
}

func askRotate() (all []asked) {
	right := `{"username":"ada","password":"` + password + `"}`
	for _, options := range []string{"rotate blacklist", "rotate"} {
		all = append(all,
			asked{name: options + ": a pair", options: options, path: "/api/token/", body: right, keep: map[string]string{"refresh": "first", "access": "access"}, newer: isText},
			asked{name: options + ": refresh", options: options, path: "/api/token/refresh/", body: `{"refresh":"{{first}}"}`, keep: map[string]string{"refresh": "second"}, newer: isText},
			asked{name: options + ": refresh by the second", options: options, path: "/api/token/refresh/", body: `{"refresh":"{{second}}"}`, keep: map[string]string{"refresh": "third"}, newer: isText},
		)
	}
	return append(all,
		asked{name: "rotated and not blacklisted", options: "rotate", path: "/api/token/refresh/", body: `{"refresh":"{{first}}"}`, newer: isText},
		asked{name: "verify one rotated", options: "rotate", path: "/api/token/verify/", body: `{"token":"{{first}}"}`},
	)
}

// askUsers is what a viewset of users answers, and what the package says in front of it.
func askUsers() []asked {
	const list, one = "/student/authentication/", "/student/authentication/4/"
	right := func(name string) string { return `{"username":"` + name + `","password":"` + password + `"}` }
	long := strings.Repeat("a", 151)
	return []asked{
		{name: "a pair of staff", path: "/api/token/", body: right("ada"), keep: map[string]string{"access": "ada", "refresh": "again"}, newer: isText},
		{name: "a pair of a user", path: "/api/token/", body: right("carl"), keep: map[string]string{"access": "carl"}, newer: map[string]string{`"user":3`: `"user":"3"`, "user_id float64": "user_id string"}},
		{name: "list without credentials", path: list},
		{name: "create without credentials", path: list, body: `{}`},
		{name: "OPTIONS without credentials", path: list, method: "OPTIONS"},
		{name: "detail without credentials", path: one},
		{name: "delete without credentials", path: one, method: "DELETE"},
		{name: "list by text", path: list, bearer: "x", newer: isInvalid},
		{name: "list by an expired token", path: list, bearer: "{{expired}}", newer: isExpired},
		{name: "list by a refresh token", path: list, bearer: "{{again}}"},
		{name: "list by a token without exp", path: list, bearer: "{{endless}}"},
		{name: "list by another word", path: list, header: map[string]string{"Authorization": "Token {{ada}}"}},
		{name: "list by a word in another case", path: list, header: map[string]string{"Authorization": "bearer {{ada}}"}},
		{name: "list by a word alone", path: list, header: map[string]string{"Authorization": "Bearer"}},
		{name: "list by three words", path: list, header: map[string]string{"Authorization": "Bearer a b"}},
		{name: "list", path: list, bearer: "{{ada}}"},
		{name: "HEAD", path: list, method: "HEAD", bearer: "{{ada}}"},
		{name: "detail", path: "/student/authentication/3/", bearer: "{{ada}}"},
		{name: "detail of nobody", path: "/student/authentication/99/", bearer: "{{ada}}"},
		{name: "detail of text", path: "/student/authentication/x/", bearer: "{{ada}}"},
		{name: "detail by a user", path: "/student/authentication/3/", bearer: "{{carl}}"},
		{name: "OPTIONS", path: list, method: "OPTIONS", bearer: "{{ada}}"},
		{name: "OPTIONS of one", path: "/student/authentication/3/", method: "OPTIONS", bearer: "{{ada}}"},
		{name: "OPTIONS by a user", path: list, method: "OPTIONS", bearer: "{{carl}}"},
		{name: "PUT of the list", path: list, method: "PUT", body: `{}`, bearer: "{{ada}}"},
		{name: "POST to one", path: "/student/authentication/3/", body: `{}`, bearer: "{{ada}}"},
		{name: "PUT of the list by a user", path: list, method: "PUT", body: `{}`, bearer: "{{carl}}", differs: "Methods that a path does not have",
			ours: &says{405, "", "GET, POST, HEAD, OPTIONS", `{"detail":"Method \"PUT\" not allowed."}`}},
		{name: "create nothing", path: list, body: `{}`, bearer: "{{ada}}"},
		{name: "create by a user", path: list, body: `{}`, bearer: "{{carl}}"},
		{name: "create blanks", path: list, body: `{"username":"","email":"x","password":""}`, bearer: "{{ada}}"},
		{name: "create one that is there", path: list, body: `{"username":"carl","password":"` + password + `"}`, bearer: "{{ada}}"},
		{name: "create with a bad name", path: list, body: `{"username":"a b","password":"` + password + `"}`, bearer: "{{ada}}"},
		{name: "create with a long name", path: list, body: `{"username":"` + long + `","password":"` + password + `"}`, bearer: "{{ada}}"},
	}
}

func askChanges() []asked {
	const list, one = "/student/authentication/", "/student/authentication/{{dina}}/"
	return []asked{
		{name: "replace", path: one, method: "PUT", body: `{"username":"diana","email":"diana@example.com"}`, bearer: "{{ada}}"},
		{name: "replace by nothing", path: one, method: "PUT", body: `{}`, bearer: "{{ada}}"},
		{name: "replace by a name alone", path: one, method: "PUT", body: `{"username":"dina"}`, bearer: "{{ada}}"},
		{name: "update", path: one, method: "PATCH", body: `{"email":"changed@example.com"}`, bearer: "{{ada}}"},
		{name: "update by a form", path: one, method: "PATCH", body: `username=dina2`, contentType: "application/x-www-form-urlencoded", bearer: "{{ada}}"},
		{name: "update nothing", path: one, method: "PATCH", body: `{}`, bearer: "{{ada}}"},
		{name: "update a password", path: one, method: "PATCH", body: `{"password":"x"}`, bearer: "{{ada}}"},
		{name: "update to a name that is there", path: one, method: "PATCH", body: `{"username":"ada"}`, bearer: "{{ada}}"},
		{name: "update by a user", path: one, method: "PATCH", body: `{"username":"x"}`, bearer: "{{carl}}"},
		{name: "update of nobody", path: "/student/authentication/99/", method: "PATCH", body: `{"username":"x"}`, bearer: "{{ada}}"},
		{name: "detail after all", path: one, bearer: "{{ada}}"},
		{name: "detail by a user, of an address that nobody has proven", path: one, bearer: "{{carl}}", differs: "Addresses that nobody has proven"},
		{name: "delete by a user", path: one, method: "DELETE", bearer: "{{carl}}"},
		{name: "delete", path: one, method: "DELETE", bearer: "{{ada}}"},
		{name: "delete again", path: one, method: "DELETE", bearer: "{{ada}}"},
		{name: "administrators' list by a user", path: "/admins/users/", bearer: "{{carl}}"},
		{name: "administrators' list", path: "/admins/users/", bearer: "{{ada}}"},
		{name: "administrators' OPTIONS by a user", path: "/admins/users/", method: "OPTIONS", bearer: "{{carl}}"},
		{name: "create with a sign", path: list, body: `{"username":"dina@home","password":"` + password + `"}`, bearer: "{{ada}}", differs: "Usernames",
			ours: &says{400, "", "GET, POST, HEAD, OPTIONS", `{"username":["Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."]}`}},
		{name: "create with a weak password", path: list, body: `{"username":"eve","password":"test@123"}`, bearer: "{{ada}}", differs: "Passwords of new users"},
	}
}
