package httpauth

import (
	"net/netip"
	"net/url"
	"path"
	"strings"
)

// maxReturnURL is the longest return URL that is looked at.
const maxReturnURL = 2048

// ReturnRules says where a browser may be sent after a sign-in.
type ReturnRules struct {
	Host   string   // host[:port] the request came to; it is always allowed
	HTTPS  bool     // how the request came in
	Hosts  []string // other hosts (`redirect_hosts` and guarded ones), as [HostAllowed] reads them
	Prefix string   // Gatehouse's own path prefix: sending a browser back into it could sign it out, or in circles
	Own    string   // the path below Prefix of pages that a browser may be sent back to all the same; "" for none
}

// leadsToOwn reports whether u is one of those pages of ours, in the spelling that nobody reads otherwise. They do nothing when they
// are looked at.
func (rules ReturnRules) leadsToOwn(u *url.URL) bool {
	return rules.Own != "" && u.Scheme == "" && u.RawPath == "" && path.Clean(u.Path) == u.Path &&
		!strings.ContainsAny(u.Path, ";%") && HasPrefix(rules.Prefix+rules.Own, u.Path)
}

// DropReason says why nobody is led to where they wanted to go after a sign-in.
type DropReason string

// The reasons; "" is none.
const (
	NoReturn      DropReason = "none"   // they wanted nothing in particular
	LongReturn    DropReason = "long"   // longer than is looked at
	BrokenReturn  DropReason = "broken" // not one address to everybody who reads it
	OwnReturn     DropReason = "own"    // a page of the sign-in itself
	ForeignReturn DropReason = "host"   // on a host that the configuration does not name
	PlainReturn   DropReason = "http"   // over http, where that is neither loopback nor how they came
)

// CheckReturn is the one check of every "return to" parameter (C13). It accepts a path of this host that begins with one
// slash, and absolute URLs whose host and port are listed: https, or http on a loopback host, or http on this
// very host when the request itself came over http. What it returns is written anew from the parsed parts, so the
// browser reads what was checked and no other spelling of it. Everything else is dropped; then the caller goes to a place of
// its own.
func CheckReturn(raw string, rules ReturnRules) (back string, why DropReason) {
	switch {
	case raw == "":
		return "", NoReturn
	case len(raw) > maxReturnURL:
		return "", LongReturn
	case !plainASCII(raw):
		return "", BrokenReturn
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || !safePath(u.EscapedPath(), "") {
		return "", BrokenReturn
	}
	if u.Scheme == "" {
		if u.Host != "" || raw[0] != '/' || strings.HasPrefix(raw, "//") {
			return "", BrokenReturn
		}
	} else {
		u.Host = strings.ToLower(u.Host)
		if why := dropHost(u, raw, rules); why != "" {
			return "", why
		}
	}
	if !safePath(u.EscapedPath(), rules.Prefix) && !rules.leadsToOwn(u) {
		return "", OwnReturn
	}
	return u.String(), ""
}

// plainASCII refuses what parsers read differently: blanks and control characters (dropped by browsers), backslashes
// (slashes to browsers), and everything beyond ASCII (normalised into ASCII by some).
func plainASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}

// safePath looks at a path in the spelling it has and decoded once and twice, since the upstream or a proxy before it
// may decode once more than we do.
func safePath(escaped, prefix string) bool {
	text := escaped
	for range 3 {
		if !safeSpelling(text, prefix) {
			return false
		}
		decoded, err := url.PathUnescape(text)
		if err != nil {
			return text != escaped // the second decoding may meet a literal %, the first may not
		}
		text = decoded
	}
	return true
}

