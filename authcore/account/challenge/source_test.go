package challenge_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// product parses every file of the module that goes into a program, and calls look with its path from the module's root.
func product(t *testing.T, look func(path string, set *token.FileSet, f *ast.File)) {
	t.Helper()
	root, files := moduleRoot(t), 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || slices.Contains([]string{"testdata", "tools", "bench", "bin", "node_modules", "internal", "storetest", "revoketest", "throttletest"}, name)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files++
		rel, err := filepath.Rel(root, path)
		look(filepath.ToSlash(rel), set, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Fatalf("only %d files were looked at", files)
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("there is no go.mod above")
		}
		dir = up
	}
}

// Whatever is random in the product comes from the operating system. What is listed decides nothing that must not be
// guessed.
func TestO14_NoPredictableRandomness(t *testing.T) {
	t.Parallel()
	allowed := map[string]string{
		"authcore/platform/notify/worker.go": "how long to wait before the next try",
		"authcore/edge/revocation/set.go":    "the seed of a table in memory",
		"authcore/platform/sqldb/engine.go":  "how long to wait before the next try",
	}
	product(t, func(path string, _ *token.FileSet, f *ast.File) {
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if (name == "math/rand" || name == "math/rand/v2") && allowed[path] == "" {
				t.Errorf("%s imports %s", path, name)
			}
		}
	})
}

// Digests are compared by secret.Digest.Equal, which takes the same time wherever they differ.
func TestO14_ConstantTimeCompare(t *testing.T) {
	t.Parallel()
	product(t, func(path string, set *token.FileSet, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			var sides []ast.Expr
			switch x := n.(type) {
			case *ast.BinaryExpr:
				if x.Op == token.EQL || x.Op == token.NEQ {
					sides = []ast.Expr{x.X, x.Y}
				}
			case *ast.CallExpr:
				if called, ok := x.Fun.(*ast.SelectorExpr); ok {
					if of, ok := called.X.(*ast.Ident); ok && (of.Name == "bytes" || of.Name == "slices" || of.Name == "strings") &&
						slices.Contains([]string{"Equal", "Compare", "HasPrefix", "EqualFold"}, called.Sel.Name) {
						sides = x.Args
					}
				}
			}
			for _, side := range sides {
				if secretName(side) {
					t.Errorf("%s: something secret is compared in a time that tells where it differs", set.Position(n.Pos()))
				}
			}
			return true
		})
	})
}

// secretName reports whether an expression ends in the name of a digest, a MAC or a code.
func secretName(e ast.Expr) bool {
	name := ""
	switch x := e.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	case *ast.CallExpr:
		if called, ok := x.Fun.(*ast.SelectorExpr); ok && called.Sel.Name == "Bytes" {
			return secretName(called.X)
		}
		return false
	case *ast.SliceExpr:
		return secretName(x.X)
	}
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "digest") || strings.HasSuffix(name, "mac") || name == "checksum" || name == "signature"
}
