package browser

import (
	"bytes"
	"context"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestScreenshots: the pictures of the README show the product as it is. With -args -write they are made anew; without
// it is checked that they are there, in their size, and light.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "docs", "screenshots")
	if *write {
		takeScreenshots(t, folder)
		takeConsole(t, folder)
	}
	for _, name := range []string{"sign-in.png", "account.png", "sessions.png", "history.png", "console.png", "console-users.png"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatalf("%v; make it with: go test -run TestScreenshots ./internal/browser -args -write", err)
		}
		picture, err := png.DecodeConfig(bytes.NewReader(text))
		if err != nil || picture.Width != 1280 || picture.Height != 800 || len(text) > 150<<10 {
			t.Errorf("%s: %dx%d, %d bytes, %v", name, picture.Width, picture.Height, len(text), err)
		}
	}
}

func takeScreenshots(t *testing.T, folder string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	g, p := start(t, text), open(t, way{})
	keep := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), p.shoot(false), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p.callItself("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	p.visit(g.origin() + "/")
	p.at("/auth/login", "Sign in")
	p.fill("login-form", "login", "ada@example.com", "password", password)
	keep("sign-in.png")
	p.join(g, g.origin(), "ada@example.com")
	q := open(t, way{})
	q.callItself("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36")
	q.visit(g.origin() + "/auth/login")
	q.signIn("ada@example.com", password)
	q.at("/auth/account", "Your account")
	p.visit(g.origin() + "/auth/account")
	keep("account.png")
	p.visit(g.origin() + "/auth/account/sessions")
	keep("sessions.png")
	p.visit(g.origin() + "/auth/account/history")
	keep("history.png")
}

// callItself makes the browser give another name.
func (p *tab) callItself(agent string) {
	p.t.Helper()
	p.do("changing the name", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent})
		return err
	}))
}
