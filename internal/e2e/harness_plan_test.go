package e2e

import (
	"cmp"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

// plan is what a test wants otherwise than the default Caddyfile. In every text <port>, <port2>, <port3> are free ports,
// <upstream> is host:port of the upstream, <dir> the gateway's folder.
type plan struct {
	caddy    string   // lines of Caddy's global options
	global   string   // lines of the gatehouse block
	guard    string   // lines of the gatehouse_guard block
	site     string   // in place of the default site; the sites as a whole
	admin    string   // address of the admin endpoint, in place of a Unix socket
	dataDir  string   // in place of <dir>/data
	postgres bool     // a fresh Postgres database in place of SQLite
	limits   bool     // keep the default rate limits; without it those that global does not name are off
	clock    bool     // its clock can be moved: gateway.advance
	hashes   bool     // password hashes cost what they cost in a release
	env      []string // more environment, NAME=value
	binary   string   // a program of another release
	failing  bool     // do not wait until it is ready: it is expected to refuse
}

const defaultSite = `http://127.0.0.1:<port> {
	gatehouse
	gatehouse_guard {
		<guard>
	}
	reverse_proxy <upstream>
}
`

var limitNames = []string{"login", "mfa", "register", "verify", "forgot", "refresh", "token_verify", "secure", "mail"}

// program is the binary that the plan asks for.
func (p plan) program() (string, error) {
	switch {
	case p.binary != "":
		return p.binary, nil
	case p.hashes && !p.clock:
		return gatehousetest.Release()
	}
	return gatehousetest.TestBuild()
}

// caddyfile writes the plan out; the placeholders are left in.
func (p plan) caddyfile() string {
	var b strings.Builder
	b.WriteString("{\n\tadmin " + cmp.Or(p.admin, "unix/<dir>/admin.sock|0600") + "\n\tpersist_config off\n\tauto_https disable_redirects\n")
	if !strings.Contains(p.caddy, "grace_period") {
		b.WriteString("\tgrace_period 10s\n")
	}
	b.WriteString(p.caddy + "\n\tgatehouse {\n\t\tdata_dir " + cmp.Or(p.dataDir, "<dir>/data") + "\n")
	if p.postgres {
		b.WriteString("\t\tdatabase {env.TEST_DATABASE}\n\t\tsecret {env.TEST_SECRET}\n")
	}
	for _, name := range limitNames {
		if !p.limits && !strings.Contains(p.global, "rate_limit "+name+" ") {
			b.WriteString("\t\trate_limit " + name + " off\n")
		}
	}
	b.WriteString(p.global + "\n\t}\n}\n")
	site := p.site
	if site == "" {
		site = defaultSite
	}
	b.WriteString(strings.ReplaceAll(site, "<guard>", p.guard))
	return b.String()
}
