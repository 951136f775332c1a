package password

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
)

// What a password policy can say has a name among the rules of fields.
func TestCheck_NamesEveryRuleOfThePolicy(t *testing.T) {
	t.Parallel()
	tree, err := parser.ParseFile(token.NewFileSet(), "../../crypto/passpolicy/policy.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(tree, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Rule" {
				found++
				name, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if policyRules[passpolicy.Rule(name)] == "" {
					t.Errorf("%s has no rule", name)
				}
			}
		}
		return true
	})
	if found != len(policyRules) {
		t.Errorf("%d rules of the policy, %d names", found, len(policyRules))
	}
}
