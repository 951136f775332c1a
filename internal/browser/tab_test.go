package browser

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// visit types an address and waits for the page.
func (p *tab) visit(address string) {
	p.t.Helper()
	p.do("opening a page", chromedp.Navigate(address))
}

// fill types values into fields, given as name and value in turn, in place of what stands there.
func (p *tab) fill(form string, pairs ...string) {
	p.t.Helper()
	for pair := range slices.Chunk(pairs, 2) {
		field := fmt.Sprintf("#%s [name=%q]", form, pair[0])
		p.do("typing into "+field, chromedp.Click(chromedp.CSS(field)), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(`document.querySelector(%q).select(), true`, field))); err != nil {
				return err
			}
			if pair[1] == "" {
				return chromedp.Do(ctx, chromedp.KeyEvent("\b"))
			}
			_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: pair[1]})
			return err
		}))
	}
}

// press clicks the button of a form and waits for the page it leads to. The pairs are filled in before.
func (p *tab) press(form string, pairs ...string) {
	p.t.Helper()
	p.fill(form, pairs...)
	p.click(fmt.Sprintf("#%s button", form))
}

// click clicks what a CSS selector finds, and waits for the next page.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.load("clicking on "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// follow clicks the link with this text.
func (p *tab) follow(text string) {
	p.t.Helper()
	p.load("following "+text, chromedp.Click(chromedp.Search(fmt.Sprintf(`//a[normalize-space()=%q]`, text))))
}

// load performs steps that lead to another page, and waits for it.
func (p *tab) load(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := p.limited()
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, p.describe())
	}
}

// ask evaluates an expression in the page; "" while a page is just going.
func (p *tab) ask(expression string) string {
	ctx, cancel := p.limited()
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		return ""
	}
	return text
}

// text is what somebody reads on the page, hidden parts left out.
func (p *tab) text() string { return p.ask(`document.body ? document.body.innerText : ""`) }

// address is what stands in the address bar.
func (p *tab) address() string { return p.ask(`location.href`) }

// heading is the page's first heading.
func (p *tab) heading() string {
	return p.ask(`document.querySelector("h1") ? document.querySelector("h1").innerText : ""`)
}

// see waits until the page says all of this.
func (p *tab) see(texts ...string) {
	p.t.Helper()
	eventually(p.t, func() string { return fmt.Sprintf("%q on the page\n%s", texts, p.describe()) }, func() bool {
		page := p.text()
		return !slices.ContainsFunc(texts, func(s string) bool { return !strings.Contains(page, s) })
	})
}

// at waits until the address has this path, with this heading.
func (p *tab) at(path, heading string) {
	p.t.Helper()
	eventually(p.t, func() string { return fmt.Sprintf("to be at %s, %q\n%s", path, heading, p.describe()) }, func() bool {
		u, err := url.Parse(p.address())
		return err == nil && u.Path == path && p.heading() == heading
	})
}

// query is a parameter of the address.
func (p *tab) query(name string) string {
	p.t.Helper()
	u, err := url.Parse(p.address())
	if err != nil {
		p.t.Fatal(err)
	}
	return u.Query().Get(name)
}

// back presses the browser's back button.
func (p *tab) back() {
	p.t.Helper()
	p.do("going back", chromedp.NavigateBack())
}

// history returns the addresses that the back button leads to.
func (p *tab) history() []string {
	p.t.Helper()
	ctx, cancel := p.limited()
	defer cancel()
	entries, err := chromedp.Run(ctx, chromedp.NavigationEntries())
	if err != nil {
		p.t.Fatalf("reading the history: %v", err)
	}
	var out []string
	for _, e := range entries.Entries {
		out = append(out, e.URL)
	}
	return out
}

// forget deletes cookies, as a browser does that does not keep them.
func (p *tab) forget(address string, names ...string) {
	p.t.Helper()
	for _, name := range names {
		p.do("deleting a cookie", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, network.DeleteCookies, network.DeleteCookiesParams{Name: name, URL: address})
			return err
		}))
	}
}

// plant sets a cookie.
func (p *tab) plant(address, name, value string) {
	p.t.Helper()
	p.do("setting a cookie", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: address})
		return err
	}))
}

// cookies returns those the browser would send to an address.
func (p *tab) cookies(address string) map[string]*network.Cookie {
	p.t.Helper()
	ctx, cancel := p.limited()
	defer cancel()
	got, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{address}})
	if err != nil {
		p.t.Fatalf("reading cookies: %v", err)
	}
	out := map[string]*network.Cookie{}
	for _, c := range got.Cookies {
		out[c.Name] = c
	}
	return out
}

// shoot is a picture of what is on the screen, or of the whole page, as PNG.
func (p *tab) shoot(whole bool) []byte {
	p.t.Helper()
	ctx, cancel := p.limited()
	defer cancel()
	shot := chromedp.CaptureScreenshot()
	if whole {
		shot = chromedp.FullScreenshot(100)
	}
	picture, err := chromedp.Run(ctx, shot)
	if err != nil {
		p.t.Fatalf("taking a picture: %v", err)
	}
	return picture
}

// describe tells where a test stands that fails.
func (p *tab) describe() string {
	return fmt.Sprintf("at %s:\n%s", p.address(), p.text())
}
