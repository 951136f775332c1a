package oidc_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/oidc"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

// pair is a fake provider and a client of it.
func pair(t *testing.T, change func(*oidc.Config)) (*testidp.Provider, *oidc.Provider) {
	t.Helper()
	fake := testidp.Start(t, time.Now)
	fake.User = map[string]any{"sub": "ada-1", "email": "ada@example.com", "email_verified": true}
	cfg := oidc.Config{Issuer: fake.Issuer(), ClientID: testidp.ClientID, ClientSecret: secret.FromString(testidp.ClientSecret), Now: time.Now}
	if change != nil {
		change(&cfg)
	}
	p, err := oidc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return fake, p
}

// signIn goes to the provider and back.
func signIn(t *testing.T, fake *testidp.Provider, p *oidc.Provider, change func(*idp.Code)) (idp.Identity, error) {
	t.Helper()
	return testidp.SignIn(t, p, func(to string) url.Values { return testidp.Query(t, fake.Answer(to)) }, change)
}

func TestExchange(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "ES256"} {
		fake, p := pair(t, nil)
		fake.Algorithm = alg
		id, err := signIn(t, fake, p, nil)
		if err != nil || id.Issuer != fake.Issuer() || id.Subject != "ada-1" || id.Email != "ada@example.com" || !id.EmailVerified || id.Once.IsZero() {
			t.Errorf("%s: %+v %v", alg, id, err)
		}
	}
}

