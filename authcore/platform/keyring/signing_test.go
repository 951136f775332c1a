package keyring_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// A node whose keys were replaced by some that it cannot open signs nothing until it can.
func TestSigns(t *testing.T) {
	t.Parallel()
	e, other := testflow.New(t, testflow.Options{}), testflow.New(t, testflow.Options{})
	own, err := e.Store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store := &fixedKeys{records: own}
	r := ringWith(t, store, e.Sealer)
	if r.Signs() {
		t.Error("it signs before it has keys")
	}
	if err := r.Load(t.Context()); err != nil || !r.Signs() {
		t.Errorf("with its keys: signs %t (error %v)", r.Signs(), err)
	}
	for range 2 {
		store.records = foreign
		if err := r.Reload(t.Context()); err == nil || r.Signs() {
			t.Errorf("with keys under another secret: signs %t (error %v)", r.Signs(), err)
		}
		store.records = own
		if err := r.Reload(t.Context()); err != nil || !r.Signs() {
			t.Errorf("with its keys again: signs %t (error %v)", r.Signs(), err)
		}
	}
}
