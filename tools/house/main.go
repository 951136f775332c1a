// Command house checks what the general linters leave out: the length of functions and files, the number
// of methods of types and interfaces, tests that skip or sleep, words that mark unfinished work, and paths
// of one machine.
//
//	house [folder]
//
// It prints one line per finding, `file:line: what is wrong`, and exits with 1 if there is any.
package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unvisited are folders of products, not of sources.
var unvisited = map[string]bool{".git": true, "bin": true, ".gatehouse": true, "node_modules": true}

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	findings, err := inspect(os.DirFS(root))
	if err != nil {
		fmt.Fprintln(os.Stderr, "house:", err)
		os.Exit(2)
	}
	for _, f := range findings {
		fmt.Println(f)
	}
	if len(findings) > 0 {
		os.Exit(1)
	}
}

// inspect returns the findings of all files of a tree, in the order of their paths, and then those of
// its types.
func inspect(tree fs.FS) ([]string, error) {
	var findings []string
	all := newShapes()
	err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && unvisited[entry.Name()]:
			return fs.SkipDir
		case !entry.Type().IsRegular(), path == ".git": // a file in a linked worktree
			return nil
		}
		content, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		if bytes.IndexByte(content, 0) >= 0 {
			return nil
		}
		findings = append(findings, wording(path, content)...)
		if strings.HasSuffix(path, ".go") && !inTestdata(path) {
			more, err := goFile(path, content, all)
			if err != nil {
				return err
			}
			findings = append(findings, more...)
		}
		return nil
	})
	return append(findings, all.findings()...), err
}

func inTestdata(path string) bool {
	return strings.Contains("/"+filepath.ToSlash(path), "/testdata/")
}