// A sign-in makes the calls alone that the protocol needs: with what is kept, one.
func TestExchange_Calls(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, func(c *oidc.Config) { c.Reads = []string{"email", "email_verified"} })
	for range 3 {
		if _, err := signIn(t, fake, p, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(fake.Calls()); got != "map[discovery:1 keys:1 token:3]" {
		t.Error(got)
	}
}

// C02, C03, C05: everything that a token of somebody else, of another time or of another request looks like.
func TestC05_IDTokens(t *testing.T) {
	t.Parallel()
	claim := func(name string, value any) func(*testidp.Provider) {
		return func(f *testidp.Provider) { f.Token = func(c map[string]any) { c[name] = value } }
	}
	drop := func(name string) func(*testidp.Provider) {
		return func(f *testidp.Provider) { f.Token = func(c map[string]any) { delete(c, name) } }
	}
	for name, lie := range map[string]func(*testidp.Provider){
		"none":             func(f *testidp.Provider) { f.Algorithm = "none" },
		"HS256":            func(f *testidp.Provider) { f.Algorithm = "HS256" },
		"foreign aud":      claim("aud", "another"),
		"two aud, no azp":  claim("aud", []string{testidp.ClientID, "another"}),
		"foreign azp":      claim("azp", "another"),
		"azp no text":      claim("azp", 7),
		"nonce":            claim("nonce", "another"),
		"no nonce":         drop("nonce"),
		"iss with a slash": func(f *testidp.Provider) { claim("iss", f.Issuer()+"/")(f) },
		"no iss":           drop("iss"),
		"expired":          claim("exp", time.Now().Add(-2*time.Minute).Unix()),
		"no exp":           drop("exp"),
		"no iat":           drop("iat"),
		"future":           claim("iat", time.Now().Add(2*time.Minute).Unix()),
		"no sub":           drop("sub"),
		"long sub":         claim("sub", strings.Repeat("x", 256)),
		"NUL in sub":       claim("sub", "ada\x00"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, p := pair(t, nil)
			lie(fake)
			if id, err := signIn(t, fake, p, nil); !errors.Is(err, idp.ErrAnswer) || id.Subject != "" {
				t.Errorf("%+v %v", id, err)
			}
		})
	}
	for name, change := range map[string]func(*idp.Code){
		"verifier": func(c *idp.Code) { c.Verifier = secret.Token() }, "code": func(c *idp.Code) { c.Code = "x" },
	} {
		fake, p := pair(t, nil)
		if _, err := signIn(t, fake, p, change); !errors.Is(err, idp.ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A session's name that no store and no logout could carry is none.
func TestExchange_SID(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	for sid, want := range map[any]string{"s1": "s1", "a\x00": "", strings.Repeat("x", 256): "", 7: ""} {
		fake.User["sid"] = sid
		if id, err := signIn(t, fake, p, nil); err != nil || id.SID != want {
			t.Errorf("%.9v: %q %v", sid, id.SID, err)
		}
	}
}

// A clock that is 30 s off, and an audience with others beside us and the party that it was issued to, are right.
func TestExchange_Lenient(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	fake.Token = func(c map[string]any) {
		c["exp"], c["iat"] = time.Now().Add(-30*time.Second).Unix(), time.Now().Add(30*time.Second).Unix()
		c["aud"], c["azp"] = []string{"api", testidp.ClientID}, testidp.ClientID
	}
	if _, err := signIn(t, fake, p, nil); err != nil {
		t.Error(err)
	}
}

// C04: a discovery document speaks for the issuer that it names to the letter, and nothing in it leads to where no provider is called or browsers are
// sent.
func TestC04_DocumentOfAnother(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(d map[string]any, own string){
		"another issuer": func(d map[string]any, _ string) { d["issuer"] = "https://id.example.com" },
		"with a slash":   func(d map[string]any, own string) { d["issuer"] = own + "/" },
		"upper case":     func(d map[string]any, own string) { d["issuer"] = strings.ToUpper(own) },
		"none":           func(d map[string]any, _ string) { delete(d, "issuer") },
		"script":         func(d map[string]any, _ string) { d["authorization_endpoint"] = "javascript:alert(1)" },
		"in the clear":   func(d map[string]any, _ string) { d["token_endpoint"] = "http://id.example.com/token" },
		"file":           func(d map[string]any, _ string) { d["jwks_uri"] = "file:///etc/passwd" },
		"with a name":    func(d map[string]any, _ string) { d["userinfo_endpoint"] = "https://user@id.example.com/userinfo" },
	} {
		fake, p := pair(t, nil)
		fake.Document = func(d map[string]any) { change(d, fake.Issuer()) }
		if _, err := p.AuthURL(t.Context(), idp.AuthRequest{State: "s", Verifier: secret.Token()}); !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// C15: what the document names inside our network is not called, whoever is there.
func TestC15_DocumentLeadsInside(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"token_endpoint", "jwks_uri", "userinfo_endpoint"} {
		inside := testidp.Start(t, time.Now) // on 127.0.0.1, and the provider is called localhost
		fake, p := pair(t, func(c *oidc.Config) {
			c.Issuer = strings.Replace(c.Issuer, "127.0.0.1", "localhost", 1)
			c.Reads = []string{"groups"}
		})
		fake.Document = func(d map[string]any) {
			for name, value := range d {
				if text, ok := value.(string); ok {
					d[name] = strings.Replace(text, "127.0.0.1", "localhost", 1)
				}
			}
			step := map[string]string{"token_endpoint": "/token", "jwks_uri": "/keys", "userinfo_endpoint": "/userinfo"}[field]
			d[field] = inside.Issuer() + step
		}
		fake.Token = func(c map[string]any) { c["iss"] = strings.Replace(fake.Issuer(), "127.0.0.1", "localhost", 1) }
		if _, err := signIn(t, fake, p, nil); !errors.Is(err, idp.ErrUnavailable) || len(inside.Calls()) != 0 {
			t.Errorf("%s: %v, %v", field, err, inside.Calls())
		}
	}
}

// C10: proven is JSON true alone.
func TestC10_EmailVerified(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	for _, v := range []any{"true", 1, nil, "TRUE", []bool{true}, false} {
		fake.User["email_verified"] = v
		if id, err := signIn(t, fake, p, nil); err != nil || id.EmailVerified {
			t.Errorf("%v: %+v %v", v, id, err)
		}
	}
}

// Userinfo fills what is missing, of the same subject; a proof that it has of one address proves no other.
func TestUserInfo(t *testing.T) {
	t.Parallel()
	reads := func(c *oidc.Config) { c.Reads = []string{"email", "email_verified", "groups"} }
	for name, c := range map[string]struct {
		user, only map[string]any
		email      string
		verified   bool
		bad        bool
	}{
		"all of it":        {map[string]any{"sub": "1"}, map[string]any{"email": "a@b.example", "email_verified": true, "groups": "x"}, "a@b.example", true, false},
		"the proof":        {map[string]any{"sub": "1", "email": "a@b.example"}, map[string]any{"email_verified": true}, "a@b.example", true, false},
		"of another":       {map[string]any{"sub": "1", "email": "a@b.example"}, map[string]any{"email": "c@b.example", "email_verified": true}, "a@b.example", false, false},
		"of no address":    {map[string]any{"sub": "1", "email_verified": true}, map[string]any{"email": "c@b.example", "email_verified": false}, "c@b.example", false, false},
		"another subject":  {map[string]any{"sub": "1"}, map[string]any{"sub": "2", "email": "a@b.example"}, "", false, true},
		"without userinfo": {map[string]any{"sub": "1", "email": "a@b.example", "email_verified": true, "groups": []string{}}, nil, "a@b.example", true, false},
	} {
		fake, p := pair(t, reads)
		fake.User, fake.OnlyUserInfo = c.user, c.only
		id, err := signIn(t, fake, p, nil)
		if c.bad != errors.Is(err, idp.ErrAnswer) || !c.bad && (id.Email != c.email || id.EmailVerified != c.verified) {
			t.Errorf("%s: %q %v %v", name, id.Email, id.EmailVerified, err)
		}
	}
}

// C15: a sick provider costs five seconds at most, and nothing that it answers leads elsewhere.
func TestC15_Sick(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(w http.ResponseWriter, r *http.Request){
		"5xx": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"hangs": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // else nobody sees that the client has gone
			<-r.Context().Done()
		},
		"gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.CopyN(z, endless{}, 10<<20)
			_ = z.Close()
		},
		"drips": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(" "))
				_ = http.NewResponseController(w).Flush()
				<-time.After(20 * time.Millisecond)
			}
		},
		"10 MB": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, endless{}, 10<<20) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		},
	} {
		for _, step := range []string{"discovery", "keys", "token", "userinfo"} {
			if name == "drips" && step != "token" {
				continue // each takes as long as a provider has
			}
			t.Run(name+" at "+step, func(t *testing.T) {
				t.Parallel()
				fake, p := pair(t, func(c *oidc.Config) { c.Reads = []string{"groups"} })
				fake.Fault = func(at string, w http.ResponseWriter, r *http.Request) bool {
					if at == step {
						fault(w, r)
					}
					return at == step
				}
				var waited sync.WaitGroup // five at once: of calls about somebody, one that fails stops no others
				for range 5 {
					waited.Go(func() {
						begun := time.Now()
						if _, err := signIn(t, fake, p, nil); !errors.Is(err, idp.ErrUnavailable) || time.Since(begun) > 6*time.Second {
							t.Errorf("%v after %s", err, time.Since(begun))
						}
					})
				}
				waited.Wait()
				calls := fake.Calls()[step]
				if _, err := signIn(t, fake, p, nil); !errors.Is(err, idp.ErrUnavailable) {
					t.Error(err)
				}
				if again := fake.Calls()[step]; again != calls && name != "hangs" && name != "drips" {
					t.Errorf("called %d times more at once", again-calls)
				}
			})
		}
	}
}

