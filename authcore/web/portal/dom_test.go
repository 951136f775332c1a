package portal_test

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// all returns the elements of a name, in order.
func (a *answer) all(name string) []*html.Node {
	a.Helper()
	if a.tree == nil {
		tree, err := html.Parse(strings.NewReader(a.body))
		if err != nil {
			a.Fatal(err)
		}
		a.tree = tree
	}
	var found []*html.Node
	for n := range a.tree.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			found = append(found, n)
		}
	}
	return found
}

func attr(n *html.Node, name string) string {
	for _, at := range n.Attr {
		if at.Key == name {
			return at.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(at html.Attribute) bool { return at.Key == name })
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// field returns the value of the input of a name; its absence ends the test.
func (a *answer) field(name string) string {
	a.Helper()
	for _, in := range a.all("input") {
		if attr(in, "name") == name {
			return attr(in, "value")
		}
	}
	a.Fatalf("no field %s:\n%s", name, a.body)
	return ""
}

func (a *answer) noField(name string) *answer {
	a.Helper()
	for _, in := range a.all("input") {
		if attr(in, "name") == name {
			a.Fatalf("there is a field %s:\n%s", name, a.body)
		}
	}
	return a
}

// heading returns the heading of the page.
func (a *answer) heading() string {
	a.Helper()
	h := a.all("h1")
	if len(h) != 1 {
		a.Fatalf("%d headings:\n%s", len(h), a.body)
	}
	return text(h[0])
}
