package httpauth

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// BrowserHost returns host[:port] as the browser knows it; front is the issuer's. The name is always that of the Host header: which
// names there are the configuration says (R01), and nobody is led to one that only a header names (C13). Only the port is in
// question, and what a proxy says of it counts only where Caddy trusts that proxy (P09).
func BrowserHost(r *http.Request, https, trusted bool, front string) string {
	at := url.URL{Host: r.Host}
	name, host := at.Hostname(), r.Host
	if said := r.Header["X-Forwarded-Host"]; trusted && len(said) == 1 {
		if to := (&url.URL{Host: said[0]}); strings.EqualFold(to.Hostname(), name) && validPort(to.Port()) == to.Port() && !strings.ContainsAny(said[0], ", ") {
			if to.Port() != "" {
				return said[0]
			}
			host = said[0]
		}
	}
	if port := (&url.URL{Host: host}).Port(); port != "" && port != localPort(r) {
		return host
	}
	// The other scheme's own port is no answer: the proxy speaks of another hop than the browser's.
	if said := r.Header["X-Forwarded-Port"]; trusted && len(said) == 1 && validPort(said[0]) != "" && said[0] != defaultPort(schemeOf(!https)) {
		if said[0] == defaultPort(schemeOf(https)) { // browsers leave out the scheme's own
			return WithPort(name, "")
		}
		return WithPort(name, said[0])
	}
	issuer := &url.URL{Host: front}
	switch own := strings.EqualFold(issuer.Hostname(), name); {
	case r.TLS != nil || !https:
		return host
	case own:
		return WithPort(name, issuer.Port())
	case host == r.Host && at.Port() != "": // no browser speaks https to where plain http is listened for
		return WithPort(name, issuer.Port())
	}
	return host
}

// validPort returns a port that is one; else "".
func validPort(port string) string {
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return ""
	}
	return port
}

// WithPort puts a port, which may be empty, behind a host name or the address of one.
func WithPort(name, port string) string {
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if port == "" {
		return name
	}
	return name + ":" + port
}

// localPort is the one on which the request arrived; "" where it came over no network.
func localPort(r *http.Request) string {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return ""
	}
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return ""
	}
	return port
}
