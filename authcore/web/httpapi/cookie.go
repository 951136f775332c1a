package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/enrol"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// The names of our cookies without the prefix that https adds. A guard that meets any of them, in either variant, keeps
// it from the upstream.
const (
	accessCookie       = "gatehouse"
	refreshCookie      = "gatehouse_refresh"
	registrationCookie = "gatehouse_registration"
	linkCookie         = "gatehouse_link"
	pendingCookie      = "gatehouse_pending"
	sentCookie         = "gatehouse_sent"
	handoverCookie     = "gatehouse_handover" // and an ending, see [KeptHandover]
	hostPrefix         = "__Host-"
	maxCookieSize      = 4096 // name and value; browsers drop larger ones without a word (RFC 6265 §6.1)
)

// AccessCookie returns the name of the cookie with the access token. Over https the plain name is never read and over
// http the prefixed one never: a sibling host or a network attacker can plant a plain name, but not `__Host-` (B02).
func AccessCookie(https bool) string { return cookieName(accessCookie, https) }

// RefreshCookie returns the name of the cookie with the refresh token.
func RefreshCookie(https bool) string { return cookieName(refreshCookie, https) }

// RegistrationCookie returns the name of the cookie that proves who registered.
func RegistrationCookie(https bool) string { return cookieName(registrationCookie, https) }

func cookieName(base string, https bool) string {
	if https {
		return hostPrefix + base
	}
	return base
}

// SetSessionCookies puts both tokens into cookies that live as long as the tokens.
func SetSessionCookies(h http.Header, https bool, t session.Tokens) error {
	if err := setCookie(h, accessCookie, t.Access, t.ExpiresIn, https); err != nil {
		return err
	}
	return setCookie(h, refreshCookie, t.Refresh, t.RefreshExpiresIn, https)
}

// ClearSessionCookies tells the browser to forget both tokens.
func ClearSessionCookies(h http.Header, https bool) {
	clearCookie(h, accessCookie, https)
	clearCookie(h, refreshCookie, https)
}

// SignedOut tells a browser to forget both tokens and what it kept of private pages, so that whoever uses it next finds
// neither (B10). Cookies and storage are left out of Clear-Site-Data: they belong to the services behind the gateway too.
func SignedOut(h http.Header, https bool) {
	ClearSessionCookies(h, https)
	h.Set("Clear-Site-Data", `"cache"`)
}

// Keepsake is a cookie in which the pages keep something small for a browser between two requests.
type Keepsake struct {
	base string
	life time.Duration
}

// The keepsakes.
var (
	// KeptRegistration proves who registered, as the cookie of the API does.
	KeptRegistration = Keepsake{registrationCookie, enrol.RegistrationLifetime}
	// KeptLink is the token of a link from a mail, out of the address bar. It lives no longer than the token itself.
	KeptLink = Keepsake{linkCookie, 10 * time.Minute}
	// KeptPending is where somebody wanted to go and whose address they gave, while they look into their mail.
	KeptPending = Keepsake{pendingCookie, enrol.RegistrationLifetime}
	// KeptSent counts how often a browser was sent to sign in.
	KeptSent = Keepsake{sentCookie, 20 * time.Second}
	// KeptHandover is the verifier of a browser that asks to be handed over: one for each time that it asks, for tabs that
	// are opened together ask at the same moment. It outlives the code, which goes out at once.
	KeptHandover = Keepsake{handoverCookie, 2 * time.Minute}
)

// Read returns what the browser keeps; "" for nothing.
func (k Keepsake) Read(r *http.Request, https bool) string {
	return ReadCookie(r, cookieName(k.base, https))
}

// Set gives the browser value to keep. An error means that it is too long for a cookie.
func (k Keepsake) Set(h http.Header, https bool, value string) error {
	return setCookie(h, k.base, value, k.life, https)
}

// Clear tells the browser to forget it.
func (k Keepsake) Clear(h http.Header, https bool) { clearCookie(h, k.base, https) }

// Of returns the keepsake of one of several things of its kind; name is of letters, digits, - and _.
func (k Keepsake) Of(name string) Keepsake { return Keepsake{k.base + "_" + name, k.life} }

