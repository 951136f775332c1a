package httpauth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// RequestInfo is what the server in front has found out about a request. Nothing in it is taken from a header that just
// any client can set.
type RequestInfo struct {
	Client    authcore.Client
	HTTPS     bool   // what IsHTTPS says
	RequestID string // for the log; "" when there is none
	// ServesHost reports whether the site that the request came to is there for a host name, and not for just any. nil is for none:
	// then no token of a child session is good there, since anybody can write any name into a Host header.
	ServesHost func(host string) bool
	// Jar is where the gateway's cookies are; nil is that of the default prefix.
	Jar *Jar
}

// Cookies returns where the cookies of the request's gateway are.
func (in RequestInfo) Cookies() *Jar {
	if in.Jar != nil {
		return in.Jar
	}
	return NewJar(DefaultCookiePrefix, in.HTTPS)
}

type requestInfoKey struct{}

// WithRequestInfo returns a context that carries in. Every request that reaches a Handler of this package must have one.
func WithRequestInfo(ctx context.Context, in RequestInfo) context.Context {
	return context.WithValue(ctx, requestInfoKey{}, in)
}

var errNoRequestInfo = errors.New("find out who sent the request: the context carries no RequestInfo")

// RequestInfoFrom returns what [WithRequestInfo] put into ctx; an error where there is nothing.
func RequestInfoFrom(ctx context.Context) (RequestInfo, error) {
	in, ok := ctx.Value(requestInfoKey{}).(RequestInfo)
	if !ok {
		return RequestInfo{}, errNoRequestInfo
	}
	return in, nil
}

// IsHTTPS is the one answer to "does the browser speak https with us" (contract §4): TLS ends here, or a trusted proxy
// says it ended there, or the configured issuer is an https origin. trustedProxy says whether the peer is one of the
// configured proxies: X-Forwarded-Proto from anybody else is a client's claim and is ignored (P09).
func IsHTTPS(r *http.Request, trustedProxy bool, issuer string) bool {
	if r.TLS != nil || strings.HasPrefix(issuer, "https://") {
		return true
	}
	proto := r.Header["X-Forwarded-Proto"]
	return trustedProxy && len(proto) == 1 && strings.EqualFold(proto[0], "https")
}
