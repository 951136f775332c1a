package notify

import (
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
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
	for kind, shape := range kinds {
		if told := slices.Contains(slices.Concat(notice.Always(), notice.Optional()), kind); told != shape.security {
			t.Errorf("%s is a security mail here: %v, and in package notice: %v", kind, shape.security, told)
		}
	}
	if len(kinds) != len(declared) {
		t.Errorf("%d shapes for %d kinds of mail", len(kinds), len(declared))
	}
}

// TextKinds returns the kinds of which an SMS without a code can be composed.
func TextKinds() (list []authcore.MailKind) {
	for kind, shape := range kinds {
		if shape.text() != silent {
			list = append(list, kind)
		}
	}
	return list
}
