package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	mostMethods = 30 // of a type
	widestPort  = 12 // methods of an interface, with those that it embeds
)

// sums are what may be wider: all that is asked of a database, and the type that is one.
var sums = map[string]bool{
	"authcore/gateway.Store":            true,
	"authcore/platform/storetest.Store": true, "authcore/platform/storetest.Operated": true,
	"authcore/platform/sqlstore.Store": true,
}

// large are types from before the limit, with what they may have. Nothing is added here.
var large = map[string]int{"caddymodule.App": 40, "caddymodule.Guard": 35}

// project is the path of the module whose folders imports name.
const project = "github.com/gatehouse-auth/gatehouse/"

// shapes counts, over all files of a tree, the methods of types and of interfaces. Tests are not counted.
type shapes struct {
	methods map[string]*tally // by folder.Type
	ports   map[string]*port  // by folder.Interface
}

type tally struct {
	place string
	n     int
}

type port struct {
	place    string
	own      int
	embedded []string // folder.Interface
}

func newShapes() *shapes { return &shapes{map[string]*tally{}, map[string]*port{}} }

// add takes in a file.
func (s *shapes) add(files *token.FileSet, file *ast.File, name string) {
	folder := path.Dir(name)
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil {
				s.method(folder+"."+receiver(d.Recv.List[0].Type), at(files, d, name))
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				t, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				if i, ok := t.Type.(*ast.InterfaceType); ok {
					s.ports[folder+"."+t.Name.Name] = portOf(i, file, folder, at(files, t, name))
				}
			}
		}
	}
}

func (s *shapes) method(of, place string) {
	if s.methods[of] == nil {
		s.methods[of] = &tally{place: place}
	}
	s.methods[of].n++
}

// findings are the types and interfaces that are too large, in the order of their names.
func (s *shapes) findings() []string {
	var found []string
	for name, m := range s.methods {
		if most := max(mostMethods, large[name]); m.n > most && !sums[name] {
			found = append(found, fmt.Sprintf("%s: type %s has %d methods, %d are the limit", m.place, name, m.n, most))
		}
	}
	for name, p := range s.ports {
		if n := s.width(name, nil); n > widestPort && !sums[name] {
			found = append(found, fmt.Sprintf("%s: interface %s has %d methods, %d are the limit", p.place, name, n, widestPort))
		}
	}
	slices.Sort(found)
	return found
}

// width is how many methods an interface has. Of one that is not of this tree it knows nothing.
func (s *shapes) width(name string, within []string) int {
	p := s.ports[name]
	if p == nil || slices.Contains(within, name) {
		return 0
	}
	n := p.own
	for _, other := range p.embedded {
		n += s.width(other, append(within, name))
	}
	return n
}

func portOf(i *ast.InterfaceType, file *ast.File, folder, place string) *port {
	p := &port{place: place}
	for _, field := range i.Methods.List {
		p.own += len(field.Names)
		if len(field.Names) > 0 {
			continue
		}
		switch t := field.Type.(type) {
		case *ast.Ident:
			p.embedded = append(p.embedded, folder+"."+t.Name)
		case *ast.SelectorExpr:
			if x, ok := t.X.(*ast.Ident); ok {
				p.embedded = append(p.embedded, imported(file, x.Name)+"."+t.Sel.Name)
			}
		}
	}
	return p
}

// imported is the folder of the package that a file calls so.
func imported(file *ast.File, name string) string {
	for _, spec := range file.Imports {
		where, err := strconv.Unquote(spec.Path.Value)
		if err == nil && (spec.Name != nil && spec.Name.Name == name || spec.Name == nil && path.Base(where) == name) {
			return strings.TrimPrefix(where, project)
		}
	}
	return name
}

// receiver is the name of a method's type, without pointer and type parameters.
func receiver(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return "?"
}

func at(files *token.FileSet, n ast.Node, name string) string {
	return fmt.Sprintf("%s:%d", name, files.Position(n.Pos()).Line)
}
