package caddymodule

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

var (
	placeholder     = regexp.MustCompile(`\{[^{}]*\}`)
	wholeSecret     = regexp.MustCompile(`^\{(env|file)\.[^{}\s]+\}$`)
	readPlaceholder = regexp.MustCompile(`^\{(env|file)\.[^{}]+\}$`)
	cookiePrefix    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,31}$`)
	hostName        = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)
)

// hasPlaceholder reports whether a value is known only once the environment and files are read.
func hasPlaceholder(v string) bool { return strings.ContainsAny(v, "{}") }

// checkPlaceholders admits {env.*} and {file.*} only: no other placeholder has a value when Gatehouse starts.
func checkPlaceholders(v string) error {
	for _, p := range placeholder.FindAllString(v, -1) {
		if !readPlaceholder.MatchString(p) {
			return fmt.Errorf("%s has no value at start; write {env.NAME} or {file./path}", p)
		}
	}
	if strings.ContainsAny(placeholder.ReplaceAllString(v, ""), "{}\x00\n\r") {
		return errors.New("it has a stray brace or a control character")
	}
	return nil
}

// checkDatabase judges the form of the URL. Its errors never show the URL, which may hold a password.
func checkDatabase(v string, secretGiven bool) error {
	if v == "" {
		return nil
	}
	if err := checkPlaceholders(v); err != nil {
		return errors.New("its placeholders must be {env.NAME} or {file./path}")
	}
	if isPostgres(v) {
		return checkPostgres(v, secretGiven)
	}
	if hasPlaceholder(v) {
		return nil
	}
	if path, ok := strings.CutPrefix(v, "sqlite:"); ok {
		return checkSQLitePath(path)
	}
	if strings.Contains(v, "/") && !strings.ContainsAny(v, ":@?") || strings.HasSuffix(v, ".db") && !strings.ContainsAny(v, ":@?") {
		return fmt.Errorf("to use a file, write sqlite: before it: sqlite:%s", v)
	}
	return errors.New("it must be sqlite:<path> or postgres://<user>@<host>/<database>")
}

// sslModes are the values of sslmode, by which a connection to Postgres is encrypted.
var sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// checkPostgres judges what of a URL is written out: often its password alone is a placeholder.
func checkPostgres(v string, secretGiven bool) error {
	if _, err := url.Parse(v); err != nil && !hasPlaceholder(v) { // the error repeats the URL
		return errors.New("the postgres:// URL is malformed; percent-encode special characters in user and password")
	}
	_, query, _ := strings.Cut(v, "?")
	params, _ := url.ParseQuery(query)
	if mode := params.Get("sslmode"); !hasPlaceholder(mode) && oneOf(mode, sslModes...) != nil {
		return fmt.Errorf("sslmode must be one of: %s", strings.Join(sslModes, ", "))
	}
	if !secretGiven {
		return errors.New("the option secret is needed with Postgres, the same on every node; write secret {env.GATEHOUSE_SECRET} and set it to at least 32 random bytes, for example from: openssl rand -base64 32")
	}
	return nil
}

func isPostgres(v string) bool {
	return strings.HasPrefix(v, "postgres://") || strings.HasPrefix(v, "postgresql://")
}

func checkSQLitePath(path string) error {
	switch {
	case path == "":
		return errors.New("sqlite: needs a path, such as sqlite:/var/lib/gatehouse/gatehouse.db")
	case strings.HasPrefix(path, "//"), strings.HasPrefix(path, "file:"), strings.ContainsAny(path, "?#"):
		return errors.New("what follows sqlite: must be a plain file path, such as sqlite:/var/lib/gatehouse/gatehouse.db")
	case strings.HasPrefix(path, ":"):
		return errors.New("accounts must be stored in a file; a database in memory would lose them")
	}
	return nil
}

// checkSecret refuses secrets written out: Caddy keeps the configuration in its autosave file and shows it in its admin
// API. The error never shows the value.
func checkSecret(v string) error {
	if !wholeSecret.MatchString(v) {
		return errors.New("give each secret as one {env.NAME} or {file./path}, not as plain text: Caddy saves and shows the configuration unencrypted ({$NAME} counts as plain text, because it is replaced while the file is read)")
	}
	return nil
}

func checkIssuer(v string) error {
	if err := checkPlaceholders(v); err != nil {
		return err
	}
	if v == "" || hasPlaceholder(v) {
		return nil
	}
	_, err := parseOrigin(v)
	return err
}

// checkTrustedOrigin admits plain http on loopback only: on any other host whoever is on the path speaks for the origin.
func checkTrustedOrigin(v string) error {
	u, err := parseOrigin(v)
	if err != nil {
		return err
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return fmt.Errorf("%q must be https; plain http is allowed on loopback only", v)
	}
	return nil
}

// parseOrigin takes scheme://host[:port] and nothing else.
func parseOrigin(v string) (*url.URL, error) {
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		example := "such as https://auth.example.com"
		if host, _, _ := splitHostPort(v); checkHost(v) == nil && (strings.Contains(host, ".") || isLoopback(host)) {
			example = "https://" + v
		}
		return nil, fmt.Errorf("%s is not an origin; write scheme and host, %s", shown(v), example)
	}
	if u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(v, "#") {
		return nil, fmt.Errorf("%s is more than an origin; write only %s://%s", shown(v), u.Scheme, u.Host)
	}
	if err := checkHost(u.Host); err != nil {
		return nil, err
	}
	return u, nil
}

// shown quotes a URL for an error, but none that may hold a password.
func shown(v string) string {
	if strings.Contains(v, "@") {
		return "a URL with user or password"
	}
	return strconv.Quote(v)
}

// checkHost takes host[:port]: a name in ASCII, an IPv4 address or an IPv6 address in brackets.
func checkHost(v string) error {
	wrong := func(hint string) error { return fmt.Errorf("%s is not a valid host; %s", shown(v), hint) }
	switch {
	case strings.Contains(v, "://"):
		return wrong("write it without the scheme, such as app.example.com")
	case strings.ContainsAny(v, "/?#"):
		return wrong("write it without a path, such as app.example.com")
	case strings.Contains(v, "*"):
		return wrong("wildcards are not allowed, because anyone who gets one of the names would receive sign-ins; list each host")
	}
	host, port, bracketed := splitHostPort(v)
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port) {
		return wrong("the port must be a number from 1 to 65535")
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" && addr.Is6() == bracketed {
		return nil
	}
	if bracketed || strings.HasSuffix(v, ":") || len(host) > 253 || !hostName.MatchString(host) {
		return wrong("write host or host:port, an international name in its xn-- form and an IPv6 address in brackets")
	}
	return nil
}

// splitHostPort cuts off what follows the last colon and the brackets of an IPv6 address.
func splitHostPort(v string) (host, port string, bracketed bool) {
	host = v
	if i := strings.LastIndexByte(v, ':'); i > strings.LastIndexByte(v, ']') {
		host, port = v[:i], v[i+1:]
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return host[1 : len(host)-1], port, true
	}
	return host, port, false
}

// checkAudience takes a StringOrURI (RFC 7519 §2).
func checkAudience(v string) error {
	bad := strings.IndexFunc(v, func(r rune) bool { return r <= ' ' || r > '~' || r == '{' || r == '}' }) >= 0
	if v == "" || len(v) > 256 || bad {
		return fmt.Errorf("%q is not a valid audience; write a name or URL of printable ASCII without spaces", v)
	}
	if u, err := url.Parse(v); strings.Contains(v, ":") && (err != nil || u.Scheme == "") {
		return fmt.Errorf("%q is not a valid audience; with a colon it must be a URI", v)
	}
	return nil
}

// checkBrand takes one line of text: it stands in headers of mails.
func checkBrand(v string) error {
	if len(v) > maxBrand || !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("it must be one line of at most %d bytes", maxBrand)
	}
	return nil
}

const maxBrand = 64

// checkCookiePrefix takes what can begin the name of a cookie, and not be taken for another gateway's whole name.
func checkCookiePrefix(v string) error {
	if v == "" {
		return nil
	}
	if !cookiePrefix.MatchString(v) {
		return fmt.Errorf("%q cannot be a prefix of cookie names; write a letter and up to 31 more letters, digits, - and _, such as gatehouse2", v)
	}
	if ending := httpauth.CookieEnding(v); ending != "" {
		return fmt.Errorf("%q collides with a cookie of a gateway with the prefix %q; write it without %s", v, strings.TrimSuffix(v, ending), ending)
	}
	return nil
}

// each checks every value of a list and refuses a value given twice. A secret is checked before it could be repeated.
func each(vs []string, check func(string) error) error {
	for i, v := range vs {
		if err := check(v); err != nil {
			return err
		}
		if slices.Contains(vs[:i], v) {
			return fmt.Errorf("%q is given twice", v)
		}
	}
	return nil
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// tokenCacheBytes reads the size of the cache of verified tokens; an empty one is the default.
func tokenCacheBytes(size string) (uint64, error) {
	if size == "" {
		return accesstoken.DefaultCache, nil
	}
	for unit, bits := range map[string]int{"MiB": 20, "GiB": 30} {
		number, ok := strings.CutSuffix(size, unit)
		if n, err := strconv.ParseUint(number, 10, 32); ok && err == nil {
			if bytes := n << bits; bytes >= 1<<20 && bytes <= 64<<30 {
				return bytes, nil
			}
			return 0, fmt.Errorf("%s is out of range; it must be 1MiB to 64GiB", size)
		}
	}
	return 0, fmt.Errorf("%q is not a size; write a whole number of MiB or GiB, such as 128MiB or 1GiB", size)
}
