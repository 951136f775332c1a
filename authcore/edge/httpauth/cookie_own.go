package httpauth

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// Strip removes from the Cookie lines of h our cookies in both variants, and those that hold one of our tokens, whatever they
// are named: a prefix that was changed leaves some on browsers, and so does another gateway on the host (B02). owns is
// [Authenticator.OwnsToken]. Every other byte stays. It replaces the slice of values, never writes into it, and reports whether it has.
func (j *Jar) Strip(h http.Header, owns func(token string) bool) (changed bool) {
	var kept []string
	lines := h["Cookie"]
	for i, line := range lines {
		left := j.stripLine(line, owns)
		if !changed && len(left) < len(line) {
			changed, kept = true, append(make([]string, 0, len(lines)), lines[:i]...)
		}
		if changed && strings.Trim(left, "; \t") != "" {
			kept = append(kept, left)
		}
	}
	switch {
	case !changed:
	case len(kept) == 0:
		delete(h, "Cookie")
	default:
		h["Cookie"] = kept
	}
	return changed
}

func (j *Jar) stripLine(line string, owns func(token string) bool) string {
	size := 0
	for part := range strings.SplitSeq(line, ";") {
		if !j.holdsOwn(part, owns) {
			size += len(part) + 1
		}
	}
	if size == len(line)+1 {
		return line
	}
	var kept strings.Builder
	kept.Grow(size) // what is left, which is far less than the tokens that go
	for part := range strings.SplitSeq(line, ";") {
		if !j.holdsOwn(part, owns) {
			kept.WriteString(part)
			kept.WriteByte(';')
		}
	}
	return strings.TrimLeft(strings.TrimSuffix(kept.String(), ";"), " \t")
}

// shortest is what no token of ours is as short as.
const shortest = len(session.Prefix) + 16

func (j *Jar) holdsOwn(pair string, owns func(token string) bool) bool {
	name, value, named := strings.Cut(pair, "=")
	if !named {
		value = name
	}
	if j.owns(trim(name)) {
		return true
	}
	// Our tokens begin with the prefix of one or with a JSON object in base64.
	if len(value) <= shortest || !strings.Contains(value, session.Prefix) && !strings.Contains(value, session.DevicePrefix) && !strings.Contains(value, "ey") {
		return false
	}
	if ownsWord(value, owns) {
		return true
	}
	decoded, err := url.PathUnescape(value) // as frameworks do before they look
	return err == nil && decoded != value && ownsWord(decoded, owns)
}

// ownsWord reports whether any word of a text is a token of ours, whatever stands around it: quotes, brackets, a scheme, a comma
// by which a proxy has joined lines.
func ownsWord(text string, owns func(token string) bool) bool {
	for text != "" {
		end := strings.IndexFunc(text, func(c rune) bool { return !inToken(c) })
		if end < 0 {
			end = len(text)
		}
		if end > shortest && owns(text[:end]) {
			return true
		}
		text = text[min(end+1, len(text)):]
	}
	return false
}

func inToken(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

// owns reports whether a cookie's name is one of ours, in either variant and any case: browsers and frameworks differ in which
// of these they hold for one (RFC 6265bis §5.7).
func (j *Jar) owns(name string) bool {
	if cut, ok := cutFold(name, hostPrefix); ok {
		name = cut
	}
	ending, ok := cutFold(name, j.prefix)
	if !ok {
		return false
	}
	for _, several := range []string{handoverEnding, socialEnding} {
		if _, ok := cutFold(ending, several); ok {
			return true
		}
	}
	for _, one := range endings {
		if strings.EqualFold(ending, one) {
			return true
		}
	}
	return false
}

func cutFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// trim removes blanks, and control characters, at which some browsers cut a line off.
func trim(s string) string {
	return strings.TrimFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f })
}

// Sets reports whether a line of Set-Cookie sets one of our cookies, as anybody may read it: with blanks around the name, in
// another case, without a name (what is kept of "=gatehouse=x" goes out as "gatehouse=x"), or behind a comma. A service that
// could set one would sign its visitors in as whom it likes, or out, on every service behind the gateway.
func (j *Jar) Sets(line string) bool {
	for cookie := range strings.SplitSeq(line, ",") {
		pair, _, _ := strings.Cut(cookie, ";")
		pair = strings.TrimLeftFunc(pair, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '=' })
		name, _, _ := strings.Cut(pair, "=")
		if j.owns(trim(name)) {
			return true
		}
	}
	return false
}

// Own returns those lines of Set-Cookie of an answer that set our cookies.
func (j *Jar) Own(h http.Header) (own []string) {
	for _, line := range h["Set-Cookie"] {
		if j.Sets(line) {
			own = append(own, line)
		}
	}
	return own
}

// Keep leaves of our cookies on an answer what own sets, in front of the service's.
func (j *Jar) Keep(h http.Header, own []string) {
	lines, foreign := h["Set-Cookie"], 0
	for _, line := range lines {
		if !j.Sets(line) {
			foreign++
		}
	}
	if len(own) == 0 && foreign == len(lines) {
		return
	}
	kept := append(make([]string, 0, len(own)+foreign), own...)
	for _, line := range lines {
		if !j.Sets(line) {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(h, "Set-Cookie")
		return
	}
	h["Set-Cookie"] = kept
}

// OwnsToken reports whether a token is this gateway's, good or not: a refresh token or that of a device by its prefix, any other by the key that it
// names, by its kind, or by its issuer. It is for keeping tokens from services; nobody is let in by it.
func (a *Authenticator) OwnsToken(raw string) bool {
	return strings.HasPrefix(raw, session.Prefix) || strings.HasPrefix(raw, session.DevicePrefix) || a.cfg.Verifier.Names(raw, a.cfg.Issuers()) || a.cfg.Dialects().Owns(raw)
}

// OwnsAny is [Authenticator.OwnsToken] for any word of a line of Authorization, whatever scheme it stands under; under Basic also
// for what is encoded: programs send a token as its password.
func OwnsAny(line string, owns func(token string) bool) bool {
	if token, ok := bearer(strings.Trim(line, " \t")); ok && len(token) > shortest && owns(token) {
		return true // nearly always, where it is ours
	}
	if scheme, encoded, ok := strings.Cut(strings.TrimLeft(strings.ReplaceAll(line, "\t", " "), " "), " "); ok && strings.EqualFold(scheme, "basic") {
		if pair, _ := base64.StdEncoding.DecodeString(strings.Trim(encoded, " ")); ownsWord(string(pair), owns) {
			return true
		}
	}
	return ownsWord(line, owns)
}

// ClearDeadCookies tells a browser to forget those of the session's cookies that this gateway has issued. Another gateway's on the same host
// are not known to be dead: cookies do not know ports (RFC 6265 §8.5).
//
// A refresh token tells by its MAC whose it is, whichever keys have been replaced since. An access token has a key that may be
// gone; then it is what its refresh token is, with which it was set, or else left to expire.
func (a *Authenticator) ClearDeadCookies(h http.Header, r *http.Request, j *Jar) {
	access, refresh := ReadCookie(r, j.access), ReadCookie(r, j.refresh)
	ours := refresh != "" && a.cfg.Sessions.Issued(refresh)
	if ours || access != "" && a.cfg.Verifier.Issued(access, authcore.SessionCookie) != nil {
		j.clear(h, accessEnding)
	}
	if ours {
		j.clear(h, refreshEnding)
	}
}
