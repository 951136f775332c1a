package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/bench/internal/load"
	"github.com/gatehouse-auth/gatehouse/bench/internal/rig"
)

const (
	// sessionsEach is how many sessions of either kind the tokens in number belong to.
	sessionsEach = 16
	// members sign in at once where the pool of password hashes is saturated: several, for one account's tries queue.
	members = 8
	// poolLeast is the fewest tokens of a pool, and junkPool how many of each kind of junk there are.
	poolLeast = 20_000
	junkPool  = 4096
)

// stock is what requests are made with, all of it good at every gateway that is given the data folder.
type stock struct {
	data string // data folder of a stopped gateway

	bearer, cookie string   // what was issued through the API: a token, and name=value
	revoked        string   // the token of a session that was signed out
	bearers        []string // distinct tokens, none ever sent

	nodeBearer, nodeCookie string // of the cluster's account

	bearerPool, cookiePool, forgedPool, junkPool string // files
}

// member is the address of one of the accounts.
func member(i int) string { return fmt.Sprintf("member%d@example.com", i) }

// fill makes accounts and sessions through the API of a gateway, stops it, and mints tokens by its keys.
func (b *bench) fill(ctx context.Context) (*stock, error) {
	say("accounts and sessions")
	g, err := b.rig.Gateway("")
	if err != nil {
		return nil, err
	}
	s := &stock{data: filepath.Join(g.Dir, "data")}
	bearers, cookies, err := b.open(ctx, g, s)
	if err != nil {
		return nil, err
	}
	if err := b.rig.Stop(g); err != nil {
		return nil, err
	}
	pool, err := b.poolSize(ctx, s.bearer)
	if err != nil {
		return nil, err
	}
	say("%d bearer tokens, %d cookies", max(pool, b.flood, b.many), pool)
	mint, err := rig.OpenMint(ctx, s.data)
	if err != nil {
		return nil, err
	}
	if s.bearers, err = mint.More(ctx, jwtkeys.Bearer, bearers, max(pool, b.flood, b.many)); err != nil {
		return nil, err
	}
	more, err := mint.More(ctx, jwtkeys.Cookie, cookies, pool)
	if err != nil {
		return nil, err
	}
	for _, p := range []struct {
		name   string
		values []string
		file   *string
	}{
		{"bearer", s.bearers[:pool], &s.bearerPool}, {"cookie", more, &s.cookiePool},
		{"forged", rig.Forge(s.bearer, junkPool), &s.forgedPool}, {"junk", rig.Junk(len(s.bearer), junkPool), &s.junkPool},
	} {
		if *p.file, err = b.rig.Pool(p.name, p.values); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// open makes the accounts, and the sessions whose tokens are returned; those that are to be seen go to s.
func (b *bench) open(ctx context.Context, g *rig.Server, s *stock) (bearers, cookies []string, err error) {
	if _, err = b.rig.Register(ctx, g, rig.Email); err != nil {
		return nil, nil, err
	}
	for i := range members {
		if _, err = b.rig.Register(ctx, g, member(i)); err != nil {
			return nil, nil, err
		}
	}
	for range sessionsEach {
		tokens, err := b.rig.SignIn(ctx, g, rig.Email)
		if err != nil {
			return nil, nil, err
		}
		cookie, err := b.rig.SignInCookie(ctx, g, rig.Email)
		if err != nil {
			return nil, nil, err
		}
		bearers, cookies = append(bearers, tokens.Access), append(cookies, cookie[len(rig.CookieName)+1:])
	}
	s.bearer, s.cookie = bearers[0], rig.CookieName+"="+cookies[0]
	gone, err := b.rig.SignIn(ctx, g, rig.Email)
	if err != nil {
		return nil, nil, err
	}
	s.revoked = gone.Access
	return bearers, cookies, b.rig.SignOut(ctx, g, gone)
}

// poolSize is how many distinct tokens a slice needs at most: twice what bare Caddy serves in one.
func (b *bench) poolSize(ctx context.Context, token string) (int, error) {
	s, err := b.rig.Bare()
	if err != nil {
		return 0, err
	}
	got, err := b.wrk.Run(ctx, load.Load{Host: s.Addr, Header: "Authorization", Value: "Bearer " + token, For: warmUp})
	if err != nil {
		return 0, err
	}
	if got.Refused+got.Broken > 0 {
		return 0, fmt.Errorf("warm bare Caddy up: %d answers were not %d", got.Refused+got.Broken, http.StatusOK)
	}
	return max(poolLeast, int(2*got.Rate()*b.slice.Seconds())), b.rig.Stop(s)
}

// warmUp is what a process gets before its first slice.
const warmUp = time.Second
