package browser

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// complaints collects what a page may not do by its content security policy, and the errors of its scripts.
const complaints = `window.complaints = [];
addEventListener("securitypolicyviolation", e => complaints.push(e.violatedDirective + " " + e.blockedURI + " " + e.sourceFile));
addEventListener("error", e => complaints.push(String(e.message)));
addEventListener("unhandledrejection", e => complaints.push(String(e.reason)));`

// TestDocs: the page of the API shows every call and makes them, with the cookies of who is signed in and with a bearer token
// that is typed in, under a policy that allows no inline code; nobody else is asked for anything.
func TestDocs(t *testing.T) {
	t.Parallel()
	g, p := shared(t), open(t, way{})
	address := newAddress()
	p.join(g, g.origin(), address)
	p.do("listening for complaints", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: complaints})
		return err
	}))
	p.visit(g.origin() + "/auth/docs")
	p.see("Gatehouse", "/auth/openapi.json", "Sign in with a password", "/sessions/{id}", "Service endpoints")
	p.snap("docs")

	p.expand("get-me")
	p.execute("get-me")
	p.answered("get-me", http.StatusOK, `"email": "`+address+`"`)
	p.snap("docs-me")

	// An unsafe method: the browser says that it comes from here.
	p.expand("post-sessions-revoke")
	p.prepare("post-sessions-revoke", `{"others":true}`)
	p.execute("post-sessions-revoke")
	p.answered("post-sessions-revoke", http.StatusOK, `"revoked": 0`)

	p.authorize(g.token(t, address))
	p.forget(g.origin(), "gatehouse", "gatehouse_refresh")
	p.execute("get-me")
	p.answered("get-me", http.StatusOK, `"email": "`+address+`"`)
	p.authorize("nonsense")
	p.execute("get-me")
	p.answered("get-me", http.StatusUnauthorized, `"code": "invalid_token"`)
	p.snap("docs-refused")

	if found := p.ask(`complaints.join("\n")`); found != "" || p.ask(`String(Array.isArray(complaints))`) != "true" {
		t.Errorf("the page complains:\n%s", found)
	}
	asked := slices.DeleteFunc(p.net.addresses(), func(a string) bool { return strings.HasPrefix(a, "data:") }) // the style sheet's icons
	if others := foreign(asked, g.origin()); len(others) != 0 {
		t.Errorf("third parties were asked: %q", others)
	}
}

// TestDocs_PolicyHolds: a script that somebody brings into the page is not run, so the silence above means something.
func TestDocs_PolicyHolds(t *testing.T) {
	t.Parallel()
	g, p := shared(t), open(t, way{})
	p.do("listening for complaints", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: complaints})
		return err
	}))
	p.visit(g.origin() + "/auth/docs")
	p.see("Sign in with a password")
	p.ask(`(() => { const s = document.createElement("script"); s.textContent = "window.ran = true"; document.body.append(s); return "" })()`)
	p.ask(`(() => { document.body.insertAdjacentHTML("beforeend", "<p style='color:red'>x</p>"); return "" })()`)
	eventually(t, func() string { return "two complaints\n" + p.ask(`complaints.join("\n")`) }, func() bool {
		found := p.ask(`complaints.join("\n")`)
		return strings.Contains(found, "script-src") && strings.Contains(found, "style-src")
	})
	if p.ask(`String(window.ran)`) != "undefined" {
		t.Error("an inline script ran")
	}
}

const block = ".opblock[id$='"

// within is a selector inside the block of a call.
func within(call, selector string) string { return block + call + "'] " + selector }

// expand opens the block of a call, ready to be tried.
func (p *tab) expand(call string) {
	p.t.Helper()
	p.do("opening "+call,
		chromedp.Click(chromedp.CSS(within(call, ".opblock-summary-control"))),
		chromedp.Click(chromedp.CSS(within(call, ".try-out__btn"))))
}

// prepare puts a body into the form of a call.
func (p *tab) prepare(call, body string) {
	p.t.Helper()
	p.typeInto(within(call, ".body-param__text"), body)
}

// typeInto replaces what stands in a field of a page that keeps its state in scripts.
func (p *tab) typeInto(field, text string) {
	p.t.Helper()
	name, err := json.Marshal(field)
	if err != nil {
		p.t.Fatal(err)
	}
	value, err := json.Marshal(text)
	if err != nil {
		p.t.Fatal(err)
	}
	p.do("waiting for "+field, chromedp.WaitVisible(chromedp.CSS(field)))
	got := p.ask(`(() => {
		const f = document.querySelector(` + string(name) + `);
		Object.getOwnPropertyDescriptor(Object.getPrototypeOf(f), "value").set.call(f, ` + string(value) + `);
		f.dispatchEvent(new Event("input", {bubbles: true}));
		return f.value;
	})()`)
	if got != text {
		p.t.Fatalf("%s holds %q", field, got)
	}
}

func (p *tab) execute(call string) {
	p.t.Helper()
	p.do("executing "+call, chromedp.Click(chromedp.CSS(within(call, ".btn.execute"))))
}

// answered waits until a call shows a status and a text.
func (p *tab) answered(call string, status int, text string) {
	p.t.Helper()
	live := `(document.querySelector("` + within(call, ".live-responses-table") + `") || {innerText: ""}).innerText`
	eventually(p.t, func() string { return call + " shows\n" + p.ask(live) }, func() bool {
		shown := p.ask(live)
		return strings.Contains(shown, text) && strings.Contains(shown, strconv.Itoa(status))
	})
}

// authorize types a bearer token into the dialog of the page, in place of the one before.
func (p *tab) authorize(token string) {
	p.t.Helper()
	p.do("opening the dialog", chromedp.Click(chromedp.CSS(".auth-wrapper .authorize")))
	p.do("waiting for it", chromedp.WaitVisible(chromedp.CSS(".modal-ux")))
	if p.ask(`String(!!document.querySelector("#auth-bearer-value"))`) != "true" { // it holds one already
		p.do("taking the old one out", chromedp.Click(chromedp.CSS(".auth-container:has(h6) .auth-btn-wrapper .btn")))
	}
	p.typeInto("#auth-bearer-value", token)
	p.do("authorizing", chromedp.Click(chromedp.CSS(".auth-container:has(#auth-bearer-value) .authorize")))
	p.do("closing the dialog", chromedp.Click(chromedp.CSS(".modal-ux .close-modal")))
}

// token signs in as a program does.
func (g *gateway) token(t testing.TB, address string) string {
	t.Helper()
	res, err := http.Post(g.origin()+"/auth/login", "application/json", strings.NewReader(`{"login":"`+address+`","password":"`+password+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var pair struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&pair); err != nil || pair.Token == "" {
		t.Fatalf("signing in: %d, %v", res.StatusCode, err)
	}
	return pair.Token
}

// snap leaves a picture in the folder of -look.
func (p *tab) snap(name string) {
	p.t.Helper()
	if *look == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*look, name+".png"), p.shoot(false), 0o600); err != nil {
		p.t.Fatal(err)
	}
}