// Names returns what [Keepsake.Of] was given for those that the browser keeps.
func (k Keepsake) Names(r *http.Request, https bool) (names []string) {
	prefix := cookieName(k.base, https) + "_"
	for pair := range cookiePairs(r.Header) {
		full, _, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
		if name, ok := strings.CutPrefix(full, prefix); ok {
			names = append(names, name)
		}
	}
	return names
}

func setCookie(h http.Header, base, value string, lifetime time.Duration, https bool) error {
	c := newCookie(base, https)
	if len(c.Name)+1+len(value) > maxCookieSize {
		return fmt.Errorf("set cookie %s: it would be %d bytes long and no browser would keep it", c.Name, len(value))
	}
	c.Value = value
	c.MaxAge = max(1, int(lifetime/time.Second))
	putCookie(h, c)
	return nil
}

func clearCookie(h http.Header, base string, https bool) {
	c := newCookie(base, https)
	c.MaxAge = -1 // written as Max-Age=0
	putCookie(h, c)
}

// newCookie is the one place of cookie flags (B01). Lax, because the way back from a link in a mail or from an identity
// provider is a cross-site navigation that has to arrive signed in; unsafe methods are covered by [Origins] besides.
func newCookie(base string, https bool) *http.Cookie {
	return &http.Cookie{Name: cookieName(base, https), Path: "/", HttpOnly: true, Secure: https, SameSite: http.SameSiteLaxMode}
}

// putCookie replaces what was set under the name before: two Set-Cookie lines of one name have no defined winner
// (RFC 6265 §4.1.1).
func putCookie(h http.Header, c *http.Cookie) {
	kept := make([]string, 0, len(h["Set-Cookie"])+1)
	for _, line := range h["Set-Cookie"] {
		if !strings.HasPrefix(line, c.Name+"=") {
			kept = append(kept, line)
		}
	}
	h["Set-Cookie"] = append(kept, c.String())
}

// ReadCookie returns the value of the one cookie of that name; "" when there is none or more than one. Of two, one was
// planted by a sibling host or another path, and the order says nothing about which (B02).
func ReadCookie(r *http.Request, name string) string {
	found := ""
	seen := false
	for pair := range cookiePairs(r.Header) {
		n, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
		if strings.TrimRight(n, " \t") != name {
			continue
		}
		if seen {
			return ""
		}
		seen, found = true, strings.Trim(value, " \t")
	}
	return found
}

// StripOwnCookies removes our cookies in both variants from the Cookie lines of h and leaves every other byte as it is.
// It replaces the slice of values, never writes into it.
func StripOwnCookies(h http.Header) {
	lines := h["Cookie"]
	if !anyOwn(lines) {
		return
	}
	kept := make([]string, 0, len(lines))
	for _, line := range lines {
		if line = stripLine(line); strings.Trim(line, "; \t") != "" {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		h.Del("Cookie")
		return
	}
	h["Cookie"] = kept
}

// anyOwn spares requests without our cookies every allocation.
func anyOwn(lines []string) bool {
	for _, line := range lines {
		if strings.Contains(line, accessCookie) {
			return true
		}
	}
	return false
}

func stripLine(line string) string {
	size := 0
	for part := range strings.SplitSeq(line, ";") {
		if !isOwn(part) {
			size += len(part) + 1
		}
	}
	if size == len(line)+1 {
		return line
	}
	var kept strings.Builder
	kept.Grow(size) // what is left, which is far less than the tokens that go
	for part := range strings.SplitSeq(line, ";") {
		if !isOwn(part) {
			kept.WriteString(part)
			kept.WriteByte(';')
		}
	}
	return strings.TrimLeft(strings.TrimSuffix(kept.String(), ";"), " \t")
}

func isOwn(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	base := strings.TrimPrefix(strings.Trim(name, " \t"), hostPrefix)
	switch base {
	case accessCookie, refreshCookie, registrationCookie, linkCookie, pendingCookie, sentCookie:
		return true
	}
	return strings.HasPrefix(base, handoverCookie)
}

// cookiePairs yields the pairs of every Cookie line; HTTP/2 clients may send several lines (RFC 9113 §8.2.3).
func cookiePairs(h http.Header) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range h["Cookie"] {
			for pair := range strings.SplitSeq(line, ";") {
				if !yield(pair) {
					return
				}
			}
		}
	}
}
