package httpapi

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
func Credential(r *http.Request, https bool) (raw string, mode authcore.Mode, err error) {
	switch lines := r.Header["Authorization"]; len(lines) {
	case 0:
	case 1:
		// A tab is no separator by RFC 9110 §11.4, but some upstreams take it for one.
		scheme, token, _ := strings.Cut(strings.ReplaceAll(strings.TrimLeft(lines[0], " \t"), "\t", " "), " ")
		if !strings.EqualFold(scheme, "bearer") {
			break
		}
		if token = strings.Trim(token, " \t"); token == "" {
			return "", authcore.ModeBearer, authcore.Refuse(authcore.InvalidToken, "The Authorization header holds no token.")
		}
		return token, authcore.ModeBearer, nil
	default:
		return "", "", authcore.Refuse(authcore.InvalidRequest, "Send one Authorization header only.")
	}
	if raw = ReadCookie(r, AccessCookie(https)); raw != "" {
		return raw, authcore.ModeCookie, nil
	}
	return "", "", nil
}