// A code, a token or a profile of one person that the provider cannot digest closes the way for nobody else (L09): the calls of others are made
// all the same, and each that succeeds is proof that the provider works.
func TestC15_OnePersonsFailure(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"token", "userinfo"} {
		fake, p := pair(t, func(c *oidc.Config) { c.Reads = []string{"groups"} })
		fails := false
		fake.Fault = func(at string, w http.ResponseWriter, _ *http.Request) bool {
			if at == step && fails {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return at == step && fails
		}
		for range 3 {
			for range 4 {
				fails = true
				if _, err := signIn(t, fake, p, nil); !errors.Is(err, idp.ErrUnavailable) {
					t.Error(err)
				}
			}
			fails = false
			if _, err := signIn(t, fake, p, nil); err != nil {
				t.Errorf("%s: somebody else is refused: %v", step, err)
			}
		}
	}
}

// C15: of an answer without end no more is read than an answer may have.
func TestC15_ReadsNoMore(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	sent := make(chan int64, 1)
	fake.Fault = func(at string, w http.ResponseWriter, _ *http.Request) bool {
		if at == "token" {
			n, _ := io.CopyN(w, endless{}, 256<<20)
			sent <- n
		}
		return at == "token"
	}
	if _, err := signIn(t, fake, p, nil); !errors.Is(err, idp.ErrUnavailable) {
		t.Error(err)
	}
	if n := <-sent; n > 64<<20 { // what lies in buffers on the way is sent, and not read
		t.Errorf("%d MiB were taken", n>>20)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// The provider names where it is called. Inside our network that is nowhere but at the host that the configuration names.
func TestC15_PrivateNetworks(t *testing.T) {
	t.Parallel()
	c := idp.NewClient(idp.ClientConfig{Own: "id.example.com", Now: time.Now})
	for _, at := range []string{"https://127.0.0.1:1", "http://127.0.0.1:2", "https://10.1.2.3", "https://169.254.169.254/x", "https://[::1]:1", "https://[fd00::1]",
		"https://[::ffff:10.0.0.1]", "https://100.64.0.1", "http://example.com", "file:///etc/passwd"} {
		res, err := c.HTTP("token").Get(at)
		if err == nil {
			_ = res.Body.Close()
		}
		if !errors.Is(err, idp.ErrUnavailable) || !strings.Contains(err.Error(), "public network") && !strings.Contains(err.Error(), "loopback") {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// Keys that the provider has changed in the middle of a flow are fetched; of keys that nobody has, once a minute.
func TestKeys_Rotation(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	if _, err := signIn(t, fake, p, nil); err != nil {
		t.Fatal(err)
	}
	fake.Rotate(t)
	if _, err := signIn(t, fake, p, nil); err != nil {
		t.Fatal(err)
	}
	fake.Rotate(t)
	for range 5 {
		if _, err := signIn(t, fake, p, nil); !errors.Is(err, idp.ErrAnswer) {
			t.Error(err)
		}
	}
	if n := fake.Calls()["keys"]; n != 2 {
		t.Errorf("keys were fetched %d times", n)
	}
}

// What apps bring: an id_token with its nonce, for any client that is listed; no access token.
func TestNative(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, func(c *oidc.Config) { c.Audiences = []string{"the-app"} })
	fake.Token = func(c map[string]any) { c["aud"] = "the-app" }
	for _, c := range []struct {
		in   idp.Native
		want error
	}{
		{idp.Native{IDToken: fake.IDToken("n"), Nonce: "n"}, nil},
		{idp.Native{IDToken: fake.IDToken("n"), Nonce: "m"}, idp.ErrAnswer},
		{idp.Native{IDToken: fake.IDToken("n")}, idp.ErrAnswer},
		{idp.Native{IDToken: fake.IDToken(""), Nonce: "n"}, idp.ErrAnswer},
		{idp.Native{AccessToken: "x"}, idp.ErrNotTaken},
	} {
		if _, err := p.Native(t.Context(), c.in); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	if _, err := signIn(t, fake, p, nil); !errors.Is(err, idp.ErrAnswer) {
		t.Errorf("the app's token is taken from a browser: %v", err)
	}
}

func TestVerifyLogout(t *testing.T) {
	t.Parallel()
	fake, p := pair(t, nil)
	good := map[string]any{"sub": "ada-1", "sid": "s1"}
	out, err := p.VerifyLogout(t.Context(), fake.LogoutToken(good))
	if err != nil || out.Subject != "ada-1" || out.SID != "s1" || out.Once.IsZero() {
		t.Errorf("%+v %v", out, err)
	}
	for name, more := range map[string]map[string]any{
		"nobody": {}, "nonce": {"sub": "a", "nonce": "n"}, "no jti": {"sub": "a", "jti": nil}, "no event": {"sub": "a", "events": map[string]any{}},
		"aud": {"sub": "a", "aud": "another"}, "iss": {"sub": "a", "iss": fake.Issuer() + "/"}, "expired": {"sub": "a", "exp": time.Now().Add(-2 * time.Minute).Unix()},
		"no exp": {"sub": "a", "exp": nil}, "lives long": {"sub": "a", "exp": time.Now().Add(48 * time.Hour).Unix()},
	} {
		if _, err := p.VerifyLogout(t.Context(), fake.LogoutToken(more)); !errors.Is(err, idp.ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.VerifyLogout(t.Context(), fake.IDToken("n")); !errors.Is(err, idp.ErrAnswer) {
		t.Errorf("an id_token is a logout token: %v", err)
	}
}
