package dialect

import (
	"fmt"
	"slices"
	"strings"
)

// Table is where the calls of a dialect are at a site.
type Table struct {
	prefix string
	paths  map[string][]*Route // from the root, without a final slash
	beside map[string]func(x *Call)
	order  []string
}

// NewTable returns the table of a dialect under a prefix. An action that the dialect does not have, a path that would be two calls with one
// method, and one that is a call and a page are errors.
func NewTable(d Dialect, prefix string, more map[string][]string) (Table, error) {
	t := Table{prefix: prefix, paths: map[string][]*Route{}}
	if d.Beside != nil {
		t.beside = d.Beside(prefix)
	}
	for i := range d.Routes {
		to := &d.Routes[i]
		var at []string
		if to.Path != "" {
			at = append(at, strings.TrimSuffix(prefix+to.Path, "/"))
		}
		if to.Action != "" {
			for _, path := range more[to.Action] {
				at = append(at, absolute(prefix, path))
			}
		}
		for _, path := range at {
			if err := t.add(path, to); err != nil {
				return t, err
			}
		}
	}
	for _, path := range t.order {
		if rest, _ := strings.CutPrefix(path, prefix); t.page(path) != nil || rest == documentPath || rest == keysPath {
			return t, fmt.Errorf("path: %s is that of a page and of a call of %s", path, d.Name)
		}
	}
	for action := range more {
		if !slices.ContainsFunc(d.Routes, func(r Route) bool { return r.Action == action }) {
			return t, fmt.Errorf("path: %s has no call %q; it is one of: %s", d.Name, action, strings.Join(Actions(d), ", "))
		}
	}
	return t, nil
}

// Actions are the names of a dialect's calls for the option path.
func Actions(d Dialect) (names []string) {
	for _, r := range d.Routes {
		if r.Action != "" && !slices.Contains(names, r.Action) {
			names = append(names, r.Action)
		}
	}
	return names
}

func absolute(prefix, path string) string {
	if !strings.HasPrefix(path, "/") {
		path = prefix + "/" + path
	}
	return strings.TrimSuffix(path, "/")
}

func (t *Table) add(path string, to *Route) error {
	for _, other := range t.paths[path] {
		if other.Method == to.Method {
			return fmt.Errorf("path: %s %s is two calls", to.Method, path)
		}
	}
	if t.paths[path] == nil {
		t.order = append(t.order, path)
	}
	t.paths[path] = append(t.paths[path], to)
	return nil
}

// Overlap reports whether there are requests for both of two paths of tables: a parameter stands for any one segment.
func Overlap(one, other string) bool {
	a, b := strings.Split(one, "/"), strings.Split(other, "/")
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && !strings.HasPrefix(a[i], "{") && !strings.HasPrefix(b[i], "{") {
			return false
		}
	}
	return true
}

// Paths are all paths from the root, without a final slash, pages beside the calls included.
func (t Table) Paths() []string {
	all := slices.Clone(t.order)
	for path := range t.beside {
		all = append(all, strings.TrimSuffix(strings.TrimSuffix(path, "*"), "/"))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Has reports whether a path is one of the dialect's.
func (t Table) Has(path string) bool {
	if routes, _ := t.find(path); routes != nil {
		return true
	}
	rest, _ := strings.CutPrefix(path, t.prefix)
	return rest == documentPath || rest == keysPath || t.page(path) != nil
}

func (t Table) page(path string) func(x *Call) {
	for at, page := range t.beside {
		if at == path || at == strings.TrimSuffix(path, "/") || strings.HasSuffix(at, "/*") && strings.HasPrefix(path, strings.TrimSuffix(at, "*")) {
			return page
		}
	}
	return nil
}

// find returns the calls at a path. The path is taken as it is, but for one final slash.
func (t Table) find(path string) (routes []*Route, param string) {
	path = strings.TrimSuffix(path, "/")
	if routes = t.paths[path]; routes != nil && !strings.Contains(path, "{") {
		return routes, ""
	}
	for pattern, routes := range t.paths {
		before, rest, ok := strings.Cut(pattern, "{")
		if !ok {
			continue
		}
		_, after, _ := strings.Cut(rest, "}")
		if param, ok = between(path, before, after); ok {
			return routes, param
		}
	}
	return nil, ""
}

// between returns what stands in a path between two texts, as one segment.
func between(path, before, after string) (string, bool) {
	rest, ok := strings.CutPrefix(path, before)
	if ok {
		rest, ok = strings.CutSuffix(rest, after)
	}
	return rest, ok && rest != "" && !strings.Contains(rest, "/")
}
