package httpauth_test

import (
	"net/url"
	"strings"
)

// browserReads is how a browser on an https page resolves a reference, by the URL Standard of WHATWG ("basic URL
// parser") and not by RFC 3986 as net/url does: the origin it would load from and the path there. The origin is "" for
// what leads to no web page of a host.
func browserReads(base *url.URL, raw string) (origin, path string) {
	raw = strings.TrimFunc(raw, func(r rune) bool { return r <= ' ' })
	raw = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(raw)
	raw, _, _ = strings.Cut(raw, "#")
	raw, _, _ = strings.Cut(raw, "?")
	raw = strings.ReplaceAll(raw, `\`, "/") // a slash where the scheme is special, as the base's is

	scheme := base.Scheme
	if given, rest, ok := browserScheme(raw); ok {
		switch {
		case given != "http" && given != "https":
			return "", ""
		case given != scheme: // any number of slashes, none too, begins the authority
			return browserAuthority(given, strings.TrimLeft(rest, "/"))
		}
		raw = rest // with the base's own scheme it is a relative reference
	}
	switch {
	case strings.HasPrefix(raw, "//"):
		return browserAuthority(scheme, strings.TrimLeft(raw, "/"))
	case strings.HasPrefix(raw, "/"):
		path = raw
	default:
		path = base.Path[:strings.LastIndexByte(base.Path, '/')+1] + raw
	}
	return browserOrigin(scheme, base.Host), browserPath(path)
}

func browserScheme(raw string) (scheme, rest string, ok bool) {
	scheme, rest, ok = strings.Cut(raw, ":")
	scheme = strings.ToLower(scheme)
	if !ok || scheme == "" || scheme[0] < 'a' || scheme[0] > 'z' || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != "" {
		return "", "", false
	}
	return scheme, rest, true
}

func browserAuthority(scheme, rest string) (origin, path string) {
	authority, path, _ := strings.Cut(rest, "/")
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	if decoded, err := url.PathUnescape(authority); err == nil {
		authority = decoded
	}
	return browserOrigin(scheme, authority), browserPath("/" + path)
}

func browserOrigin(scheme, host string) string {
	standard := map[string]string{"http": ":80", "https": ":443"}[scheme]
	return scheme + "://" + strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(host), standard), ":")
}

// browserPath resolves dot segments, the encoded ones too.
func browserPath(path string) string {
	var out []string
	segments := strings.Split(path, "/")[1:]
	for i, s := range segments {
		last := i == len(segments)-1
		switch strings.ReplaceAll(strings.ToLower(s), "%2e", ".") {
		case ".":
			if last {
				out = append(out, "")
			}
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, s)
		}
	}
	return "/" + strings.Join(out, "/")
}