func safeSpelling(path, prefix string) bool {
	if strings.HasPrefix(path, "//") || strings.Contains(path, `\`) {
		return false
	}
	for i := range len(path) {
		if path[i] < ' ' || path[i] == 0x7f {
			return false
		}
	}
	for segment := range strings.SplitSeq(path, "/") {
		// Some servers cut `;…` from a segment before they resolve dots.
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
			return false
		}
	}
	return prefix == "" || !hasPrefixFold(prefix, path)
}

// HasPrefix reports whether a path belongs to Gatehouse when it is mounted at prefix. Everything under the prefix does,
// known or not. The path is compared as it came, decoded once and not cleaned: /auth/healthz/../admin is neither
// healthz nor admin (P11, P17).
func HasPrefix(prefix, path string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// hasPrefixFold is HasPrefix without regard to case, empty segments and path parameters.
func hasPrefixFold(prefix, path string) bool {
	var clean strings.Builder
	for segment := range strings.SplitSeq(path, "/") {
		if name, _, _ := strings.Cut(segment, ";"); name != "" {
			clean.WriteString("/" + strings.ToLower(name))
		}
	}
	return HasPrefix(strings.ToLower(prefix), clean.String())
}

func dropHost(u *url.URL, raw string, rules ReturnRules) DropReason {
	// The authority must be spelled as it is read: nothing before an @, no escapes.
	_, rest, _ := strings.Cut(raw, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if u.Host == "" || strings.ToLower(rest) != u.Host {
		return BrokenReturn
	}
	want := Origin(u.Scheme, u.Host)
	switch u.Scheme {
	case "https":
	case "http":
		own := !rules.HTTPS && rules.Host != "" && want == Origin("http", rules.Host)
		if !own && !IsLoopback(u.Hostname()) {
			return PlainReturn
		}
	default:
		return BrokenReturn
	}
	if rules.Host != "" && want == Origin(u.Scheme, rules.Host) || HostAllowed(u.Scheme, u.Host, rules.Hosts) {
		return ""
	}
	return ForeignReturn
}

// HostAllowed reports whether a host[:port], asked for by a scheme, is one of a list. An entry is host[:port], where no port means
// the scheme's own, and may begin with https:// to be for that scheme alone. An asterisk in it stands for one label of
// letters, digits, hyphens and underscores.
func HostAllowed(scheme, host string, list []string) bool {
	for _, entry := range list {
		listed, secure := strings.CutPrefix(entry, "https://")
		if listed == "" || secure && scheme != "https" {
			continue
		}
		want, got := Origin(scheme, listed), Origin(scheme, host)
		if strings.Contains(listed, "*") && matchesWildcard(want, got) || want == got && !strings.Contains(got, "*") {
			return true
		}
	}
	return false
}

// matchesWildcard reports whether an origin is one that another with wildcards stands for. What a wildcard leaves open anybody fills in,
// so it is made of what names of hosts are, and no parser sees another host in it.
func matchesWildcard(pattern, got string) bool {
	wantScheme, wantHost, _ := strings.Cut(pattern, "://")
	gotScheme, gotHost, _ := strings.Cut(got, "://")
	wantName, wantPort, wantColon := strings.Cut(wantHost, ":")
	gotName, gotPort, gotColon := strings.Cut(gotHost, ":")
	odd := strings.ContainsFunc(gotName, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
	})
	return !odd && wantScheme == gotScheme && wantColon == gotColon && wantPort == gotPort && MatchesHost(wantName, gotName)
}

// MatchesHost is Caddy's rule for the addresses of sites: an asterisk stands for one label. name is in lower case.
func MatchesHost(pattern, name string) bool {
	want, got := strings.Split(strings.ToLower(pattern), "."), strings.Split(name, ".")
	if len(want) != len(got) {
		return false
	}
	for i, label := range want {
		if label != got[i] && (label != "*" || got[i] == "") {
			return false
		}
	}
	return true
}

// IsLoopback reports whether a host, in lower case and without a port, can only be the machine of who asks: localhost and the names
// below it (RFC 6761 §6.3), and loopback addresses.
func IsLoopback(name string) bool {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && addr.IsLoopback()
}
