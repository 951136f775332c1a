package authcore_test

import (
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testdeclared"
)

// Whoever filters by a kind of event may name each that is declared.
func TestEventKinds_AreTheDeclaredOnes(t *testing.T) {
	t.Parallel()
	var kinds []string
	for _, k := range authcore.EventKinds() {
		kinds = append(kinds, string(k))
	}
	declared := testdeclared.Constants(t, "event.go", "Event", "EventKind")
	slices.Sort(declared)
	if !slices.Equal(kinds, declared) {
		t.Errorf("listed %q\ndeclared %q", kinds, declared)
	}
}
