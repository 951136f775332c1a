package sanitize

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Ambiguous reports whether a service may read a request's method, host or path otherwise than Caddy's matchers do. Such a
// request is guarded whatever a matcher says: it may be the very one that the matcher is there for (P11, P14, P16).
func Ambiguous(r *http.Request) bool {
	return ambiguousMethod(r.Method) || ambiguousHost(r) || ambiguousPath(r) || speaksOfAnother(r)
}

// ambiguousMethod: methods are told apart by case (RFC 9110 §9.1), but FastCGI programs and most frameworks read `post` as POST.
func ambiguousMethod(method string) bool {
	for i := range len(method) {
		if c := method[i]; c >= 'a' && c <= 'z' {
			return true
		}
	}
	return false
}

// ambiguousHost: services cut trailing dots and white space, decode, and take what stands before or behind an "@" or a comma
// for the name. A name that is plain, with a port or without, has one reading; so has the empty one, which is nobody's. Case
// is none, for Caddy's matcher does not see it either.
func ambiguousHost(r *http.Request) bool {
	if lines, ok := r.Header["Host"]; ok && (len(lines) != 1 || lines[0] != r.Host) { // beside :authority
		return true
	}
	host := r.Host
	if host == "" {
		return false
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		literal, port, closed := strings.Cut(inner, "]")
		addr, err := netip.ParseAddr(literal)
		return !closed || err != nil || addr.Zone() != "" || !strings.EqualFold(addr.String(), literal) || !isPort(port)
	}
	numeric, puny := true, false // the last label, any label
	for i, start := 0, 0; i <= len(host); i++ {
		if i == len(host) || host[i] == ':' || host[i] == '.' {
			label := host[start:i]
			if label == "" {
				return true
			}
			numeric = strings.Trim(label, "0123456789") == "" || len(label) > 1 && label[0] == '0' && label[1]|0x20 == 'x'
			puny = puny || len(label) > 4 && strings.EqualFold(label[:4], "xn--")
			if i < len(host) && host[i] == ':' {
				if !isPort(host[i:]) {
					return true
				}
				host = host[:i]
				break
			}
			start = i + 1
			continue
		}
		switch c := host[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return true
		}
	}
	return numeric && net.ParseIP(host) == nil || puny && ambiguousPuny(host) // 127.1 and 0x7f.1 are addresses to some
}

// isPort reports whether a text is empty or a colon and a number.
func isPort(text string) bool {
	digits, ok := strings.CutPrefix(text, ":")
	return text == "" || ok && digits != "" && len(digits) <= 5 && strings.Trim(digits, "0123456789") == ""
}

// ambiguousPuny: `xn--admin-` is a name of its own to who compares bytes, and `admin` to who decodes first.
func ambiguousPuny(host string) bool {
	host = strings.ToLower(host)
	name, err := idna.Lookup.ToUnicode(host)
	if err != nil {
		return true
	}
	back, err := idna.Lookup.ToASCII(name)
	return err != nil || back != host
}

// ambiguousPath: empty and dot segments, backslashes, path parameters, control characters, broken UTF-8, delimiters, dots,
// letters and digits that are encoded, or what is encoded twice; white space and dots at an end of a segment, which Windows,
// and whoever trims, cut off; the names of Windows for one file (8.3, streams); what follows a script's name, which is the path
// to FastCGI and CGI programs (PATH_INFO); and characters that Unicode takes for others. Case is none: Caddy's `path` does not
// see it either.
func ambiguousPath(r *http.Request) bool {
	path := r.URL.Path
	if path == "" || path[0] != '/' {
		return r.Method != http.MethodConnect || path != ""
	}
	ascii := true
	for i := range len(path) {
		next := byte('/') // the end of the path ends a segment
		if i+1 < len(path) {
			next = path[i+1]
		}
		switch c := path[i]; {
		case c == '\\' || c == ';' || c == '#' || c == '?' || c < 0x20 || c == 0x7f || c == '%': // a "%" that is left was encoded twice
			return true
		case c >= utf8.RuneSelf:
			ascii = false
		case c == '/' && i+1 < len(path) && (next == '/' || next == ' '):
			return true
		case (c == '.' || c == ' ') && next == '/':
			return true
		case c == ':' && next == '$', c == '~' && path[i-1] != '/' && next >= '0' && next <= '9':
			return true
		case c == '/' && i > 0 && IsScript(path[:i]):
			return true
		}
	}
	return !ascii && ambiguousText(path) || encodesPlain(r.URL.RawPath)
}

