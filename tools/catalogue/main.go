// Command catalogue lists the rows of the security catalogue, by id (P01, S04, L16 …), each with the tests that are named
// after it or whose comment names it.
//
//	catalogue [folder]
//
// It prints a line for each pair of row and test, `id folder name`, sorted, so that two trees can be compared with diff;
// with `-ids` it prints the ids alone.
package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

func main() {
	alone := flag.Bool("ids", false, "print the ids alone")
	flag.Parse()
	root := "."
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	rows, err := catalogue(os.DirFS(root))
	if err != nil {
		fmt.Fprintln(os.Stderr, "catalogue:", err)
		os.Exit(1)
	}
	if *alone {
		for i, row := range rows {
			rows[i], _, _ = strings.Cut(row, " ")
		}
		rows = slices.Compact(rows)
	}
	for _, row := range rows {
		fmt.Println(row)
	}
}

// catalogue returns the lines for all tests and fuzz targets of a tree.
func catalogue(tree fs.FS) ([]string, error) {
	var rows []string
	err := fs.WalkDir(tree, ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "bin", "testdata"}, entry.Name()):
			return fs.SkipDir
		case !strings.HasSuffix(file, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range parsed.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			for _, id := range ids(f) {
				rows = append(rows, id+" "+path.Dir(file)+" "+f.Name.Name)
			}
		}
		return nil
	})
	slices.Sort(rows)
	return rows, err
}

var (
	inName    = regexp.MustCompile(`^(?:Test|Fuzz)((?:[A-Z][0-9]{2}_?)+)`)
	inComment = regexp.MustCompile(`\b[A-Z][0-9]{2}\b`)
	one       = regexp.MustCompile(`[A-Z][0-9]{2}`)
)

// ids are those of a test's name and of its comment, each once.
func ids(f *ast.FuncDecl) []string {
	var found []string
	if m := inName.FindStringSubmatch(f.Name.Name); m != nil {
		found = one.FindAllString(m[1], -1)
	}
	found = append(found, inComment.FindAllString(f.Doc.Text(), -1)...)
	slices.Sort(found)
	return slices.Compact(found)
}
