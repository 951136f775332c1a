package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"weak"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
)

// secretUses holds what this process makes of each secret file, by path. Two configurations have the same file for the
// time of a reload; another process is kept off by the lock of the SQLite database, which is open in every such use.
var secretUses sync.Map // path → *secretUse

// secretUse makes changes of one file, and of every sealer that was made of its content, one.
type secretUse struct {
	turn    chan struct{} // holds one while one secret takes the place of another
	mu      sync.Mutex    // held while the file is read or written and the sealers follow
	sealers []weak.Pointer[secret.Sealer]
}

func secretUseOf(path string) *secretUse {
	u, _ := secretUses.LoadOrStore(path, &secretUse{turn: make(chan struct{}, 1)})
	return u.(*secretUse)
}

// take waits for the turn to rotate. free gives it back.
func (u *secretUse) take(ctx context.Context) (free func(), err error) {
	select {
	case u.turn <- struct{}{}:
		return func() { <-u.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// sealer returns a new sealer of what the file holds, which follows the file's changes.
func (u *secretUse) sealer(ctx context.Context, r *resolved, keys keyring.Store) (*secret.Sealer, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	secrets, err := r.fileSecrets(ctx, keys)
	if err != nil {
		return nil, err
	}
	s, err := secret.NewSealer(secrets...)
	if err != nil {
		return nil, err
	}
	u.sealers = append(u.sealers, weak.Make(s))
	return s, nil
}

// put lets a new secret seal and those of the file still unseal. It returns the latter.
func (u *secretUse) put(path string, made secret.Value) (old []secret.Value, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if old, err = readSecrets(path); err != nil {
		return nil, err
	}
	both := slices.Concat([]secret.Value{made}, old)
	if err = writeSecrets(path, both...); err != nil {
		return nil, err
	}
	u.sealers = slices.DeleteFunc(u.sealers, func(p weak.Pointer[secret.Sealer]) bool {
		s := p.Value()
		if s != nil {
			err = errors.Join(err, s.Use(both...))
		}
		return s == nil
	})
	return old, err
}

// drop takes the old secrets, under which nothing is sealed any more, out of the file, and no others that have come into
// it since. The sealers go on unsealing with them: a mail that was sealed before the change and is saved after it is
// still sent.
func (u *secretUse) drop(path string, made secret.Value, old []secret.Value) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	left, err := readSecrets(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	gone := append(slices.Clone(old), made)
	left = slices.DeleteFunc(left, func(s secret.Value) bool {
		return slices.ContainsFunc(gone, func(g secret.Value) bool { return bytes.Equal(g.Reveal(), s.Reveal()) })
	})
	return writeSecrets(path, slices.Concat([]secret.Value{made}, left)...)
}
