package ratelimit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
)

// A limit that a flow takes from and that is not in the list would be an error in the middle of a request.
func TestNames_EveryLimitThatIsDeclared(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../../ports.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Limit") {
			return true
		}
		name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		declared = append(declared, name)
		return true
	})
	if got := ratelimit.Names(); len(declared) == 0 || !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(declared))) {
		t.Errorf("the list has %v, authcore declares %v", got, declared)
	}
	if got := slices.Sorted(maps.Keys(ratelimit.Defaults())); len(got) != len(declared) {
		t.Errorf("defaults of %v", got)
	}
}

func TestSettable_LeavesOutWhatOTPSets(t *testing.T) {
	t.Parallel()
	got := ratelimit.Settable()
	if slices.Contains(got, authcore.LimitResend) || slices.Contains(got, authcore.LimitCode) || len(got) != len(ratelimit.Names())-2 {
		t.Errorf("settable: %v", got)
	}
}
