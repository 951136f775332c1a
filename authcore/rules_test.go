package authcore

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// Every rule has its text in English, and no two say the same.
func TestRules_HaveTexts(t *testing.T) {
	t.Parallel()
	tree, err := parser.ParseFile(token.NewFileSet(), "rules.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	rules, said := 0, map[string]Rule{}
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Rule" {
			rules++
			name, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			text := FieldError{Rule: Rule(name), Params: Params{N: 7}}.Error()
			if text == "" || strings.ContainsAny(text, "{}") || said[text] != "" {
				t.Errorf("%s says %q, as does %q", name, text, said[text])
			}
			said[text] = Rule(name)
		}
		return true
	})
	if rules < 25 || rules != len(english) {
		t.Errorf("%d rules, %d texts", rules, len(english))
	}
	for _, kind := range []IdentifierKind{KindEmail, KindUsername} {
		if (&TakenError{Field: kind}).Rule() == "" {
			t.Errorf("that the %s is taken breaks no rule", kind)
		}
	}
}

func TestFieldErrors_AreKeptByField(t *testing.T) {
	t.Parallel()
	var all FieldErrors
	if all.Refusal() != nil {
		t.Error("nothing is wrong and refused")
	}
	all.Add("a", Required)
	all.AddErrors("b", FieldError{Rule: UsernameTooShort, Params: Params{N: 3}}, FieldError{Field: "x", Rule: UsernameReserved})
	all.AddError("a", FieldError{Rule: NotUTF8})
	all.AddError("c", nil)
	if got := all.At("a"); len(got) != 2 || got[0].Rule != Required || got[1].Rule != NotUTF8 || len(all.At("b")) != 2 || len(all) != 4 {
		t.Errorf("got %v", all)
	}
	if text := all[1].Error(); text != "The username is too short: at least 3 characters." {
		t.Errorf("got %q", text)
	}
	if CodeOf(all.Refusal()) != InvalidFields {
		t.Errorf("got %v", all.Refusal())
	}
	defer func() {
		if recover() == nil {
			t.Error("an error that is no rule passes for no error")
		}
	}()
	all.AddError("d", ErrUnavailable)
}