// encodesPlain reports whether an escaped path encodes what stands for itself, or what separates (%2F, %2E, %5C). "" is the path
// in its default encoding, which does not.
func encodesPlain(raw string) bool {
	for i := 0; i+2 < len(raw); i++ {
		if raw[i] != '%' {
			continue
		}
		switch c := unhex(raw[i+1])<<4 | unhex(raw[i+2]); {
		case c == '/' || c == '.' || c == '\\', c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
			return true
		}
	}
	return false
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&0xf + 9
}

// scripts are the endings of programs that get the rest of the path by itself.
var scripts = []string{
	".php", ".php3", ".php4", ".php5", ".php7", ".php8", ".phtml", ".phar", ".cgi", ".fcgi", ".fpl", ".pl", ".py", ".rb", ".wsgi", ".asp",
	".aspx", ".ashx", ".asmx", ".axd", ".svc", ".jsp", ".jspx", ".cfm", ".cfc", ".lua", ".exe", ".dll", ".tcl", ".sh", ".hcgi",
}

// IsScript reports whether a path ends in the name of a script.
func IsScript(path string) bool {
	for i := len(path) - 1; i >= max(0, len(path)-6) && path[i] != '/'; i-- {
		if path[i] == '.' {
			for _, ending := range scripts {
				if strings.EqualFold(path[i:], ending) {
					return true
				}
			}
			return false
		}
	}
	return false
}

// bestFit are characters that Windows and some databases write as "/" or a backslash where their code page has no other.
const bestFit = "\u2044\u2215\u29f8\u2216\u29f5\u00a5\u20a9"

// ambiguousText reports whether a text that is not ASCII can be read as another one: it is no UTF-8 (overlong forms of "/" and
// "." among it); Unicode has an equal of it, or one of its characters folds to ASCII, as the fullwidth "/" and the Kelvin sign
// do; or it has white space or characters that nobody sees, but for the joiners that words of some languages need.
func ambiguousText(text string) bool {
	if !utf8.ValidString(text) || !norm.NFC.IsNormalString(text) {
		return true
	}
	for i, c := range text {
		if c < utf8.RuneSelf {
			continue
		}
		hidden := unicode.In(c, unicode.Z, unicode.Cc, unicode.Cf) && c != 0x200c && c != 0x200d
		if hidden || unicode.ToLower(c) < utf8.RuneSelf || strings.ContainsRune(bestFit, c) || foldsToASCII(text[i:]) {
			return true
		}
	}
	return false
}

// foldsToASCII reports whether the first character of a text stands for others (NFKC), ASCII among them. A letter with an
// accent is one with it in either form, and no case of this.
func foldsToASCII(text string) bool {
	if norm.NFC.PropertiesString(text).Decomposition() != nil {
		return false
	}
	for _, c := range norm.NFKC.PropertiesString(text).Decomposition() {
		if c < utf8.RuneSelf {
			return true
		}
	}
	return false
}

// Headers by which a request names a method or a path besides its own: frameworks take the method from the first
// ones (WordPress even of a GET), IIS and some frameworks the path from the next, WSGI servers and programs cut it by the
// others, and WebDAV's COPY and MOVE write to the last.
var (
	secondMethod = NewNames("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
	secondPath   = NewNames("X-Original-URL", "X-Rewrite-URL")
	otherPath    = NewNames("Script-Name", "Path-Info", "X-Script-Name", "Destination")
)

// speaksOfAnother reports whether a header names another method or path than the request's own line.
func speaksOfAnother(r *http.Request) bool {
	for name, lines := range r.Header {
		switch {
		case otherPath.Has(name):
			return true
		case secondMethod.Has(name):
			if len(lines) != 1 || !strings.EqualFold(lines[0], r.Method) {
				return true
			}
		case secondPath.Has(name):
			if len(lines) != 1 || lines[0] != r.URL.RequestURI() {
				return true
			}
		}
	}
	return false
}
