package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestShapes(t *testing.T) {
	t.Parallel()
	methods := func(receiver string, first, last int) string {
		var b strings.Builder
		b.WriteString("package p\n\n")
		for i := first; i <= last; i++ {
			fmt.Fprintf(&b, "func (%s) m%d() {}\n", receiver, i)
		}
		return b.String()
	}
	port := func(name string, n int, more string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "package p\n\nimport q %q\n\nvar _ q.X\n\ntype %s interface {\n%s", project+"a/q", name, more)
		for i := range n {
			fmt.Fprintf(&b, "\tM%d()\n", i)
		}
		return b.String() + "}\n"
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"at the limit":      {map[string]string{"a/x.go": methods("t", 1, 30)}, nil},
		"over it, in files": {map[string]string{"a/x.go": methods("t *t", 1, 15), "a/y.go": methods("t t[K]", 16, 31)}, []string{"a/x.go:3: type a.t has 31 methods, 30 are the limit"}},
		"two types":         {map[string]string{"a/x.go": methods("t", 1, 20), "b/x.go": methods("t", 1, 20)}, nil},
		"tests":             {map[string]string{"a/x.go": methods("t", 1, 20), "a/x_test.go": methods("t", 21, 40)}, nil},
		"port at the limit": {map[string]string{"a/x.go": port("P", 12, "")}, nil},
		"port over it":      {map[string]string{"a/x.go": port("P", 13, "")}, []string{"a/x.go:7: interface a.P has 13 methods, 12 are the limit"}},
		"by embedding": {map[string]string{"a/x.go": port("P", 1, "\tQ\n\tq.R\n"), "a/y.go": port("Q", 6, ""), "a/q/z.go": port("R", 6, "")},
			[]string{"a/x.go:7: interface a.P has 13 methods, 12 are the limit"}},
		"a foreign one": {map[string]string{"a/x.go": port("P", 12, "\thttp.Handler\n")}, nil},
		"from before":   {map[string]string{"caddymodule/x.go": methods("g *Guard", 1, 35)}, nil},
		"larger yet":    {map[string]string{"caddymodule/x.go": methods("g *Guard", 1, 36)}, []string{"caddymodule/x.go:3: type caddymodule.Guard has 36 methods, 35 are the limit"}},
		"the store":     {map[string]string{"authcore/platform/sqlstore/x.go": methods("s *Store", 1, 60)}, nil},
		"the sum":       {map[string]string{"authcore/platform/storetest/x.go": port("Store", 40, "")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := fstest.MapFS{}
			for file, text := range c.files {
				tree[file] = &fstest.MapFile{Data: []byte(text)}
			}
			got, err := inspect(tree)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}
