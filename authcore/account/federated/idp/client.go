package idp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The rules of every call to a provider (contract §10.5). Its answers are a stranger's, and it may be sick.
const (
	// Budget is how long all calls of one request may take together; what is left of 5 s is for our own work.
	Budget = 4500 * time.Millisecond
	// maxAnswer is the size of the largest answer, after decompression.
	maxAnswer = 1 << 20
	// failedFor is how long a call that failed is not tried again: who comes meanwhile is told at once, and a sick provider is left alone.
	failedFor = 3 * time.Second
	// failures is how many calls about somebody must fail one after the other for that: what a code, a token or a profile of one person makes of
	// the provider's answer, or one slow answer, closes the way for nobody else (a lockout as a weapon, L09).
	failures = 5
)

// Retry is after how long another try makes sense once a provider did not answer.
const Retry = failedFor

// Within returns ctx with the deadline that all calls of one request to providers have together.
func Within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, Budget)
}

// ClientConfig is what a Client needs.
type ClientConfig struct {
	// Own is the host (a name or an address, without a port) that the configuration names by itself: it alone may be in a private network.
	Own string
	// Header goes along with every call; it may be nil.
	Header http.Header
	// Sick reports further answers by which the provider says that it does not work now, or not for us, besides 429 and 5xx; it may be nil.
	Sick func(status int, header http.Header, body []byte) bool
	// Observe is told how long each call took and whether the provider answered, by the step that it was for; it may be nil.
	Observe func(step string, took time.Duration, ok bool)
	Now     func() time.Time
}

// Client calls a provider. It is the one place of the rules above, and safe for concurrent use.
type Client struct {
	cfg       ClientConfig
	transport http.RoundTripper

	mu     sync.Mutex
	failed map[string]failing // by step and host
}

// failing are calls that have failed since the last one that did not.
type failing struct {
	times int
	until time.Time // none is made before
}

// NewClient returns a client for one provider. It uses no proxy: what a proxy connects to cannot be judged here.
func NewClient(cfg ClientConfig) *Client {
	if cfg.Observe == nil {
		cfg.Observe = func(string, time.Duration, bool) {}
	}
	if cfg.Sick == nil {
		cfg.Sick = func(int, http.Header, []byte) bool { return false }
	}
	c := &Client{cfg: cfg, failed: map[string]failing{}}
	c.transport = &http.Transport{
		DialContext: c.dial, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second,
		TLSHandshakeTimeout: Budget, ResponseHeaderTimeout: Budget, MaxResponseHeaderBytes: 64 << 10,
	}
	return c
}

// HTTP returns an HTTP client for the calls of one step, such as [StepToken]. Its errors wrap [ErrUnavailable] where the
// provider did not answer, answered with a redirect, too much, 429 or a server's error. What it returns is read already.
func (c *Client) HTTP(step string) *http.Client {
	return &http.Client{
		Transport:     stepTransport{c, step},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type stepTransport struct {
	c    *Client
	step string
}

// RoundTrip implements [http.RoundTripper].
func (t stepTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := CheckURL(r.URL); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", t.step, err, ErrUnavailable)
	}
	key := t.step + " " + r.URL.Host
	if t.c.rests(key) {
		return nil, fmt.Errorf("%s: it has just failed: %w", t.step, ErrUnavailable)
	}
	if len(t.c.cfg.Header) > 0 {
		r = r.Clone(r.Context())
		maps.Copy(r.Header, t.c.cfg.Header)
	}
	begun := t.c.cfg.Now()
	res, err := t.call(r)
	ok := err == nil
	if errors.Is(err, context.Canceled) { // who asked has gone: that says nothing of the provider
		return nil, fmt.Errorf("%s: %w", t.step, err)
	}
	t.c.cfg.Observe(t.step, t.c.cfg.Now().Sub(begun), ok)
	t.c.note(t.step, key, err)
	if !ok {
		return nil, fmt.Errorf("%s: %w: %w", t.step, err, ErrUnavailable)
	}
	return res, nil
}

// call reads the whole answer, so that the deadline holds for it and nothing larger is kept.
func (t stepTransport) call(r *http.Request) (*http.Response, error) {
	res, err := t.c.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusTooManyRequests:
		return nil, fmt.Errorf("status %d: %w", res.StatusCode, errAsksForRest)
	case res.StatusCode/100 == 3, res.StatusCode >= 500:
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxAnswer:
		return nil, errors.New("the answer is larger than 1 MiB")
	case t.c.cfg.Sick(res.StatusCode, res.Header, body):
		return nil, fmt.Errorf("status %d: %w", res.StatusCode, errAsksForRest)
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, nil
}

func (c *Client) rests(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg.Now().Before(c.failed[key].until)
}

// errAsksForRest: the provider has said that it wants no calls of ours now.
var errAsksForRest = errors.New("it wants no calls now")

// note counts how a call ended. One failure says all where the provider asks for rest, and of its own documents, which are the same for everybody.
func (c *Client) note(step, key string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		delete(c.failed, key)
		return
	}
	f := c.failed[key]
	if f.times++; f.times >= failures || step == StepDiscovery || step == StepKeys || errors.Is(err, errAsksForRest) {
		f = failing{until: c.cfg.Now().Add(failedFor)}
	}
	c.failed[key] = f
}

// CheckURL refuses what a provider is never called at, nor a browser sent to: anything but https, and http on a loopback host.
func CheckURL(u *url.URL) error {
	if u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return errors.New("the address is neither https nor http on a loopback host")
	}
	return nil
}

func isLoopback(host string) bool {
	host = strings.ToLower(host)
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.IsLoopback()
}

// dial connects to public addresses alone, and for the provider's own host to any. The address is judged that is connected to, whatever the
// name meant a moment before (SSRF, ASVS 15.3.2).
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: Budget}
	if !strings.EqualFold(host, c.cfg.Own) {
		d.Control = func(_, connected string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(connected)
			if err != nil || !public(at.Addr().Unmap()) {
				return errors.New("the address is in no public network")
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, address)
}

// special are networks that are neither private nor local by their kind and that nobody on the Internet has (RFC 6890).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
}

func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
