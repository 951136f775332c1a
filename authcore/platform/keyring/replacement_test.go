package keyring_test

import (
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func sealerOf(t *testing.T, secrets ...string) *secret.Sealer {
	t.Helper()
	var values []secret.Value
	for _, s := range secrets {
		values = append(values, secretOf(s))
	}
	s, err := secret.NewSealer(values...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// No access token outlives the replacement of the keys: here at once, on another node at its next look. Nodes whose clock
// is behind have a key to sign with.
func TestReplace(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	other := ringOver(t, e, e.Sealer, jwtkeys.EdDSA)
	if err := other.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := published(t, e.Ring)
	old := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	removed, err := e.Ring.Replace(t.Context())
	if err != nil || removed != 4 {
		t.Fatalf("%d keys are gone (error %v), want an active and a next one of two uses", removed, err)
	}
	if list, err := e.Ring.List(t.Context()); err != nil || len(list) != 4 {
		t.Errorf("%d keys are in the database (error %v), want the new ones", len(list), err)
	}
	if err := other.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, ring := range map[string]accesstoken.Keys{"this node": e.Ring, "another": other} {
		v, err := accesstoken.New(accesstoken.Config{Keys: ring, Revocations: e.Revoked, Now: e.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		if _, outcome := v.Verify(old.Access, authcore.BearerToken); outcome != accesstoken.Invalid {
			t.Errorf("%s: a token of a removed key is worth %d", name, outcome)
		}
		for _, use := range []jwtkeys.Use{jwtkeys.Bearer, jwtkeys.Cookie} {
			if _, err := ring.Set().Signer(use, e.Clock.Now().Add(-30*time.Second)); err != nil {
				t.Errorf("%s: a node that is half a minute behind: %v", name, err)
			}
		}
	}
	for kid := range published(t, e.Ring) {
		if before[kid] {
			t.Errorf("the removed key %s is published", kid)
		}
	}
	if _, err := e.TrySignIn(t, "ada@example.com", testflow.Password); err != nil {
		t.Errorf("sign-in after it: %v", err)
	}
}

// A node looks every few seconds whether another one has changed the keys.
func TestRun_LooksInTime(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	before, err := e.Store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Ring.Replace(t.Context()); err != nil {
		t.Fatal(err)
	}
	records, err := e.Store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want string
	for _, k := range records {
		if k.Use == string(jwtkeys.Bearer) && !k.NotBefore.IsZero() {
			want = k.KID
		}
	}
	synctest.Test(t, func(t *testing.T) {
		store := &fixedKeys{records: before}
		r := ringWith(t, store, e.Sealer)
		if err := r.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		store.records = records
		go r.Run(t.Context())
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if set := r.Set(); set == nil || !set.Has(want, e.Clock.Now()) {
			t.Error("five seconds later the new key is not known")
		}
	})
}

// After a rotation of the secret the new one alone opens every key; the old one opens none, and nobody notices.
func TestReseal(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	old := sealerOf(t, "old")
	if err := e.Sealer.Use(secretOf("old")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Ring.Discard(t.Context()); err != nil { // of the environment's own secret
		t.Fatal(err)
	}
	before := published(t, e.Ring)
	both := ringOver(t, e, sealerOf(t, "new", "old"), jwtkeys.EdDSA)
	for i, want := range []int{5, 0} {
		if n, err := both.Reseal(t.Context()); err != nil || n != want {
			t.Errorf("time %d: %d keys sealed anew (error %v), want %d", i+1, n, err, want)
		}
	}
	alone := ringOver(t, e, sealerOf(t, "new"), jwtkeys.EdDSA)
	if err := alone.Load(t.Context()); err != nil {
		t.Fatalf("the new secret alone: %v", err)
	}
	for kid := range published(t, alone) {
		if !before[kid] {
			t.Errorf("the key %s is new", kid)
		}
	}
	if e.Ring.MACKey("x").MAC(nil) != alone.MACKey("x").MAC(nil) {
		t.Error("what refresh tokens and codes are checked with has changed")
	}
	if err := ringOver(t, e, old, jwtkeys.EdDSA).Load(t.Context()); err == nil {
		t.Error("the old secret opens keys")
	}
	// A node that runs with the old one keeps its keys, and says nothing until there is something new.
	if err := e.Ring.Reload(t.Context()); err != nil {
		t.Errorf("a node with the old secret: %v", err)
	}
	if _, err := ringOver(t, e, old, jwtkeys.EdDSA).Reseal(t.Context()); err == nil {
		t.Error("keys were sealed again that cannot be opened")
	}
}

// Whoever has a wrong secret changes nothing: keys that only they could open would be lost to all others.
func TestChange_WrongSecretChangesNothing(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	before, err := e.Store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wrong := ringOver(t, e, sealerOf(t, "wrong"), jwtkeys.ES256) // another algorithm makes keys at a load, too
	_, rotated := wrong.Rotate(t.Context())
	_, replaced := wrong.Replace(t.Context())
	for step, err := range map[string]error{"load": wrong.Load(t.Context()), "rotate": rotated, "replace": replaced} {
		if !errors.Is(err, secret.ErrUnsealable) {
			t.Errorf("%s: error %v", step, err)
		}
	}
	if after, err := e.Store.Keys(t.Context()); err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("keys were changed (error %v)", err)
	}
}

// A node that was not given the new secret accepts no removed key either.
func TestReload_DropsWhatIsRemovedWithoutTheSecret(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	old := e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	records, err := e.Store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store := &fixedKeys{records: records}
	r := ringWith(t, store, e.Sealer)
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := testflow.New(t, testflow.Options{})
	if store.records, err = other.Store.Keys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(t.Context()); !errors.Is(err, secret.ErrUnsealable) {
		t.Errorf("error %v", err)
	}
	if _, _, err := r.Set().Verify(jwtkeys.Bearer, old.Access, e.Clock.Now(), func(string) bool { return true }); err == nil {
		t.Error("a token of a removed key is accepted")
	}
	set := r.Set()
	if err := r.Reload(t.Context()); err == nil || r.Set() != set {
		t.Errorf("the same again: error %v, another set %t", err, r.Set() != set)
	}
	store.records = records // the other set was a mistake
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Set().Verify(jwtkeys.Bearer, old.Access, e.Clock.Now(), func(string) bool { return true }); err != nil {
		t.Errorf("the keys did not come back: %v", err)
	}
}

// What a secret that is lost has sealed is given up, and only that.
func TestDiscard(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	if n, err := e.Ring.Discard(t.Context()); err != nil || n != 0 {
		t.Errorf("%d keys given up (error %v), all can be opened", n, err)
	}
	mac := e.Ring.MACKey("x").MAC(nil)
	// One bearer key under another secret: the others stay.
	other := sealerOf(t, "other")
	_, err := e.Store.ChangeKeys(t.Context(), e.Clock.Now(), func(present []authcore.KeyRecord) ([]authcore.KeyRecord, error) {
		for _, k := range present {
			if k.Use == string(jwtkeys.Bearer) && !k.NotBefore.IsZero() {
				sealed, err := other.Seal("signing key", []byte("?"))
				k.Sealed = sealed
				return []authcore.KeyRecord{k}, err
			}
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := e.Ring.Discard(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d keys given up (error %v), want 1", n, err)
	}
	if _, err := e.Ring.Set().Signer(jwtkeys.Bearer, e.Clock.Now()); err != nil || e.Ring.MACKey("x").MAC(nil) != mac {
		t.Errorf("the ring is not whole again, or lost its internal key (error %v)", err)
	}
	lost := ringOver(t, e, sealerOf(t, "new"), jwtkeys.EdDSA)
	if n, err := lost.Discard(t.Context()); err != nil || n != 5 {
		t.Fatalf("%d keys given up (error %v), want all 5", n, err)
	}
	if list, err := lost.List(t.Context()); err != nil || len(list) != 4 || lost.MACKey("x").MAC(nil) == mac {
		t.Errorf("%d keys (error %v), want a new set", len(list), err)
	}
}
