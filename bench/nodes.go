package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-auth/gatehouse/bench/internal/figures"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
	"github.com/gatehouse-auth/gatehouse/bench/internal/rig"
)

// node starts a gateway over Postgres and Redis; the first one makes the account that its requests are made by.
func node(ctx context.Context, b *bench) (t target, err error) {
	if b.nodes == nil {
		say("Postgres and Redis")
		if b.nodes, err = b.rig.Cluster(); err != nil {
			return t, err
		}
	}
	if t.proxy, err = b.rig.Node(b.nodes); err != nil {
		return t, err
	}
	if b.stock.nodeBearer == "" {
		tokens, err := b.rig.Register(ctx, t.proxy, rig.Email)
		if err != nil {
			return t, err
		}
		b.stock.nodeBearer = tokens.Access
		if b.stock.nodeCookie, err = b.rig.SignInCookie(ctx, t.proxy, rig.Email); err != nil {
			return t, err
		}
	}
	t.seen = b.stock.nodeBearer
	return t, nil
}

// lag measures how long after the answer to a sign-out on one node another one still admits the session's token, which it
// has seen and is asked with all the time.
func (b *bench) lag(ctx context.Context) error {
	say("way of %d sign-outs to another node", b.revocations)
	here, err := node(ctx, b)
	if err != nil {
		return err
	}
	there, err := node(ctx, b)
	if err != nil {
		return err
	}
	sessions, err := b.sessions(ctx, here.proxy, b.revocations)
	if err != nil {
		return err
	}
	result := &report.Lag{Revocations: len(sessions)}
	var took []float64
	for _, s := range sessions {
		w, err := b.watch(ctx, there.proxy, s.Access)
		if err != nil {
			return err
		}
		if err := b.rig.SignOut(ctx, here.proxy, s); err != nil {
			return err
		}
		answered := time.Now()
		refused, err := w.end()
		if err != nil {
			return err
		}
		result.Requests += w.requests
		took = append(took, max(0, refused.Sub(answered).Seconds()*1e3))
	}
	result.Median = figures.Of(took).Median
	result.P99, result.Longest = figures.Top(took)
	b.report.Lag = result
	return errors.Join(b.rig.Stop(here.proxy), b.rig.Stop(there.proxy))
}

// sessions signs in n times, by the accounts of several members, since tries on one account queue.
func (b *bench) sessions(ctx context.Context, s *rig.Server, n int) ([]rig.Tokens, error) {
	for i := range members {
		if _, err := b.rig.Register(ctx, s, member(i)); err != nil {
			return nil, err
		}
	}
	var mu sync.Mutex
	var list []rig.Tokens
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i := range n {
		group.Go(func() error {
			t, err := b.rig.SignIn(ctx, s, member(i%members))
			mu.Lock()
			defer mu.Unlock()
			list = append(list, t)
			return err
		})
	}
	return list, group.Wait()
}

// watched is a token that is sent again and again until it is refused.
type watched struct {
	done     chan struct{}
	requests int
	refused  time.Time // when the first refusal had come
	err      error
}

// lagLimit is far above every goal.
const lagLimit = 30 * time.Second

// watch returns when the token has been admitted for the first time.
func (b *bench) watch(ctx context.Context, s *rig.Server, token string) (*watched, error) {
	w := &watched{done: make(chan struct{})}
	client := &http.Client{Timeout: lagLimit, Transport: &http.Transport{}}
	ask := func() (int, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr+"/", nil)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		w.requests++
		return resp.StatusCode, errors.Join(err, resp.Body.Close())
	}
	if status, err := ask(); err != nil || status != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("the other node answered %d before the sign-out", status), err)
	}
	go func() {
		defer close(w.done)
		defer client.CloseIdleConnections()
		for start := time.Now(); ; {
			status, err := ask()
			switch {
			case err != nil:
				w.err = err
			case status == http.StatusUnauthorized:
				w.refused = time.Now()
			case status != http.StatusOK || time.Since(start) > lagLimit:
				w.err = fmt.Errorf("the other node answered %d after the sign-out", status)
			default:
				continue
			}
			return
		}
	}()
	return w, nil
}

// end waits for the refusal.
func (w *watched) end() (refused time.Time, err error) {
	<-w.done
	return w.refused, w.err
}
