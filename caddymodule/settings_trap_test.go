package caddymodule

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// TestOption_honey_trap: there is none unless it is asked for; its block says for how long, by which field and for whom not.
func TestOption_honey_trap(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"", "honey_trap off"} {
		cfg, err := settingsFrom(t, line).resolve()
		if err != nil || cfg.trap.lifetime != 0 || len(cfg.trap.baits) > 0 || cfg.trap.field != "" {
			t.Errorf("%q: %+v (%v)", line, cfg.trap, err)
		}
	}
	cfg, err := settingsFrom(t, "honey_trap /wp-login.php /wp-admin/*").resolve()
	if err != nil || cfg.trap.lifetime != time.Hour || cfg.trap.field != "website" || len(cfg.trap.ignored) > 0 {
		t.Errorf("the defaults are %+v (%v)", cfg.trap, err)
	}
	if len(cfg.trap.baits) != 2 || !cfg.trap.baits[0].Matches("/wp-login.php") || !cfg.trap.baits[1].Matches("/wp-admin/x") {
		t.Errorf("baits are %+v", cfg.trap.baits)
	}
	cfg, err = settingsFrom(t, "honey_trap /x {\n\t\t\tlifetime 2d\n\t\t\tfield homepage\n\t\t\tignore 192.0.2.7 198.51.100.9/24 2001:db8::1/32\n\t\t}").resolve()
	ignored := []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	if err != nil || cfg.trap.lifetime != 48*time.Hour || cfg.trap.field != "homepage" || !slices.Equal(cfg.trap.ignored, ignored) {
		t.Errorf("it is %+v (%v)", cfg.trap, err)
	}
	for _, bad := range []*TrapSettings{{}, {Off: true, Baits: []string{"/x"}}, {Baits: []string{"x"}}, {Baits: []string{"/x"}, Field: "password"}, {Baits: []string{"/x"}, Ignore: []string{"host.example"}}} {
		if _, err := (&Settings{HoneyTrap: bad}).resolve(); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	a := &App{cfg: &resolved{trap: cfg.trap}}
	if err := a.checkBaits("/x"); err == nil || a.checkBaits("/auth") != nil {
		t.Errorf("a bait at the portal's prefix: %v", err)
	}
}
