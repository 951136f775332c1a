package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestConsole: an administrator who is not signed in comes back to the console; every page of its navigation, of one account, block or
// setting, and for a new one, in both widths, light and dark, has nothing that axe finds and is not wider than the screen; the keyboard
// alone reaches everything, asks what becomes of a request, and changes an account.
func TestConsole(t *testing.T) {
	t.Parallel()
	text, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	address := newAddress()
	g := start(t, strings.Replace(text, "gatehouse {", "gatehouse {\n\t\tadmins "+address, 1))
	open(t, way{}).join(g, g.origin(), address)
	for _, w := range []way{{}, {phone: true}} {
		p := open(t, w)
		p.visit(g.origin() + "/auth/console?span=week")
		p.signIn(address, password)
		p.at("/auth/console", "Dashboard")
		if !strings.HasSuffix(p.address(), "?span=week") {
			t.Errorf("led to %s", p.address())
		}
		eventually(t, p.describe, func() bool {
			p.visit(g.origin() + "/auth/console")
			return strings.Contains(p.text(), "Sign-ins by result")
		})
		pages := strings.Fields(p.ask(`[...document.querySelectorAll("nav:first-of-type a[href*='/console']")].map(a => a.href).join(" ")`))
		for _, at := range append(pages, g.origin()+"/auth/console/users/new", g.origin()+"/auth/console/users/number:1", g.origin()+"/auth/console/users/number:1/edit", g.origin()+"/auth/console/invitations/new",
			g.origin()+"/auth/console/blocks/new", g.origin()+"/auth/console/settings/access_lifetime") {
			p.visit(at)
			p.ask(`document.querySelectorAll("details").forEach(d => d.open = true), ""`)
			name := "console" + strings.ReplaceAll(strings.TrimPrefix(at, g.origin()+"/auth/console"), "/", "-")
			p.looksRight(t, w, name)
		}
		p.visit(g.origin() + "/auth/console/explain")
		p.tabTo(`document.activeElement.name === "url"`)
		p.load("asking by keyboard", chromedp.KeyEvent(g.origin()+"/"+kb.Enter))
		p.see("A sign-in is asked for (401, authentication_required)", "Caddyfile:", "Step by step")
		p.looksRight(t, w, "console-explained")
		p.visit(g.origin() + "/auth/console/users/number:1/edit")
		p.tabTo(`document.activeElement.name === "first_name"`)
		p.load("changing a name by keyboard", chromedp.KeyEvent("Ada"+kb.Enter))
		p.at("/auth/console/users/number:1", address)
		p.see("The account has been changed.", "Ada")
		p.followsLive(t, w, g.origin())
		if w.phone {
			continue
		}
		p.visit(g.origin() + "/auth/console")
		p.tabTo(`document.activeElement.innerText === "30 days"`)
		p.load("choosing by keyboard", chromedp.KeyEvent(kb.Enter))
		p.at("/auth/console", "Dashboard")
		p.tabTo(`document.activeElement.tagName === "SUMMARY"`)
		p.do("opening by keyboard", chromedp.KeyEvent(kb.Enter))
		if p.ask(`String(document.querySelector("details").open)`) != "true" {
			t.Error("the table of the first chart did not open")
		}
	}
}

// tabTo presses Tab until the expression is true.
func (p *tab) tabTo(expression string) {
	p.t.Helper()
	for range 200 {
		if p.ask(`String(`+expression+`)`) == "true" {
			return
		}
		p.do("pressing Tab", chromedp.KeyEvent(kb.Tab))
	}
	p.t.Fatalf("the keyboard does not reach %s", expression)
}
