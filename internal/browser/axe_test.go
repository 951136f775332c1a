package browser

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

//go:embed testdata/axe.min.js.gz
var axePacked []byte

var axeSource = sync.OnceValues(func() (string, error) {
	r, err := gzip.NewReader(bytes.NewReader(axePacked))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
})

// What axe looks for. Which colours a reader prefers changes colours alone.
const (
	everyRule   = `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}`
	colourRules = `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`
)

// axe returns what axe-core finds on the page. Its script comes in past the page's policy, as a debugger's does.
func (p *tab) axe(rules string) []string {
	p.t.Helper()
	source, err := axeSource()
	if err != nil {
		p.t.Fatalf("reading axe-core: %v", err)
	}
	if p.ask(`typeof window.axe`) != "object" {
		p.do("loading axe-core", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](source+"\n;true"))
			return err
		}))
	}
	ctx, cancel := p.limited()
	defer cancel()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[axeResult](`axe.run(document, {runOnly: `+rules+`, resultTypes: ["violations"]}).then(r => ({
		rules: r.passes.length + r.incomplete.length + r.inapplicable.length + r.violations.length,
		violations: r.violations.map(v => v.id + " (" + v.help + "): " + v.nodes.map(n => n.target.join(" ") + " – " + n.failureSummary).join("; ")),
	}))`, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("asking axe-core: %v", err)
	}
	if result.Rules == 0 {
		p.t.Fatal("axe-core looked at nothing")
	}
	return result.Violations
}

type axeResult struct {
	Rules      int      `json:"rules"`
	Violations []string `json:"violations"`
}

// TestAxe_Finds: the tests that find nothing would find something.
func TestAxe_Finds(t *testing.T) {
	t.Parallel()
	g, p := shared(t), open(t, way{})
	p.visit(g.origin() + "/auth/login")
	p.ask(`document.querySelector("label").remove(), document.querySelector("h1").style.color = "#ddd", ""`)
	found := strings.Join(p.axe(everyRule), "\n")
	for _, want := range []string{"label (", "color-contrast ("} {
		if !strings.Contains(found, want) {
			t.Errorf("%s was not found: %s", want, found)
		}
	}
}

// get fetches a page, or, with a mark, what the address behind the mark leads to.
func get(t testing.TB, address, mark string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", address, resp.StatusCode, err)
	}
	if mark == "" {
		return body
	}
	_, rest, ok := strings.Cut(string(body), mark)
	path, _, closed := strings.Cut(rest, `"`)
	if !ok || !closed {
		t.Fatalf("%s has no %s", address, mark)
	}
	return get(t, fmt.Sprintf("%s://%s%s", req.URL.Scheme, req.URL.Host, path), "")
}
