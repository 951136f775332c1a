package keyring_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const accessLifetime = 5 * time.Minute

func ringOver(t *testing.T, e *testflow.Env, s *secret.Sealer, alg jwtkeys.Algorithm) *keyring.Ring {
	t.Helper()
	r, err := keyring.New(keyring.Config{Store: e.Store, Sealer: s, Algorithm: alg, AccessLifetime: tuning.Always(accessLifetime),
		Logger: slog.New(slog.DiscardHandler), Now: e.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func published(t *testing.T, r *keyring.Ring) map[string]bool {
	t.Helper()
	var set struct {
		Keys []struct{ Kid string }
	}
	if err := json.Unmarshal(r.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	kids := map[string]bool{}
	for _, k := range set.Keys {
		kids[k.Kid] = true
	}
	return kids
}

// The key that signs after a rotation was published before it; what the old one signed stays good until it expires, and
// is refused once the key is removed.
func TestT25_Rotation(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	before := published(t, e.Ring)
	old := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	v, err := accesstoken.New(accesstoken.Config{Keys: e.Ring, Revocations: e.Revoked, Now: e.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Ring.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh, err := e.TrySignIn(t, "ada@example.com", testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"old": old.Access, "new": fresh.Access} {
		if _, outcome := v.Verify(token, authcore.BearerToken); outcome != accesstoken.Admitted {
			t.Errorf("the token of the %s key is refused right after the rotation", name)
		}
	}
	signer, err := e.Ring.Set().Signer(jwtkeys.Bearer, e.Clock.Now())
	if err != nil || !before[signer.KID] {
		t.Errorf("the key that signs now was not published before (error %v)", err)
	}
	e.Clock.Advance(accessLifetime + 2*time.Minute)
	if n := len(published(t, e.Ring)); n != 2 {
		t.Errorf("%d keys are published after the old one's end, want the active and the next", n)
	}
	if _, err := e.Ring.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := e.Ring.List(t.Context())
	if err != nil || len(list) != 6 {
		t.Errorf("%d keys after the removed ones went, want 3 of each use (error %v)", len(list), err)
	}
}

// Keys that cannot be opened are never replaced: that would log everybody out.
func TestLoad_WrongSecretIsAnErrorAndChangesNothing(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	before, err := e.Store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other, err := secret.NewSealer(secret.New(bytes.Repeat([]byte("x"), 32)))
	if err != nil {
		t.Fatal(err)
	}
	if err := ringOver(t, e, other, jwtkeys.EdDSA).Load(t.Context()); err == nil {
		t.Fatal("keys were loaded under a secret that did not seal them")
	}
	after, err := e.Store.Keys(t.Context())
	if err != nil || len(after) != len(before) {
		t.Errorf("%d keys, %d before (error %v)", len(after), len(before), err)
	}
}

// A change of the option `algorithm` takes effect, and logs nobody out.
func TestLoad_ChangedAlgorithm(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	old := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	for _, alg := range []jwtkeys.Algorithm{jwtkeys.ES256, jwtkeys.HS256} {
		r := ringOver(t, e, e.Sealer, alg)
		if err := r.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		k, err := r.Set().Signer(jwtkeys.Bearer, e.Clock.Now())
		if err != nil || k.Algorithm != alg {
			t.Errorf("%s signs, want %s (error %v)", k.Algorithm, alg, err)
		}
		if _, _, err := r.Set().Verify(jwtkeys.Bearer, old.Access, e.Clock.Now(), func(string) bool { return true }); err != nil {
			t.Errorf("after a change to %s old tokens are refused: %v", alg, err)
		}
		e.Clock.Advance(time.Second)
	}
}

func secretOf(name string) secret.Value {
	return secret.FromString(name + " secret of more than thirty-two bytes")
}

// fixedKeys is a store whose keys somebody else has changed.
type fixedKeys struct{ records []authcore.KeyRecord }

func (f *fixedKeys) Keys(context.Context) ([]authcore.KeyRecord, error) { return f.records, nil }

func (f *fixedKeys) ChangeKeys(context.Context, time.Time, func([]authcore.KeyRecord) ([]authcore.KeyRecord, error)) ([]authcore.KeyRecord, error) {
	return f.records, nil
}

func ringWith(t *testing.T, store keyring.Store, s *secret.Sealer) *keyring.Ring {
	t.Helper()
	r, err := keyring.New(keyring.Config{Store: store, Sealer: s, Algorithm: jwtkeys.EdDSA, AccessLifetime: tuning.Always(accessLifetime),
		Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
