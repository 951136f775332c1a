package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
)

// The bounds of how long a fetched document is kept, and how long where its headers say nothing.
const (
	leastKept, mostKept, usuallyKept = time.Minute, 24 * time.Hour, time.Hour
	// staleFor is how much longer it is used while a newer one cannot be had.
	staleFor = time.Hour
)

// fetched is a document of the provider that is kept as long as its headers say.
type fetched[T any] struct {
	client *idp.Client
	step   string
	now    func() time.Time
	parse  func([]byte) (T, error)
	flight singleflight.Group

	mu    sync.Mutex
	value T
	has   bool
	until time.Time
}

// get returns the document that is kept, fetching one only where there is none. at says where it is.
func (f *fetched[T]) get(ctx context.Context, at string) (T, error) {
	f.mu.Lock()
	value, good := f.value, f.has && f.now().Before(f.until.Add(staleFor))
	f.mu.Unlock()
	if good {
		return value, nil
	}
	return f.fetch(ctx, at)
}

// due reports how long the document need not be fetched again.
func (f *fetched[T]) due() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.has {
		return 0
	}
	return max(0, f.until.Sub(f.now()))
}

// fetch gets a new document, for all who ask for one at once.
func (f *fetched[T]) fetch(ctx context.Context, at string) (T, error) {
	done := f.flight.DoChan(at, func() (any, error) {
		// Whoever else waits must not fail because the first has gone.
		ctx, cancel := idp.Within(context.WithoutCancel(ctx))
		defer cancel()
		return f.load(ctx, at)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			var none T
			return none, r.Err
		}
		return r.Val.(T), nil
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("%s: %w: %w", f.step, ctx.Err(), idp.ErrUnavailable)
	}
}

func (f *fetched[T]) load(ctx context.Context, at string) (value T, err error) {
	a, err := f.client.Get(ctx, f.step, at, "")
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("status %d: %w", a.Status, idp.ErrUnavailable)
	}
	if err != nil {
		return value, err
	}
	if value, err = f.parse(a.Body); err != nil {
		return value, fmt.Errorf("%s: %w: %w", f.step, err, idp.ErrUnavailable)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.value, f.has, f.until = value, true, f.now().Add(lifetime(a.Header))
	return value, nil
}

// lifetime is how long an answer may be kept (RFC 9111 §5.2.2), within our bounds.
func lifetime(h http.Header) time.Duration {
	for directive := range strings.SplitSeq(strings.ToLower(h.Get("Cache-Control")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return leastKept
		case "max-age":
			seconds, err := strconv.Atoi(strings.Trim(value, `"`))
			if err != nil {
				continue
			}
			age, _ := strconv.Atoi(h.Get("Age"))
			seconds = min(max(seconds-max(age, 0), 0), int(mostKept/time.Second))
			return max(time.Duration(seconds)*time.Second, leastKept)
		}
	}
	return usuallyKept
}

// metadata is what we read of a discovery document (OpenID Connect Discovery 1.0 §3).
type metadata struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	Keys          string   `json:"jwks_uri"`
	Revocation    string   `json:"revocation_endpoint"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	TokenAuth     []string `json:"token_endpoint_auth_methods_supported"`
	SendsIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
}

// parseMetadata takes the document of an issuer whose name is one of these very texts: a document that names another one speaks for somebody
// else (Discovery 1.0 §4.3, mix-up).
func parseMetadata(issuers []string) func([]byte) (metadata, error) {
	return func(body []byte) (m metadata, err error) {
		if err := json.Unmarshal(body, &m); err != nil {
			return m, fmt.Errorf("read discovery document: %w", err)
		}
		if !slices.Contains(issuers, m.Issuer) {
			return m, fmt.Errorf("the discovery document is of the issuer %q", m.Issuer)
		}
		for name, at := range map[string]string{"authorization_endpoint": m.Authorization, "token_endpoint": m.Token, "jwks_uri": m.Keys, "userinfo_endpoint": m.UserInfo,
			"revocation_endpoint": m.Revocation} {
			if at == "" && (name == "userinfo_endpoint" || name == "revocation_endpoint") {
				continue
			}
			u, err := url.Parse(at)
			if err == nil {
				err = idp.CheckURL(u)
			}
			if err != nil {
				return m, fmt.Errorf("%s of the discovery document: %w", name, err)
			}
		}
		m.Algorithms = slices.DeleteFunc(m.Algorithms, func(alg string) bool { return !slices.Contains(algorithms, alg) })
		if len(m.Algorithms) == 0 {
			m.Algorithms = []string{"RS256"} // OpenID Connect Core §15.1 demands it
		}
		return m, nil
	}
}

// algorithms are those with a public key: by one without, or by none at all, anybody could sign who knows the client's secret, or
// nothing (C05).
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// authStyle is how the client shows its secret: by what the provider supports, and where that is not said by Basic (RFC 6749 §2.3.1).
// Nothing is tried out: a trial would spend a code.
func (m metadata) authStyle() oauth2.AuthStyle {
	if len(m.TokenAuth) > 0 && !slices.Contains(m.TokenAuth, "client_secret_basic") && slices.Contains(m.TokenAuth, "client_secret_post") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}
