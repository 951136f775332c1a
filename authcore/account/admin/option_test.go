package admin_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// TestS17_OptionAdmins: a start after a change of the option outdates the tokens of those who got or lost the role by it, and of nobody
// else. A node that starts later with the same list does it again for who lost it: other nodes may have issued some meanwhile.
func TestS17_OptionAdmins(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	ada, bob := e.Person(t, signup.RegisterInput{Email: "ada@example.com"}), e.Person(t, signup.RegisterInput{Email: "bob@example.com"})
	versions := func() (of [2]int64) {
		t.Helper()
		for i, id := range []session.Tokens{ada, bob} {
			a, err := e.Store.AccountByID(t.Context(), id.Account.ID)
			if err != nil {
				t.Fatal(err)
			}
			of[i] = a.RolesVersion
		}
		return of
	}
	apply := func(adaMore, bobMore int64, list ...string) {
		t.Helper()
		before := versions()
		if err := admin.ApplyOption(t.Context(), e.Store, e.Sealer, authcore.Admins(list), e.Clock.Now); err != nil {
			t.Fatal(err)
		}
		if after := versions(); after[0]-before[0] != adaMore || after[1]-before[1] != bobMore {
			t.Errorf("with %v the versions of roles went from %v to %v", list, before, after)
		}
	}
	apply(0, 0)
	apply(1, 0, "ada@example.com", "nobody@example.com")
	if v := e.Revoked.Check(ada.Session.ID, ada.Account.ID, ada.Account.Epoch, ada.Account.RolesVersion); v != authcore.RolesChanged {
		t.Errorf("ada's token is %v", v)
	}
	apply(0, 0, "ada@example.com", "nobody@example.com")
	apply(1, 1, "bob@example.com")
	apply(1, 0, "bob@example.com") // another node starts
	e.Clock.Advance(24 * time.Hour)
	apply(0, 0, "bob@example.com")
	apply(0, 0, "bob@example.com")
	// Under a secret that is gone it counts as new.
	if err := e.Sealer.Use(secret.New(secret.Random(32))); err != nil {
		t.Fatal(err)
	}
	apply(0, 1, "bob@example.com")
}
