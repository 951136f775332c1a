package caddymodule

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// servesAs reports whether a site can be what browsers know as the issuer: it is that very origin, or serves plain http under
// the name of an issuer whose https ends at a proxy. Nobody puts a proxy before loopback.
func servesAs(site string, issuer *url.URL) bool {
	if site == issuer.String() {
		return true
	}
	u, err := url.Parse(site)
	return err == nil && u.Scheme == "http" && issuer.Scheme == "https" && u.Hostname() == issuer.Hostname() && !isLoopback(u.Hostname())
}

// leavingWarnings tells that a reload leads away from the database that the present configuration has. One that was moved, or is reached
// by another address, has the same keys, and nobody is signed out.
func (a *App) leavingWarnings(before *App) []string {
	if before == nil || before.node == a.node {
		return nil
	}
	told := func(of *App) []byte { return of.core.Load().ring.MACKey("which database").MAC(nil).Bytes() }
	if bytes.Equal(told(before), told(a)) {
		return nil
	}
	return []string{fmt.Sprintf("this configuration has a different database from the previous one: everyone who was signed in is signed out, "+
		"and the accounts of %s are not those of %s; if you did not mean that, restore data_dir and database and reload", before.place(), a.place())}
}

// place names the database without a password.
func (a *App) place() string {
	if a.cfg.sqlitePath != "" {
		return a.cfg.sqlitePath
	}
	return sqldb.Name(a.database)
}

// addressWarnings tells what is questionable about the addresses under which people sign in, whether `issuer` names them or
// the sites do.
func (a *App) addressWarnings() (warnings []string) {
	public := 0
	for _, issuer := range a.issuers() {
		u, err := url.Parse(issuer)
		if err != nil || isLoopback(u.Hostname()) {
			continue
		}
		public++
		if u.Scheme == "http" {
			warnings = append(warnings, issuer+" is plain http on a host that is not loopback: tokens and passwords are sent unencrypted "+
				"and cookies are not Secure")
		}
	}
	if !a.cfg.mailSet && public > 0 {
		warnings = append(warnings, "option mail is not set: codes and links are written to files in data_dir and reach nobody; "+
			"set mail smtp …")
	}
	if a.cfg.issuer == nil {
		return warnings
	}
	if a.sites.behindUnknown(a.cfg.issuer) {
		warnings = append(warnings, fmt.Sprintf("issuer %s is https, but a site with `gatehouse` serves plain http and trusted_proxies is not set: "+
			"everyone behind the proxy has its address and shares one rate limit; write servers { trusted_proxies static <the proxy's address> }", a.cfg.issuer))
	}
	if sites := a.sites.elsewhere(a.cfg.issuer); len(sites) > 0 {
		warnings = append(warnings, fmt.Sprintf("issuer %s is not the address of a site with `gatehouse` (sites: %s): links in mails lead "+
			"to %[1]s, which works only if something in front of Gatehouse answers there", a.cfg.issuer, strings.Join(sites, ", ")))
	}
	return warnings
}

// withOwner adds to the error of a file that the process may not use who the process is, and the cure.
func (r *resolved) withOwner(err error) error {
	var denied *fs.PathError
	uid := os.Getuid()
	if !errors.As(err, &denied) || !errors.Is(denied, fs.ErrPermission) || uid < 0 { // Windows has no uid
		return err
	}
	what := denied.Path
	if within, relErr := filepath.Rel(r.dataDir, what); relErr == nil && filepath.IsLocal(within) {
		what = r.dataDir
	}
	if _, missing := os.Lstat(what); errors.Is(missing, fs.ErrNotExist) {
		return fmt.Errorf("%w; the gateway runs as uid %d: make %s for it with install -d -o %[2]d -m 700 %[3]s", err, uid, what)
	}
	return fmt.Errorf("%w; the gateway runs as uid %d: make %s its own with chown -R %[2]d %[3]s", err, uid, what)
}
