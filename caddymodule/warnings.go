package caddymodule

import (
	"fmt"
	"net/url"
	"strings"
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
			warnings = append(warnings, issuer+" is plain http on a host that is not loopback: tokens and passwords travel in clear "+
				"and cookies are not Secure")
		}
	}
	if len(a.MailRaw) == 0 && public > 0 {
		warnings = append(warnings, "option mail is not set: codes and links are written to files below data_dir and reach nobody; "+
			"set mail smtp …")
	}
	if a.cfg.issuer == nil {
		return warnings
	}
	if sites := a.sites.elsewhere(a.cfg.issuer); len(sites) > 0 {
		warnings = append(warnings, fmt.Sprintf("issuer %s is the address of no site with `gatehouse` (sites: %s): links in mails lead "+
			"to %[1]s, which is right only if something in front of Gatehouse answers there", a.cfg.issuer, strings.Join(sites, ", ")))
	}
	return warnings
}
