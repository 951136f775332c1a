package browser

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

// startChromium starts the browser with a first window, which nobody uses and which keeps it alive.
func startChromium(path string) (context.Context, func(), error) {
	work, err := gatehousetest.Work()
	if err != nil {
		return nil, nil, err
	}
	data := filepath.Join(work, "chromium")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(data), chromedp.DisableGPU, chromedp.IgnoreCertErrors,
		// What the browser's own services ask for is not the pages' doing.
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Env("HOME="+data, "LANGUAGE=en", "LANG=C.UTF-8"))
	if os.Geteuid() == 0 { // Chromium refuses its sandbox to root
		options = append(options, chromedp.NoSandbox)
	}
	all, stopAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(all)
	if err := chromedp.Do(ctx); err != nil {
		stop()
		stopAll()
		return nil, nil, err
	}
	return ctx, func() {
		_ = chromedp.Cancel(ctx)
		stopAll()
	}, nil
}

// way is how somebody browses. The zero value is a desktop in English.
type way struct {
	phone    bool   // 360 px wide, else 1280
	dark     bool   // prefers a dark look
	noScript bool   // has JavaScript switched off
	language string // Accept-Language; "" for English
}

func (w way) String() string {
	parts := []string{"1280", "light", "script", w.language}
	if w.phone {
		parts[0] = "360"
	}
	if w.dark {
		parts[1] = "dark"
	}
	if w.noScript {
		parts[2] = "no script"
	}
	if w.language == "" {
		parts[3] = "en"
	}
	return strings.Join(parts, " ")
}

// tab is one person's browser: a profile of its own with one window.
type tab struct {
	t   testing.TB
	ctx context.Context
	net *traffic
}

// open gives a person a fresh browser, which ends with the test.
func open(t testing.TB, w way) *tab {
	t.Helper()
	browser, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	seen := &traffic{}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(seen.record))
	t.Cleanup(cancel)
	p := &tab{t: t, ctx: ctx, net: seen}
	p.do("opening a window", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error { return w.set(ctx) }))
	return p
}

func (w way) set(ctx context.Context) error {
	width, height := int64(1280), int64(800)
	options := []chromedp.EmulateViewportOption{}
	if w.phone {
		width, height, options = 360, 740, append(options, chromedp.EmulateMobile)
	}
	language := w.language
	if language == "" {
		language = "en"
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		return err
	}
	if err := chromedp.Do(ctx, w.scheme()); err != nil {
		return err
	}
	if _, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
		Headers: network.Headers{"Accept-Language": language},
	}); err != nil {
		return err
	}
	if w.noScript {
		if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
			return err
		}
	}
	return chromedp.Do(ctx, chromedp.EmulateViewport(width, height, options...))
}

// scheme tells the page which colours somebody prefers.
func (w way) scheme() chromedp.Action[chromedp.Void] {
	value := "light"
	if w.dark {
		value = "dark"
	}
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}},
		})
		return err
	})
}

// withoutCache makes every page load all it needs.
func (p *tab) withoutCache() {
	p.t.Helper()
	p.do("switching the cache off", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
		return err
	}))
}

// traffic is everything a tab has asked the network for.
type traffic struct {
	mu       sync.Mutex
	asked    []string // addresses, in order
	received int64    // bytes, headers included, since the last call of weigh
}

func (s *traffic) record(event any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		s.asked = append(s.asked, e.Request.URL)
	case *network.EventLoadingFinished:
		s.received += int64(e.EncodedDataLength)
	}
}

// addresses returns what was asked for so far.
func (s *traffic) addresses() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// weigh returns the bytes received since the last call.
func (s *traffic) weigh() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.received
	s.received = 0
	return n
}

// patience is how long one step may take on a machine that does other work.
const patience = 2 * time.Minute

// limited bounds one step: a browser that hangs ends the test, not the run.
func (p *tab) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, patience)
}

// do performs steps, or ends the test.
func (p *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	// The first run of a context must not end: the window would go with it.
	if err := chromedp.Do(p.ctx); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
	ctx, cancel := p.limited()
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, p.describe())
	}
}
