package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// h2Connections share the requests that are under way, which are as many as wrk's.
const h2Connections = 4

// H2 sends a load over TLS and HTTP/2, which wrk cannot, and waits for its end. Latencies are as they are, without correction.
func H2(ctx context.Context, l Load) (Result, error) {
	if l.Pool != "" {
		return Result{}, errors.New("send by HTTP/2: there are no pools")
	}
	var all sync.WaitGroup
	each := make([]h2Caller, Connections)
	begin := time.Now()
	ctx, cancel := context.WithDeadline(ctx, begin.Add(l.For))
	defer cancel()
	for n := range h2Connections {
		// The certificate is the rig's own, made a moment ago; both ends are on loopback.
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, MaxConnsPerHost: 1}
		defer transport.CloseIdleConnections()
		for i := n; i < len(each); i += h2Connections {
			all.Go(func() { each[i].call(ctx, transport, l) })
		}
	}
	all.Wait()
	r := Result{Took: time.Since(begin)}
	var took []time.Duration
	for _, c := range each {
		r.Refused, r.Broken, took = r.Refused+c.refused, r.Broken+c.broken, append(took, c.took...)
	}
	if r.Requests = len(took); r.Requests == 0 {
		return r, fmt.Errorf("send by HTTP/2: %s answered nothing", l.Host)
	}
	slices.Sort(took)
	r.P50, r.P99 = took[len(took)/2], took[len(took)*99/100]
	return r, nil
}

// h2Caller sends one request after another.
type h2Caller struct {
	took            []time.Duration
	refused, broken int
}

func (c *h2Caller) call(ctx context.Context, transport http.RoundTripper, l Load) {
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+l.Host+"/", nil)
		if err != nil {
			c.broken++
			return
		}
		for name, value := range browser {
			req.Header.Set(name, value)
		}
		req.Header.Set(l.Header, l.Value)
		begin := time.Now()
		resp, err := transport.RoundTrip(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		switch {
		case ctx.Err() != nil: // the slice is over
			return
		case err != nil || resp.ProtoMajor != 2:
			c.broken++
		case resp.StatusCode > 399:
			c.refused++
		}
		c.took = append(c.took, time.Since(begin))
	}
}
