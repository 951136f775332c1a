package caddymodule

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const journalLogin = "username=ada&password=" + testflow.Password

// TestOption_dialect_token_lifetime: a token lives as long as the option says, its session with it, and what is set at run time shows in the next one.
func TestOption_dialect_token_lifetime(t *testing.T) {
	t.Parallel()
	e := served(t, "gatehouse_dialect dev_journal {\n token_lifetime 2h\n}", testdialect.Options{})
	token := e.Want(t, 200, "POST", "/api/auth/login/", journalLogin, "")["token"].(string)
	e.Clock.Advance(2*time.Hour - time.Second)
	e.Want(t, 200, "GET", "/api/auth/user/", "", "Token "+token)
	e.Clock.Advance(time.Second)
	e.Want(t, 401, "GET", "/api/auth/user/", "", "Token "+token)

	d := dialectIn(t, "gatehouse_dialect dev_journal")
	lifetimes := d.lifetimes()
	if l := lifetimes(); l.Single != 14*24*time.Hour || l.Access != 0 || l.Refresh != 0 {
		t.Errorf("the lifetimes are %v", l)
	}
	d.app.cfg.tuning.Apply(tuning.State{Version: 1, Overrides: []tuning.Override{{Name: "dialects.dev_journal.token_lifetime", Value: "45s"}}})
	if l := lifetimes(); l.Single != 45*time.Second {
		t.Errorf("the lifetimes are %v, want that of run time", l)
	}
	if !slices.Contains(dialectSettings(), "dialects.dev_journal.token_lifetime") {
		t.Errorf("runtime_settings takes %v", dialectSettings())
	}
}

// TestTokenLifetime_Bounds: nothing keeps an idle session, or any, longer than the gateway's own settings say.
func TestTokenLifetime_Bounds(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{idleTimeout: "7d", sessionLifetime: "13d"} {
		d := dialectIn(t, "gatehouse_dialect dev_journal")
		d.app.cfg.tuning.Apply(tuning.State{Version: 1, Overrides: []tuning.Override{{Name: refreshLifetime, Value: "8d"}, {Name: name, Value: value}}})
		if l, bound := d.lifetimes()(), d.app.cfg.tuning.Duration(name)(); bound > 0 && bound < l.Single { // 0: off
			t.Errorf("%s %s: a token lives for %s", name, value, l.Single)
		}
	}
	for lifetime, fits := range map[time.Duration]bool{0: false, time.Hour + time.Second: false, time.Hour: true} {
		d, r := dialectIn(t, "gatehouse_dialect dev_journal"), &resolved{}
		if err := resolveTuning(&Settings{IdleTimeout: caddy.Duration(time.Hour)}, r); err != nil {
			t.Fatal(err)
		}
		d.app, d.module.Common().TokenLifetime = &App{cfg: r}, caddy.Duration(lifetime)
		if err := d.defineLifetimes(); (err == nil) != fits {
			t.Errorf("token_lifetime %s beside idle_timeout 1h: %v", lifetime, err)
		}
	}
	d := dialectIn(t, "gatehouse_dialect dev_journal")
	d.module.Common().AccessLifetime = 1
	if err := d.module.Common().checkFor(d.is); err == nil || !strings.Contains(err.Error(), "token_lifetime") {
		t.Errorf("a dialect with one token takes access_lifetime: %v", err)
	}
	d = dialectIn(t, "gatehouse_dialect constance_jwt")
	d.module.Common().TokenLifetime = caddy.Duration(time.Hour)
	if err := d.module.Common().checkFor(d.is); err == nil || !strings.Contains(err.Error(), "access_lifetime") {
		t.Errorf("a dialect with access and refresh tokens takes it: %v", err)
	}
}
