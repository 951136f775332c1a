package notify

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testdeclared"
)

// A mail of a kind without a shape could not be written when its turn comes, and would be dropped.
func TestKinds_EveryMailThatIsDeclared(t *testing.T) {
	t.Parallel()
	declared := testdeclared.Constants(t, "../../event.go", "Mail", "MailKind")
	for _, kind := range declared {
		if _, known := kinds[authcore.MailKind(kind)]; !known {
			t.Errorf("%s has no shape", kind)
		}
	}
	if len(kinds) != len(declared) {
		t.Errorf("%d shapes for %d kinds of mail", len(kinds), len(declared))
	}
}
