package httpauth

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
)

// What the names of our cookies end in. They begin with the prefix of the gateway, and over https with "__Host-" before it.
const (
	accessEnding       = ""
	refreshEnding      = "_refresh"
	registrationEnding = "_registration"
	linkEnding         = "_link"
	pendingEnding      = "_pending"
	loopEnding         = "_sent"
	deviceEnding       = "_device"
	mfaEnding          = "_mfa"
	bindingEnding      = "_code"
	socialEnding       = "_social"   // and an ending, see [SocialCookie]
	handoverEnding     = "_handover" // and an ending, see [HandoverCookie]
	hostPrefix         = "__Host-"
	maxCookieSize      = 4096 // name and value; browsers drop larger ones without a word (RFC 6265 §6.1)
)

var endings = [...]string{accessEnding, refreshEnding, registrationEnding, linkEnding, pendingEnding, loopEnding, deviceEnding, mfaEnding, bindingEnding, socialEnding, handoverEnding}

// DefaultCookiePrefix begins the names of the cookies of a gateway that is given no other prefix.
const DefaultCookiePrefix = "gatehouse"

// CookieEnding returns with which ending of our cookies' names a prefix ends, so that it would be such a name of another
// gateway; "" for none.
func CookieEnding(prefix string) string {
	for _, several := range []string{handoverEnding, socialEnding} {
		if at := strings.Index(strings.ToLower(prefix), several); at > 0 {
			return prefix[at:]
		}
	}
	for _, ending := range endings[1:] {
		if cut := len(prefix) - len(ending); cut > 0 && strings.EqualFold(prefix[cut:], ending) {
			return prefix[cut:]
		}
	}
	return ""
}

// Jar is the cookies of one gateway as one scheme has them. Over https the plain names are never read and over http the
// prefixed ones never: a sibling host or a network attacker can plant a plain name, but not `__Host-` (B02).
type Jar struct {
	prefix          string // the gateway's
	https           bool
	access, refresh string // names
}

// NewJar returns the jar of the gateway with a prefix; "" is the default.
func NewJar(prefix string, https bool) *Jar {
	j := &Jar{prefix: cmp.Or(prefix, DefaultCookiePrefix), https: https}
	j.access, j.refresh = j.name(accessEnding), j.name(refreshEnding)
	return j
}

// Access returns the name of the cookie with the access token.
func (j *Jar) Access() string { return j.access }

// Refresh returns the name of the cookie with the refresh token.
func (j *Jar) Refresh() string { return j.refresh }

// HasSession reports whether a browser sends a token of ours, good or not.
func (j *Jar) HasSession(r *http.Request) bool {
	return ReadCookie(r, j.access) != "" || ReadCookie(r, j.refresh) != ""
}

func (j *Jar) name(ending string) string {
	if j.https {
		return hostPrefix + j.prefix + ending
	}
	return j.prefix + ending
}

// SetSession puts both tokens into cookies that live as long as the tokens, or as long as the browser does where it is not to
// remember the session; and the token of the device into one for the next sign-in.
func (j *Jar) SetSession(h http.Header, t session.Tokens) error {
	access, refresh := t.ExpiresIn, t.RefreshExpiresIn
	if t.Session.ShortLived {
		access, refresh = untilClosed, untilClosed
	}
	if err := j.set(h, accessEnding, t.Access, access); err != nil {
		return err
	}
	if err := j.set(h, refreshEnding, t.Refresh, refresh); err != nil {
		return err
	}
	if t.DeviceToken == "" || t.Session.ShortLived {
		return nil
	}
	return DeviceCookie.Set(h, j, t.DeviceToken)
}

// ClearSession tells the browser to forget both tokens.
func (j *Jar) ClearSession(h http.Header) {
	j.clear(h, accessEnding)
	j.clear(h, refreshEnding)
}

// LoopCookieLife is how long [LoopCookie] lives: somebody may type a password at each turn.
const LoopCookieLife = 2 * time.Minute

// FlowCookie is a cookie in which the pages keep something small for a browser between two requests.
type FlowCookie struct {
	base string
	life time.Duration
}

