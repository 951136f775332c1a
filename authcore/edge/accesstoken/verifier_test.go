package accesstoken_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// keys counts the misses it is told of and can be given another set.
type keys struct {
	set    atomic.Pointer[jwtkeys.KeySet]
	asked  atomic.Int64
	missed atomic.Int32
}

func (k *keys) Set() *jwtkeys.KeySet {
	k.asked.Add(1)
	return k.set.Load()
}

func (k *keys) UnknownKey() { k.missed.Add(1) }

func setUp(t testing.TB) (*testflow.Env, *keys, *accesstoken.Verifier) {
	t.Helper()
	e := testflow.New(t, testflow.Options{})
	k := &keys{}
	k.set.Store(e.Ring.Set())
	v, err := accesstoken.New(accesstoken.Config{Keys: k, Revocations: e.Revoked, Now: e.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return e, k, v
}

func person(t testing.TB, e *testflow.Env) session.Tokens {
	t.Helper()
	return e.Person(t, signup.RegisterInput{Email: "ada@example.com", FirstName: "Ada"})
}

func want(t *testing.T, v *accesstoken.Verifier, raw string, kind authcore.CredentialKind, outcome accesstoken.Outcome) *authcore.Principal {
	t.Helper()
	verified, got := v.Verify(raw, kind)
	if got != outcome {
		t.Errorf("outcome %d, want %d", got, outcome)
	}
	if (verified != nil) != (outcome == accesstoken.Admitted || outcome == accesstoken.RolesChanged) {
		t.Errorf("outcome %d with %v", got, verified)
	}
	if verified == nil {
		return nil
	}
	p := verified.Principal()
	return &p
}

func TestVerify_CachedTokensExpireAndAreRevoked(t *testing.T) {
	t.Parallel()
	e, _, v := setUp(t)
	tokens := person(t, e)
	for range 2 { // unseen, then seen
		if p := want(t, v, tokens.Access, authcore.BearerToken, accesstoken.Admitted); p.Session != tokens.Session.ID.String() || p.Email != "ada@example.com" {
			t.Errorf("principal %+v", p)
		}
	}
	e.Clock.Advance(tokens.Principal.ExpiresAt.Sub(e.Clock.Now()))
	want(t, v, tokens.Access, authcore.BearerToken, accesstoken.Invalid)

	next, err := e.TrySignIn(t, "ada@example.com", testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	want(t, v, next.Access, authcore.BearerToken, accesstoken.Admitted)
	if err := e.Sessions.End(t.Context(), &next.Principal, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	want(t, v, next.Access, authcore.BearerToken, accesstoken.Revoked)
}

// A raised epoch ends every session of the account; a raised roles version only asks for renewal.
func TestVerify_EpochAndRoles(t *testing.T) {
	t.Parallel()
	e, _, v := setUp(t)
	tokens := person(t, e)
	want(t, v, tokens.Access, authcore.BearerToken, accesstoken.Admitted)
	until := e.Clock.Now().Add(time.Hour)
	e.Revoked.Apply(authcore.Revocation{AccountID: tokens.Account.ID, RolesVersion: tokens.Account.RolesVersion + 1, Until: until})
	want(t, v, tokens.Access, authcore.BearerToken, accesstoken.RolesChanged)
	e.Revoked.Apply(authcore.Revocation{AccountID: tokens.Account.ID, Epoch: tokens.Account.Epoch + 1, Until: until})
	want(t, v, tokens.Access, authcore.BearerToken, accesstoken.Revoked)
}

// Each kind of token is refused where the other belongs, seen before or not.
func TestT10_KindsAreNotInterchangeable(t *testing.T) {
	t.Parallel()
	e, _, v := setUp(t)
	bearer := person(t, e)
	r := testflow.Request()
	r.Mode = authcore.ModeCookie
	cookie, err := e.Sessions.Start(t.Context(), bearer.Account, r)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		want(t, v, bearer.Access, authcore.SessionCookie, accesstoken.Invalid)
		want(t, v, cookie.Access, authcore.BearerToken, accesstoken.Invalid)
		want(t, v, bearer.Access, authcore.BearerToken, accesstoken.Admitted)
		want(t, v, cookie.Access, authcore.SessionCookie, accesstoken.Admitted)
		want(t, v, bearer.Refresh, authcore.BearerToken, accesstoken.Invalid)
	}
}

// A token whose key has been removed is refused although it is cached; a change that keeps the key empties nothing.
func TestT25_RemovedKeyRefusesCachedTokens(t *testing.T) {
	t.Parallel()
	e, k, v := setUp(t)
	tokens := person(t, e)
	want(t, v, tokens.Access, authcore.BearerToken, accesstoken.Admitted)
	if _, err := e.Ring.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.set.Store(e.Ring.Set())
	want(t, v, tokens.Access, authcore.BearerToken, accesstoken.Admitted)
	empty, err := jwtkeys.NewKeySet(nil)
	if err != nil {
		t.Fatal(err)
	}
	k.set.Store(empty)
	want(t, v, tokens.Access, authcore.BearerToken, accesstoken.Invalid)
}

func TestVerify_JunkTellsTheKeysAndFillsNothing(t *testing.T) {
	t.Parallel()
	e, k, v := setUp(t)
	tokens := person(t, e)
	for _, junk := range []string{"", "a", "a.b.c", tokens.Access + "x", tokens.Access[:len(tokens.Access)-1]} {
		want(t, v, junk, authcore.BearerToken, accesstoken.Invalid)
	}
	if k.missed.Load() == 0 {
		t.Error("the keys were not told: a token of another node's new key would never be accepted")
	}
}

func TestVerify_ParallelFirstSights(t *testing.T) {
	t.Parallel()
	e, _, v := setUp(t)
	tokens := person(t, e)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { want(t, v, tokens.Access, authcore.BearerToken, accesstoken.Admitted) })
	}
	wg.Wait()
}

func TestT11_ExactIssuerAndAudience(t *testing.T) {
	t.Parallel()
	p := &authcore.Principal{Issuer: "https://auth.example.com", Audience: []string{"a", "b"}}
	for _, c := range []struct {
		issuers, audiences []string
		want               bool
	}{
		{[]string{"https://auth.example.com"}, []string{"b"}, true},
		{[]string{"https://auth.example.com/"}, []string{"b"}, false},
		{[]string{"https://AUTH.example.com"}, []string{"b"}, false},
		{[]string{"https://auth.example.com"}, []string{"c", ""}, false},
		{nil, []string{"b"}, false},
		{[]string{"https://auth.example.com"}, nil, false},
	} {
		if got := accesstoken.Accepts(p, c.issuers, c.audiences); got != c.want {
			t.Errorf("issuers %q, audiences %q: %v", c.issuers, c.audiences, got)
		}
	}
}

// An address that had another owner before opens nothing of theirs in a service: the id stands where the user is named.
func TestReusedAddress_IsNotTheUser(t *testing.T) {
	t.Parallel()
	e, _, v := setUp(t)
	former := person(t, e)
	if _, err := e.Closure.Delete(t.Context(), former.Account.ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(2 * time.Minute)
	heir := person(t, e)
	for _, tokens := range []session.Tokens{former, heir} {
		if tokens.Principal.EmailReused != (tokens.Account.ID == heir.Account.ID) {
			t.Errorf("the principal of a new token is %+v", tokens.Principal)
		}
	}
	again, err := e.Sessions.Refresh(t.Context(), heir.Refresh, authcore.ModeBearer, testflow.Client())
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{"signed in": heir.Access, "refreshed": again.Access} {
		for range 3 { // unseen, seen, and from memory
			verified, outcome := v.Verify(raw, authcore.BearerToken)
			if outcome != accesstoken.Admitted {
				t.Fatalf("%s: outcome %d", name, outcome)
			}
			for form, id := range map[string]accesstoken.Identity{"encoded": verified.Identity(), "text": verified.Text()} {
				if id.User(accesstoken.EmailAsUser) != heir.Account.ID.String() || id.Email != "ada@example.com" {
					t.Errorf("%s, %s: the user is %s, the address %s", name, form, id.User(accesstoken.EmailAsUser), id.Email)
				}
			}
			if !verified.Principal().EmailReused {
				t.Errorf("%s: the principal does not say it", name)
			}
		}
	}
}

func TestP19_Encode(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                   "",
		"Ada Lovelace":       "Ada Lovelace",
		"100%":               "100%25",
		"é":                  "%C3%A9",
		"a\r\nX-Role: admin": "a%0D%0AX-Role: admin",
		"\x00\x7f\t":         "%00%7F%09",
	} {
		if got := accesstoken.Encode(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func BenchmarkLookup_Seen(b *testing.B) {
	e, _, v := setUp(b)
	tokens := person(b, e)
	for range 2 {
		if _, outcome := v.Verify(tokens.Access, authcore.BearerToken); outcome != accesstoken.Admitted {
			b.Fatal("refused")
		}
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			v.Verify(tokens.Access, authcore.BearerToken)
		}
	})
}
