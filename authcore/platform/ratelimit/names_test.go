package ratelimit_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testdeclared"
)

// A limit that a flow takes from and that is not in the list would be an error in the middle of a request.
func TestNames_EveryLimitThatIsDeclared(t *testing.T) {
	t.Parallel()
	declared := testdeclared.Constants(t, "../../limit.go", "Limit", "")
	if got := ratelimit.Names(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(declared))) {
		t.Errorf("the list has %v, authcore declares %v", got, declared)
	}
	if got := slices.Sorted(maps.Keys(ratelimit.Defaults())); len(got) != len(declared) {
		t.Errorf("defaults of %v", got)
	}
}

func TestSettable_LeavesOutWhatFollowsFromOthers(t *testing.T) {
	t.Parallel()
	got := ratelimit.Settable()
	for _, name := range []string{authcore.LimitResend, authcore.LimitCode, authcore.LimitSMSUnproven} {
		if slices.Contains(got, name) {
			t.Errorf("%s can be set", name)
		}
	}
	if len(got) != len(ratelimit.Names())-3 {
		t.Errorf("settable: %v", got)
	}
}
