package authcore_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Whoever claims the address of an administrator, or has it pending, is none: the option means who has verified it.
func TestAdmins_ByAVerifiedAddressAlone(t *testing.T) {
	t.Parallel()
	admins := authcore.Admins{"ops@example.com"}
	for name, c := range map[string]struct {
		of   authcore.Account
		want bool
	}{
		"verified":   {authcore.Account{Email: "ops@example.com", EmailVerifiedAt: time.Now()}, true},
		"claimed":    {authcore.Account{Email: "ops@example.com"}, false},
		"pending":    {authcore.Account{Email: "eve@example.com", EmailVerifiedAt: time.Now(), PendingEmail: "ops@example.com"}, false},
		"no address": {authcore.Account{EmailVerifiedAt: time.Now()}, false},
	} {
		if admins.Has(c.of) != c.want || slices.Contains(admins.Roles(c.of), authcore.RoleAdmin) != c.want {
			t.Errorf("%s: %v, want %v", name, admins.Roles(c.of), c.want)
		}
	}
	twice := authcore.Account{Email: "ops@example.com", EmailVerifiedAt: time.Now(), Roles: []string{authcore.RoleAdmin, "staff"}}
	if roles := admins.Roles(twice); len(roles) != 2 {
		t.Errorf("roles are %v", roles)
	}
}
