// Package testdeclared reads constants from the source, for tests that hold a table to all that is declared.
package testdeclared

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// Constants returns the values of a file's string constants whose name begins with prefix and whose type, as it is
// written there, is kind ("" for none). The file is relative to the folder of the test. None at all ends the test.
func Constants(t testing.TB, file, prefix, kind string) (values []string) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) || len(spec.Values) != 1 {
			return true
		}
		if name, typed := spec.Type.(*ast.Ident); typed != (kind != "") || typed && name.Name != kind {
			return true
		}
		if text, ok := spec.Values[0].(*ast.BasicLit); ok && text.Kind == token.STRING {
			value, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("%s declares no constant %s… of type %q", file, prefix, kind)
	}
	return values
}
