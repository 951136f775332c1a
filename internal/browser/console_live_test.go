package browser

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// followsLive has the page of events show what happens, by the keyboard alone, and stop: where some events fit, and where none did yet.
func (p *tab) followsLive(t *testing.T, w way, origin string) {
	t.Helper()
	p.visit(origin + "/auth/console/events?kind=session.sign_in_failed&ip=127.0.0.1")
	p.tabTo(`document.activeElement.innerText === "Follow live"`)
	p.do("following by keyboard", chromedp.KeyEvent(kb.Enter))
	p.see("Following: events appear as they happen.")
	resp, err := http.Post(origin+"/auth/login", "application/json", strings.NewReader(`{"login":"<b>nobody</b>@example.com","password":"wrong"}`))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	p.see("New events: 1", "session.sign_in_failed", "invalid_credentials", "127.0.0.1")
	p.looksRight(t, w, "console-events-live")
	p.do("stopping by keyboard", chromedp.KeyEvent(kb.Enter))
	p.see("Stopped.")
}
