// Package modlist says which modules and packages are compiled into the gateway and into its tests. It asks the go
// command and knows nothing of what is checked about them; only the commands of this module import it.
package modlist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Module is one module of the build.
type Module struct {
	Path, Version string
	Dir           string          // where its source lies
	Tests         bool            // only tests need it
	Packages      map[string]bool // import paths of what is compiled of it
	Dirs          map[string]bool // their folders
}

// Build is what is compiled, over the systems that releases are built for.
type Build struct {
	Modules   []Module        // sorted by path; the main module is not among them
	Std       map[string]bool // import paths of the standard library
	Toolchain string          // "1.26.8", of the go command that was asked
}

// systems are those that a module is looked for on: some are needed on one alone.
var systems = []string{"linux", "darwin", "windows"}

// binary is the package of the released program.
const binary = "./cmd/gatehouse"

// Load lists the module in root. It needs the go command and the modules in its cache.
func Load(root string) (*Build, error) {
	b := &Build{Std: map[string]bool{}}
	found := map[string]*Module{}
	for _, system := range systems {
		if err := b.list(root, system, false, found, "-deps", binary); err != nil {
			return nil, err
		}
	}
	if err := b.list(root, systems[0], true, found, "-deps", "-test", "./..."); err != nil {
		return nil, err
	}
	for _, m := range found {
		b.Modules = append(b.Modules, *m)
	}
	slices.SortFunc(b.Modules, func(x, y Module) int { return strings.Compare(x.Path, y.Path) })
	version, err := run(root, systems[0], "env", "GOVERSION")
	if err != nil {
		return nil, err
	}
	word, _, _ := strings.Cut(strings.TrimSpace(string(version)), " ") // "go1.26.8 X:experiment"
	b.Toolchain = strings.TrimPrefix(word, "go")
	return b, nil
}

type listed struct {
	ImportPath, Dir string
	Standard        bool
	Module          *listedModule
}

type listedModule struct {
	Path, Version, Dir string
	Main               bool
	Replace            *listedModule
}

func (b *Build) list(root, system string, tests bool, found map[string]*Module, args ...string) error {
	out, err := run(root, system, append([]string{"list", "-json=ImportPath,Dir,Standard,Module"}, args...)...)
	if err != nil {
		return err
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading go list: %w", err)
		}
		path, _, _ := strings.Cut(p.ImportPath, " ") // "path [path.test]"
		switch {
		case p.Standard:
			b.Std[path] = true
		case p.Module != nil && !p.Module.Main:
			add(found, p, path, tests)
		}
	}
}

func add(found map[string]*Module, p listed, path string, tests bool) {
	from := *p.Module
	if from.Replace != nil { // what is compiled is the replacement
		from = *from.Replace
	}
	m := found[from.Path]
	if m == nil {
		m = &Module{Path: from.Path, Version: from.Version, Dir: from.Dir, Tests: tests, Packages: map[string]bool{}, Dirs: map[string]bool{}}
		found[from.Path] = m
	}
	m.Packages[path] = true
	m.Dirs[p.Dir] = true
}

func run(root, system string, args ...string) ([]byte, error) {
	c := exec.Command("go", args...)
	c.Dir = root
	// Without cgo, as releases are built; and the same on every machine.
	c.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("go %s for %s: %w: %s", args[0], system, err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.Bytes(), nil
}
