package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

const (
	longestFunction = 60
	longestFile     = 400
)

// goFile checks one file, and counts it into the shapes. Length is not limited in tests, where a table may be long.
func goFile(path string, content []byte, all *shapes) ([]string, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	if ast.IsGenerated(file) {
		return nil, nil
	}
	findings := calls(files, file, path)
	if strings.HasSuffix(path, "_test.go") {
		return findings, nil
	}
	all.add(files, file, path)
	if lines := bytes.Count(content, []byte("\n")); lines > longestFile {
		findings = append(findings, fmt.Sprintf("%s:1: %d lines, split it before %d", path, lines, longestFile))
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		first, last := files.Position(f.Pos()).Line, files.Position(f.End()).Line
		if lines := last - first + 1; lines > longestFunction {
			findings = append(findings, fmt.Sprintf("%s:%d: function %s has %d lines, %d are the limit",
				path, first, f.Name.Name, lines, longestFunction))
		}
	}
	return findings, nil
}

// calls finds tests that skip, everywhere (a conformance suite is no _test file), and tests that
// sleep, unless the file uses testing/synctest, whose sleeps cost nothing and miss nothing.
func calls(files *token.FileSet, file *ast.File, path string) []string {
	sleepAllowed := !strings.HasSuffix(path, "_test.go") || imports(file, `"testing/synctest"`)
	var findings []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		receiver, ok := selector.X.(*ast.Ident)
		if !ok {
			return true
		}
		line := files.Position(call.Pos()).Line
		switch name := receiver.Name + "." + selector.Sel.Name; name {
		case "t.Skip", "t.Skipf", "t.SkipNow", "tb.Skip", "tb.Skipf", "tb.SkipNow",
			"b.Skip", "b.Skipf", "b.SkipNow", "f.Skip", "f.Skipf", "f.SkipNow":
			findings = append(findings, fmt.Sprintf("%s:%d: %s: a test that cannot run fails", path, line, name))
		case "time.Sleep":
			if !sleepAllowed {
				findings = append(findings, fmt.Sprintf("%s:%d: time.Sleep in a test: wait for the condition", path, line))
			}
		}
		return true
	})
	return findings
}

func imports(file *ast.File, quoted string) bool {
	for _, spec := range file.Imports {
		if spec.Path.Value == quoted {
			return true
		}
	}
	return false
}
