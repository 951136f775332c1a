package rig

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

// Mint is the keys of a gateway's data folder.
type Mint struct{ keys *jwtkeys.KeySet }

// OpenMint takes the keys out of the data folder of a gateway that does not run.
func OpenMint(ctx context.Context, data string) (*Mint, error) {
	text, err := os.ReadFile(filepath.Join(data, "secret"))
	if err != nil {
		return nil, fmt.Errorf("open the gateway's keys: %w", err)
	}
	sealer, err := secret.NewSealer(secret.FromString(strings.TrimSpace(string(text))))
	if err != nil {
		return nil, fmt.Errorf("open the gateway's keys: %w", err)
	}
	logger := slog.New(slog.DiscardHandler)
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: "sqlite:" + filepath.Join(data, "gatehouse.db"), Logger: logger, Now: time.Now})
	if err != nil {
		return nil, fmt.Errorf("open the gateway's keys: %w", err)
	}
	ring, err := keyring.New(keyring.Config{Store: store, Sealer: sealer, Algorithm: jwtkeys.EdDSA, AccessLifetime: tuning.Always(24 * time.Hour),
		Logger: logger, Now: time.Now})
	if err == nil {
		err = ring.Reload(ctx)
	}
	if err = errors.Join(err, store.Close()); err != nil {
		return nil, fmt.Errorf("open the gateway's keys: %w", err)
	}
	return &Mint{ring.Set()}, nil
}

// More returns n distinct tokens that say what the given ones say, in turn, each with an id of its own: as if the sessions
// had been refreshed so often.
func (m *Mint) More(ctx context.Context, use jwtkeys.Use, like []string, n int) ([]string, error) {
	now := time.Now()
	patterns := make([]jwtkeys.Claims, len(like))
	for i, token := range like {
		claims, _, err := m.keys.Verify(use, token, now, func(string) bool { return true })
		if err != nil {
			return nil, fmt.Errorf("mint tokens: the gateway's own one: %w", err)
		}
		patterns[i] = claims
	}
	tokens := make([]string, n)
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		group.Go(func() (err error) {
			for i := worker; i < n && err == nil; i += workers {
				claims := patterns[i%len(patterns)]
				claims.ID = rawURL(secret.Random(16))
				if tokens[i], err = m.keys.Sign(use, claims, now); err == nil {
					err = ctx.Err()
				}
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("mint tokens: %w", err)
	}
	return tokens, nil
}

// Forge returns n tokens that say what token says, each under a signature that is none.
func Forge(token string, n int) []string {
	text := token[:strings.LastIndexByte(token, '.')+1]
	forged := make([]string, n)
	for i := range forged {
		forged[i] = text + rawURL(secret.Random(64))
	}
	return forged
}

// Junk returns n texts of a token's length that are nothing at all.
func Junk(length, n int) []string {
	junk := make([]string, n)
	for i := range junk {
		junk[i] = rawURL(secret.Random(length))[:length]
	}
	return junk
}

// Pool writes values to a file, one a line, for load.Load.
func (r *Rig) Pool(name string, values []string) (file string, err error) {
	file = filepath.Join(r.folder, "pool-"+name)
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return "", fmt.Errorf("write pool: %w", err)
	}
	w := bufio.NewWriter(f)
	for _, v := range values {
		_, _ = w.WriteString(v + "\n") // Flush tells
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return "", fmt.Errorf("write pool: %w", err)
	}
	return file, nil
}

func rawURL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