// The cookies of the flows.
var (
	// RegistrationCookie proves who registered, as the cookie of the API does.
	RegistrationCookie = FlowCookie{registrationEnding, signup.RegistrationLifetime}
	// LinkCookie is the token of a link from a mail, out of the address bar. It lives no longer than the token itself.
	LinkCookie = FlowCookie{linkEnding, 10 * time.Minute}
	// PendingCookie is where somebody wanted to go and whose address they gave, while they look into their mail.
	PendingCookie = FlowCookie{pendingEnding, signup.RegistrationLifetime}
	// LoopCookie counts how often a browser was sent to a page in vain, see [IsRedirectLoop].
	LoopCookie = FlowCookie{loopEnding, LoopCookieLife}
	// DeviceCookie is by what a browser is known again at its next sign-in.
	DeviceCookie = FlowCookie{deviceEnding, authcore.DeviceLifetime}
	// MFACookie is the token of a sign-in that waits for a second step. It lives longer than any of them.
	MFACookie = FlowCookie{mfaEnding, 24 * time.Hour}
	// BindingCookie is by what a link in a mail knows the browser that asked for it. It lives longer than any of them.
	BindingCookie = FlowCookie{bindingEnding, 24 * time.Hour}
	// SocialCookie is what a browser keeps of its ways to identity providers: one for each that is under way, since several tabs may be, and
	// [SocialToken] for a sign-in that lacks something.
	SocialCookie = FlowCookie{socialEnding, 15 * time.Minute}
	// HandoverCookie is the verifier of a browser that asks to be handed over: one for each time that it asks, for tabs that
	// are opened together ask at the same moment. It outlives the code, which goes out at once.
	HandoverCookie = FlowCookie{handoverEnding, 2 * time.Minute}
)

// SocialToken is the name of the [SocialCookie] with the token of a sign-in that lacks something.
const SocialToken = "0"

// Name returns the cookie's name.
func (k FlowCookie) Name(j *Jar) string { return j.name(k.base) }

// Read returns what the browser keeps; "" for nothing.
func (k FlowCookie) Read(r *http.Request, j *Jar) string { return ReadCookie(r, k.Name(j)) }

// Set gives the browser value to keep. An error means that it is too long for a cookie.
func (k FlowCookie) Set(h http.Header, j *Jar, value string) error {
	return j.set(h, k.base, value, k.life)
}

// Clear tells the browser to forget it.
func (k FlowCookie) Clear(h http.Header, j *Jar) { j.clear(h, k.base) }

// Of returns the cookie of one of several things of its kind; name is of letters, digits, - and _.
func (k FlowCookie) Of(name string) FlowCookie { return FlowCookie{k.base + "_" + name, k.life} }

// Names returns what [FlowCookie.Of] was given for those that the browser keeps.
func (k FlowCookie) Names(r *http.Request, j *Jar) (names []string) {
	prefix := j.name(k.base) + "_"
	for pair := range cookiePairs(r.Header) {
		full, _, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
		if name, ok := strings.CutPrefix(full, prefix); ok {
			names = append(names, name)
		}
	}
	return names
}

// untilClosed is the life of a cookie that ends with the browser: it has no Max-Age.
const untilClosed time.Duration = 0

func (j *Jar) set(h http.Header, ending, value string, lifetime time.Duration) error {
	c := j.cookie(ending)
	if len(c.Name)+1+len(value) > maxCookieSize {
		return fmt.Errorf("set cookie %s: it would be %d bytes long and no browser would keep it", c.Name, len(value))
	}
	c.Value = value
	if lifetime != untilClosed {
		c.MaxAge = max(1, int(lifetime/time.Second))
	}
	putCookie(h, c)
	return nil
}

func (j *Jar) clear(h http.Header, ending string) {
	c := j.cookie(ending)
	c.MaxAge = -1 // written as Max-Age=0
	putCookie(h, c)
}

// cookie is the one place of cookie flags (B01). Lax, because the way back from a link in a mail or from an identity
// provider is a cross-site navigation that has to arrive signed in; unsafe methods are covered by [Origins] besides.
func (j *Jar) cookie(ending string) *http.Cookie {
	return &http.Cookie{Name: j.name(ending), Path: "/", HttpOnly: true, Secure: j.https, SameSite: http.SameSiteLaxMode}
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
