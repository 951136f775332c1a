package portal_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/enrol"
	"github.com/gatehouse-auth/gatehouse/authcore/httpapi"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestZZPreview(t *testing.T) {
	var third = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "third") }))
	defer third.Close()
	chain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chain" {
			http.Redirect(w, r, strings.Replace(third.URL, "127.0.0.1", "localhost", 1), 302)
			return
		}
		fmt.Fprint(w, "second")
	}))
	defer chain.Close()
	h := build(t, plan{returns: []string{strings.TrimPrefix(chain.URL, "http://")}})
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	base := "http://" + l.Addr().String()
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Log(r.Method, r.URL, "Origin:", r.Header["Origin"], "SFS:", r.Header["Sec-Fetch-Site"], "Ref:", r.Header["Referer"])
		if !strings.HasPrefix(r.URL.Path, "/auth") {
			fmt.Fprint(w, "app")
			return
		}
		in := httpapi.Incoming{Client: authcore.Client{Addr: netip.MustParseAddr("192.0.2.7"), UserAgent: r.UserAgent(), Issuer: base, Portal: base + "/auth"}}
		h.both.ServeHTTP(w, r.WithContext(httpapi.WithIncoming(r.Context(), in)))
	}))
	h.Person(t, enrol.Registering{Email: email, Username: "ada", FirstName: "Ada", LastName: "Lovelace"})
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	actx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	defer cancel()
	ctx, cancel := chromedp.NewContext(actx)
	defer cancel()
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	shot := func(name string) {
		for _, w := range []int64{360, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
				if err != nil {
					t.Fatal(err)
				}
				if err := chromedp.Do(ctx, chromedp.EmulateViewport(w, 800)); err != nil {
					t.Fatal(err)
				}
				png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				os.WriteFile(fmt.Sprintf("/tmp/shots/%s-%d-%s.png", name, w, scheme), png, 0o644)
			}
		}
	}
	do := func(a ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		tctx, c := context.WithTimeout(ctx, 20*time.Second)
		defer c()
		if err := chromedp.Do(tctx, a...); err != nil {
			t.Error(err)
		}
		loc, _ := chromedp.Run(ctx, chromedp.Location())
		t.Log("at", loc)
	}
	os.MkdirAll("/tmp/shots", 0o755)
	css := func(s string) chromedp.CSS { return chromedp.CSS(s) }
	do(chromedp.Navigate(base + "/auth/register"))
	shot("register")
	do(chromedp.SendKeys(css("#email"), "bob@exa"), chromedp.SendKeys(css("#password"), "abc"), chromedp.Submit(css("#password")), chromedp.Query(css("#alert")))
	shot("register-error")
	do(chromedp.Clear(css("#email")), chromedp.SendKeys(css("#email"), "bob@example.com"), chromedp.SendKeys(css("#password"), testflow.Password), chromedp.Submit(css("#password")), chromedp.Query(css("#otp")))
	shot("verify")
	do(chromedp.Navigate(h.Mail(t, "bob@example.com", authcore.MailVerify).Link))
	shot("verify-link")
	do(chromedp.Navigate(base + "/auth/login?rd=%2Fwanted"))
	shot("login")
	do(chromedp.SendKeys(css("#login"), "ada"), chromedp.SendKeys(css("#password"), "wrong"), chromedp.Submit(css("#password")), chromedp.Query(css("#alert")))
	shot("login-error")
	do(chromedp.SendKeys(css("#password"), testflow.Password), chromedp.Submit(css("#password")))
	time.Sleep(1500 * time.Millisecond)
	do()
	shot("after-login")
	do(chromedp.Navigate(base + "/auth/login"))
	do(chromedp.Navigate(base + "/auth/account"))
	shot("account")
	do(chromedp.Submit(css("#current_password")), chromedp.Query(css("#alert")))
	shot("account-error")
	do(chromedp.Navigate(base + "/auth/login?rd=%2Fx"))
	do(chromedp.Navigate(base + "/auth/login?rd=%2Fx"))
	do(chromedp.Navigate(base + "/auth/login?rd=%2Fx"))
	shot("circle-in")
	do(chromedp.Navigate(base+"/auth/logout"), chromedp.Click(css("#logout-form button")))
	time.Sleep(500 * time.Millisecond)
	do()
	shot("signed-out")
	for i := 0; i < 3; i++ {
		do(chromedp.Navigate(base + "/auth/login?rd=%2Fy"))
	}
	shot("circle-out")
	do(chromedp.Navigate(base + "/auth/nothing"))
	shot("missing")
	do(chromedp.Navigate(base + "/auth/password/forgot"))
	shot("forgot")
	do(chromedp.SendKeys(css("#login"), "ada"), chromedp.Submit(css("#login")), chromedp.Query(css("#otp")))
	shot("reset")
	// chain
	for _, p := range []string{"/plain", "/chain"} {
		h.Clock.Advance(time.Minute)
		do(chromedp.Navigate(base+"/auth/logout"), chromedp.Click(css("#logout-form button")))
		time.Sleep(300 * time.Millisecond)
		do(chromedp.Navigate(base+"/auth/login?rd="+chain.URL+p), chromedp.SendKeys(css("#login"), "ada"), chromedp.SendKeys(css("#password"), testflow.Password), chromedp.Submit(css("#password")))
		time.Sleep(1500 * time.Millisecond)
		body, _ := chromedp.Run(ctx, chromedp.Text(css("body")))
		t.Log("CHAIN", p, body)
		do()
	}
}
