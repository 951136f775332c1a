package httpauth

import (
	"net/http"
	"net/url"
	"strings"
)

// What a guard answers itself on every host that it guards: no service behind it sees requests to these.
const (
	HostPrefix   = "/.gatehouse"
	HandoverPath = HostPrefix + "/handover"
	SignOutPath  = HostPrefix + "/sign-out"
)

// OriginOf returns the origin that a request came to, as browsers write it.
func OriginOf(r *http.Request, https bool) string { return Origin(schemeOf(https), r.Host) }

// HostOf returns the host that a request came to, as scheme://name in lower case. A port makes no other host: cookies do not
// know ports (RFC 6265 §8.5), so what a browser has got at one it brings to all.
func HostOf(r *http.Request, https bool) string {
	return schemeOf(https) + "://" + strings.ToLower((&url.URL{Host: r.Host}).Hostname())
}

// SentTo returns the host that a request names, with its port, in lower case; "" for what is no host. Its sender chooses it: it is for
// people to read, and nothing may be decided by it.
func SentTo(r *http.Request) string {
	host := strings.ToLower(r.Host)
	if len(host) > maxHost || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]") != "" {
		return ""
	}
	return host
}

// maxHost is the longest name in the DNS (RFC 1035 §2.3.4), and a port.
const maxHost = 253 + len(":65535")

// OtherOrigin returns the origin that back, which [CheckReturn] has accepted, leads to, if that is on another host than the
// request came to; else "". A port makes no other host: cookies do not know ports (RFC 6265 §8.5), so a browser that is signed
// in here is so there.
func OtherOrigin(r *http.Request, back string) string {
	to, err := url.Parse(back)
	if err != nil || to.Host == "" {
		return ""
	}
	here, err := url.Parse("http://" + r.Host)
	if err == nil && strings.EqualFold(here.Hostname(), to.Hostname()) {
		return ""
	}
	return Origin(to.Scheme, to.Host)
}
