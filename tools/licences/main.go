// Command licences lists under which licences the parts of the gateway stand, and checks that all of them are allowed.
//
//	licences [-update] [folder of the main module]
//
// It reads the licence files of every module that is compiled into the gateway or its tests, adds the parts that are
// no Go modules (others.json), and compares the list with docs/dependencies.md; -update writes that file. It exits with
// 1 if a licence is unknown or not allowed, or the file is not current.
package main

import (
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/tools/modlist"
)

// othersData are the parts that are no Go modules, kept by hand.
//
//go:embed others.json
var othersData []byte

// document is the list that the check writes and compares, below the main module's folder.
const document = "docs/dependencies.md"

// allowed are licences whose code may be linked into a program under any licence, and the one that asks for the source
// of its own files alone (MPL-2.0).
var allowed = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MPL-2.0", "Public-Domain", "Unlicense", "Zlib"}

// part is one line of the list.
type part struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Licence string `json:"licence"` // SPDX identifiers, joined by " AND "
	Use     string `json:"use"`
	Path    string `json:"path,omitempty"` // where it lies in the repository; only of others
}

func main() {
	update := flag.Bool("update", false, "write "+document)
	flag.Parse()
	root := "."
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	problems, err := run(root, *update)
	if err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(2)
	}
	for _, p := range problems {
		fmt.Println(p)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}

func run(root string, update bool) (problems []string, err error) {
	build, err := modlist.Load(root)
	if err != nil {
		return nil, err
	}
	modules, problems, err := modulesOf(build)
	if err != nil {
		return nil, err
	}
	others, more, err := readOthers(root, othersData)
	if err != nil {
		return nil, err
	}
	problems = append(problems, more...)
	text := write(modules, others)
	file := filepath.Join(root, filepath.FromSlash(document))
	if update {
		return problems, os.WriteFile(file, []byte(text), 0o644)
	}
	if old, err := os.ReadFile(file); err != nil || string(old) != text {
		problems = append(problems, document+" is not current; to mend: go -C tools run ./licences -update ..")
	}
	return problems, nil
}

// modulesOf reads the licences of every module, in the order of their paths.
func modulesOf(build *modlist.Build) (parts []part, problems []string, err error) {
	for _, m := range build.Modules {
		found, err := licencesOf(m)
		if err != nil {
			return nil, nil, err
		}
		use := "gateway"
		if m.Tests {
			use = "tests"
		}
		if len(found) == 0 {
			problems = append(problems, fmt.Sprintf("%s %s: no licence file", m.Path, m.Version))
		}
		for _, name := range found {
			if !slices.Contains(allowed, name) {
				problems = append(problems, fmt.Sprintf("%s %s: %s is not among the allowed licences", m.Path, m.Version, name))
			}
		}
		parts = append(parts, part{Name: m.Path, Version: m.Version, Licence: strings.Join(found, " AND "), Use: use})
	}
	return parts, problems, nil
}

// readOthers returns the other parts. Each must still lie where it says.
func readOthers(root string, data []byte) (parts []part, problems []string, err error) {
	if err := json.Unmarshal(data, &parts); err != nil {
		return nil, nil, fmt.Errorf("reading others.json: %w", err)
	}
	for _, p := range parts {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(p.Path))); p.Path == "" || err != nil {
			problems = append(problems, fmt.Sprintf("others.json: %s is not at %q any more", p.Name, p.Path))
		}
		if !slices.Contains(allowed, p.Licence) {
			problems = append(problems, fmt.Sprintf("others.json: %s: %s is not among the allowed licences", p.Name, p.Licence))
		}
	}
	return parts, problems, nil
}

// write returns the document.
func write(modules, others []part) string {
	var b strings.Builder
	b.WriteString("# Dependencies\n\n" +
		"What is compiled into the gateway or used by its tests, on Linux, macOS and Windows, and under which licence it stands.\n" +
		"Written by `go -C tools run ./licences -update ..`; `make lint` fails when it is not current or a licence is not allowed.\n" +
		"The standard library of Go (BSD-3-Clause) is compiled in as well. Known vulnerabilities are looked for by `tools/vuln`.\n\n" +
		"## Go modules\n\n| module | version | licence | used by |\n| --- | --- | --- | --- |\n")
	for _, p := range modules {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.Name, p.Version, p.Licence, p.Use)
	}
	b.WriteString("\n## Other parts\n\n| part | version | licence | used by | where |\n| --- | --- | --- | --- | --- |\n")
	for _, p := range others {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | `%s` |\n", p.Name, p.Version, p.Licence, p.Use, p.Path)
	}
	return b.String()
}
