package httpauth

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Origins knows which other origins may act with a user's cookies (`trusted_origins`). It is the one place for CSRF
// and CORS decisions. The zero value trusts none.
type Origins struct {
	trusted map[string]bool
	forms   http.CrossOriginProtection
}

// NewOrigins takes exact origins such as https://spa.example.com or http://localhost:5173. Wildcards, paths and `null`
// are errors.
func NewOrigins(trusted []string) (*Origins, error) {
	o := &Origins{trusted: make(map[string]bool, len(trusted))}
	for _, text := range trusted {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			return nil, fmt.Errorf("trusted origin %q: it must look like https://spa.example.com", text)
		case u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#"):
			return nil, fmt.Errorf("trusted origin %q: it must end after host and port", text)
		case strings.ContainsAny(u.Host, "*% "):
			return nil, fmt.Errorf("trusted origin %q: wildcards are not possible; list every origin", text)
		}
		o.trusted[Origin(u.Scheme, u.Host)] = true
		if err := o.forms.AddTrustedOrigin(Origin(u.Scheme, u.Host)); err != nil {
			return nil, fmt.Errorf("trusted origin %q: %w", text, err)
		}
	}
	return o, nil
}

// Trusted reports whether an Origin header names a listed origin. The comparison is exact, as browsers write it (B09).
func (o *Origins) Trusted(text string) bool { return o != nil && text != "" && o.trusted[text] }

// NeedsOrigin reports whether a cookie-authenticated request must pass Check: every unsafe method, and every upgrade,
// since a WebSocket is opened by a GET that no CORS rule holds back (B11).
func NeedsOrigin(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
	default:
		return true
	}
	// HTTP/2 and HTTP/3 open WebSockets by extended CONNECT (RFC 8441), which is an unsafe method already.
	return len(r.Header["Upgrade"]) > 0
}

// Check refuses with CrossOrigin a request that another, unlisted origin made a browser send (contract §3.5). The
// browser's own Sec-Fetch-Site decides, else Origin; a request with neither is no browser's and passes. https says how
// the request came in.
func (o *Origins) Check(r *http.Request, https bool) error {
	origins, sites := r.Header["Origin"], r.Header["Sec-Fetch-Site"]
	if len(origins) > 1 || len(sites) > 1 {
		return errCrossOrigin()
	}
	if len(origins) == 1 && o.Trusted(origins[0]) {
		return nil
	}
	if len(sites) == 1 {
		// same-site is not enough: a sibling sub-domain is another party.
		if sites[0] == "same-origin" || sites[0] == "none" {
			return nil
		}
		return errCrossOrigin()
	}
	if len(origins) == 0 || origins[0] == Origin(schemeOf(https), r.Host) && r.Host != "" {
		return nil
	}
	return errCrossOrigin()
}

// CheckForm is Check for form posts, which only browsers send: one that has neither Sec-Fetch-Site nor Origin is refused
// too, for an old browser sends a foreign page's form like that (B04). It covers those that sign in: a foreign page must
// not swap the account a browser is signed in with.
func (o *Origins) CheckForm(r *http.Request, https bool) error {
	if len(r.Header["Origin"]) == 0 && len(r.Header["Sec-Fetch-Site"]) == 0 {
		return authcore.Refuse(authcore.CrossOrigin,
			"A form must come from a browser that sends Origin or Sec-Fetch-Site. Programs must send JSON with Content-Type: application/json.")
	}
	if err := o.Check(r, https); err != nil {
		return err
	}
	if err := o.forms.Check(r); err != nil {
		return errCrossOrigin()
	}
	return nil
}

func errCrossOrigin() error {
	return authcore.Refuse(authcore.CrossOrigin, "The request came from a page of another origin and was refused.")
}

func schemeOf(https bool) string {
	if https {
		return "https"
	}
	return "http"
}

// Origin writes an origin as browsers do (RFC 6454 §6.2): lower case, without the scheme's own port.
func Origin(scheme, host string) string {
	host = strings.ToLower(host)
	if name, port, err := net.SplitHostPort(host); err == nil && port == defaultPort(scheme) {
		if strings.Contains(name, ":") {
			name = "[" + name + "]"
		}
		host = name
	}
	return scheme + "://" + host
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}
