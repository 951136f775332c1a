package caddymodule

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAddressWarnings: an address is judged the same whether the option names it or a site does.
func TestAddressWarnings(t *testing.T) {
	t.Parallel()
	const mail, plain, nowhere, blind = "option mail is not set", "is plain http", "is not the address of a site", "trusted_proxies is not set"
	for name, c := range map[string]struct {
		issuer string // the option
		sites  []string
		any    bool
		trusts bool // of the sites' server
		mail   bool
		want   []string
	}{
		"public site":                   {sites: []string{"https://app.example.com"}, want: []string{mail}},
		"public site in plain":          {sites: []string{"http://app.example.com"}, want: []string{plain, mail}},
		"one of two":                    {sites: []string{"http://localhost", "http://app.example.com"}, mail: true, want: []string{plain}},
		"loopback sites":                {sites: []string{"http://localhost:8080", "http://127.0.0.1:8080"}},
		"issuer in plain":               {issuer: "http://app.example.com", any: true, want: []string{plain, mail}},
		"issuer on loopback":            {issuer: "http://localhost:8080", any: true},
		"meant to stay here":            {issuer: "https://app.example.com", any: true, mail: true},
		"issuer is a site":              {issuer: "https://app.example.com", sites: []string{"https://x.example.com", "https://app.example.com"}, mail: true},
		"issuer is no site":             {issuer: "https://auth.example.com", sites: []string{"https://app.example.com"}, mail: true, want: []string{nowhere}},
		"another port":                  {issuer: "https://app.example.com", sites: []string{"https://app.example.com:8443"}, mail: true, want: []string{nowhere}},
		"https ends in front":           {issuer: "https://app.example.com", sites: []string{"http://app.example.com:8080"}, mail: true, want: []string{blind}},
		"https ends at a known proxy":   {issuer: "https://app.example.com", sites: []string{"http://app.example.com:8080"}, trusts: true, mail: true},
		"a known proxy changes ports":   {issuer: "https://app.example.com", sites: []string{"https://app.example.com:8443"}, trusts: true, mail: true},
		"a known proxy of another name": {issuer: "https://auth.example.com", sites: []string{"http://app.example.com"}, trusts: true, mail: true, want: []string{nowhere}},
		"all in plain":                  {issuer: "http://app.example.com", sites: []string{"http://app.example.com"}, mail: true, want: []string{plain}},
		"https ends nowhere":            {issuer: "https://localhost", sites: []string{"http://localhost:8080"}, want: []string{nowhere}},
		"whichever host a client names": {issuer: "https://app.example.com", any: true, sites: []string{"https://x.example.com"}, mail: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &App{cfg: &resolved{mailSet: c.mail}}
			a.sites.portals, a.sites.anywhere = c.sites, c.any
			a.sites.addProxied(c.sites, c.trusts)
			if c.issuer != "" {
				u, err := url.Parse(c.issuer)
				if err != nil {
					t.Fatal(err)
				}
				a.cfg.issuer = u
				a.sites.issuers.Add([]string{c.issuer})
			} else {
				a.sites.issuers.Add(c.sites)
			}
			got := a.addressWarnings()
			if len(got) != len(c.want) {
				t.Fatalf("warns %q, want %q", got, c.want)
			}
			for i, part := range c.want {
				if !strings.Contains(got[i], part) {
					t.Errorf("warns %q, want %q", got[i], part)
				}
			}
		})
	}
}

// TestWithOwner: who may not use a file is told who it is and what helps: for data_dir as a whole, or for the file elsewhere.
func TestWithOwner(t *testing.T) {
	t.Parallel()
	there, alone := t.TempDir(), filepath.Join(t.TempDir(), "users.db")
	if err := os.WriteFile(alone, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(there, "missing")
	for _, c := range []struct{ dataDir, path, cure string }{
		{there, filepath.Join(there, "secret"), fmt.Sprintf("chown -R %d %s", os.Getuid(), there)},
		{there, alone, fmt.Sprintf("chown -R %d %s", os.Getuid(), alone)},
		{missing, filepath.Join(missing, "secret"), fmt.Sprintf("install -d -o %d -m 700 %s", os.Getuid(), missing)},
	} {
		cfg := &resolved{dataDir: c.dataDir}
		err := fmt.Errorf("read: %w", &fs.PathError{Op: "open", Path: c.path, Err: fs.ErrPermission})
		if got := cfg.withOwner(err); !errors.Is(got, err) || !strings.HasSuffix(got.Error(), c.cure) {
			t.Errorf("%v, want %s", got, c.cure)
		}
	}
	cfg := &resolved{dataDir: there}
	err := &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}
	if got := cfg.withOwner(err); !errors.Is(got, err) || got.Error() != err.Error() {
		t.Error(got)
	}
}

// TestReadPlaceholders_SaysWhy: what gives no value is not set, unreadable or empty, and the error says which.
func TestReadPlaceholders_SaysWhy(t *testing.T) {
	t.Setenv("TEST_EMPTY", "")
	for given, want := range map[string]string{
		"{env.TEST_NOT_SET_AT_ALL}":      "{env.TEST_NOT_SET_AT_ALL} is not set",
		"{env.TEST_EMPTY}":               "{env.TEST_EMPTY} is empty",
		"{file./nowhere/secret}":         "no such file",
		"{file." + written(t, nil) + "}": " is empty",
	} {
		if _, err := readPlaceholders(given); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", given, err)
		}
	}
}

// TestDataDir_NoHome: without a home the default folder depends on where the gateway is started, which is told.
func TestDataDir_NoHome(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_DATA_HOME", "")
	for line, want := range map[string]bool{"": true, "data_dir " + t.TempDir(): false} {
		cfg, err := settingsFrom(t, line).resolve()
		if err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(strings.Join(cfg.warnings, " "), "neither HOME nor XDG_DATA_HOME is set"); told != want {
			t.Errorf("%q: %q", line, cfg.warnings)
		}
	}
}
