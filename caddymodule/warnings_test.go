package caddymodule

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// TestAddressWarnings: an address is judged the same whether the option names it or a site does.
func TestAddressWarnings(t *testing.T) {
	t.Parallel()
	const mail, plain, nowhere = "option mail is not set", "is plain http", "is not the address of a site"
	outbox := json.RawMessage(`{"sender": "outbox"}`)
	for name, c := range map[string]struct {
		issuer string // the option
		sites  []string
		any    bool
		mail   json.RawMessage
		want   []string
	}{
		"public site":                   {sites: []string{"https://app.example.com"}, want: []string{mail}},
		"public site in plain":          {sites: []string{"http://app.example.com"}, want: []string{plain, mail}},
		"one of two":                    {sites: []string{"http://localhost", "http://app.example.com"}, mail: outbox, want: []string{plain}},
		"loopback sites":                {sites: []string{"http://localhost:8080", "http://127.0.0.1:8080"}},
		"issuer in plain":               {issuer: "http://app.example.com", any: true, want: []string{plain, mail}},
		"issuer on loopback":            {issuer: "http://localhost:8080", any: true},
		"meant to stay here":            {issuer: "https://app.example.com", any: true, mail: outbox},
		"issuer is a site":              {issuer: "https://app.example.com", sites: []string{"https://x.example.com", "https://app.example.com"}, mail: outbox},
		"issuer is no site":             {issuer: "https://auth.example.com", sites: []string{"https://app.example.com"}, mail: outbox, want: []string{nowhere}},
		"another port":                  {issuer: "https://app.example.com", sites: []string{"https://app.example.com:8443"}, mail: outbox, want: []string{nowhere}},
		"https ends in front":           {issuer: "https://app.example.com", sites: []string{"http://app.example.com:8080"}, mail: outbox},
		"https ends nowhere":            {issuer: "https://localhost", sites: []string{"http://localhost:8080"}, want: []string{nowhere}},
		"whichever host a client names": {issuer: "https://app.example.com", any: true, sites: []string{"https://x.example.com"}, mail: outbox},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &App{cfg: &resolved{}}
			a.MailRaw = c.mail
			a.sites.portals, a.sites.anywhere = c.sites, c.any
			a.sites.issuers.add(c.sites)
			if c.issuer != "" {
				u, err := url.Parse(c.issuer)
				if err != nil {
					t.Fatal(err)
				}
				a.cfg.issuer = u
				a.sites.issuers.p.Store(&[]string{c.issuer})
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
