package httpauth

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Credential picks the access token that speaks for a request; "" when there is none. A bearer header wins over the
// cookie even when it is bad: falling back would let a request run as somebody its sender did not name. Schemes other
// than Bearer are not ours and leave the cookie in force. Queries are never read: they end up in logs and referrers
// (RFC 9700 §4.3.2).
//
// Two Authorization lines are InvalidRequest: we and the upstream could each believe another one. A Bearer header
// without a token is InvalidToken.
func Credential(r *http.Request, jar *Jar) (raw string, mode authcore.Mode, err error) {
	switch lines := r.Header["Authorization"]; len(lines) {
	case 0:
	case 1:
		token, ok := bearer(strings.Trim(lines[0], " \t"))
		if !ok {
			break
		}
		if token == "" {
			return "", authcore.ModeBearer, authcore.Refuse(authcore.InvalidToken, "The Authorization header contains no token.")
		}
		return token, authcore.ModeBearer, nil
	default:
		return "", "", authcore.Refuse(authcore.InvalidRequest, "Send only one Authorization header.")
	}
	if raw = ReadCookie(r, jar.access); raw != "" {
		return raw, authcore.ModeCookie, nil
	}
	return "", "", nil
}

// bearer returns what follows the scheme, if that is Bearer. A tab is no separator by RFC 9110 §11.4, but some upstreams
// take it for one.
func bearer(line string) (token string, ok bool) {
	const scheme = "bearer"
	if len(line) < len(scheme) || !strings.EqualFold(line[:len(scheme)], scheme) {
		return "", false
	}
	rest := line[len(scheme):]
	token = strings.TrimLeft(rest, " \t")
	return token, len(token) < len(rest) || rest == ""
}
