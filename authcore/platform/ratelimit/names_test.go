package ratelimit_test

import (
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
	for name := range ratelimit.Defaults() {
		if !slices.Contains(declared, authcore.LimitBase(name)) {
			t.Errorf("a default of %s", name)
		}
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
	if bases := ratelimit.Bases(); len(bases) != len(ratelimit.Names())-3 {
		t.Errorf("settable: %v", bases)
	}
}

// Each limit has one line for each way of counting, and none that says what the limit itself says.
func TestSettable_Lines(t *testing.T) {
	t.Parallel()
	got, defaults := ratelimit.Settable(), ratelimit.Defaults()
	for name, want := range map[string]bool{
		"login": true, "login.account": true, "login.global": true, "login.address": false, "export": true, "export.account": false,
		"export.global": true, "sms_total.account": true, "sms_total.global": false, "mail.account": true, "resend.global": false,
	} {
		if slices.Contains(got, name) != want {
			t.Errorf("%s can be set: %t", name, !want)
		}
	}
	if sorted := slices.Sorted(slices.Values(got)); len(slices.Compact(sorted)) != len(got) {
		t.Errorf("a name is there twice: %v", got)
	}
	for _, name := range got {
		off := name != authcore.LimitBase(name) || name == authcore.LimitDialectVerify
		if on := !defaults[name].Off(); on == off {
			t.Errorf("%s is on by default: %t", name, on)
		}
	}
	if r := defaults[authcore.AccountLine("admin")]; r.String() != "600/1m" {
		t.Errorf("admin account is %s", r)
	}
}
