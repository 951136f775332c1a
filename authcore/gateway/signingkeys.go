package gateway

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
)

// SigningKeys are the keys of a ring as administrators see and rotate them.
func SigningKeys(ring *keyring.Ring) httpapi.SigningKeys { return signingKeys{ring} }

type signingKeys struct{ ring *keyring.Ring }

// ListKeys implements httpapi.SigningKeys.
func (s signingKeys) ListKeys(ctx context.Context) ([]httpapi.SigningKey, error) {
	return shownKeys(s.ring.List(ctx))
}

// RotateKeys implements httpapi.SigningKeys.
func (s signingKeys) RotateKeys(ctx context.Context) ([]httpapi.SigningKey, error) {
	return shownKeys(s.ring.Rotate(ctx))
}

func shownKeys(list []keyring.Info, err error) ([]httpapi.SigningKey, error) {
	keys := make([]httpapi.SigningKey, len(list))
	for i, k := range list {
		keys[i] = httpapi.SigningKey{KID: k.KID, Use: k.Use, Algorithm: k.Algorithm, State: string(k.State), CreatedAt: k.CreatedAt,
			NotBefore: timeOrNull(k.NotBefore), RetireAt: timeOrNull(k.RetireAt), RemoveAt: timeOrNull(k.RemoveAt)}
	}
	return keys, err
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// ConsoleKeys are the keys of a ring as the console shows and rotates them.
func ConsoleKeys(ring *keyring.Ring) portal.SigningKeys { return consoleKeys{ring} }

type consoleKeys struct{ ring *keyring.Ring }

// ListKeys implements portal.SigningKeys.
func (c consoleKeys) ListKeys(ctx context.Context) ([]portal.SigningKey, error) {
	list, err := c.ring.List(ctx)
	keys := make([]portal.SigningKey, len(list))
	for i, k := range list {
		keys[i] = portal.SigningKey{KID: k.KID, Use: k.Use, Algorithm: k.Algorithm, State: string(k.State), CreatedAt: k.CreatedAt, RemoveAt: k.RemoveAt}
	}
	return keys, err
}

// RotateKeys implements portal.SigningKeys.
func (c consoleKeys) RotateKeys(ctx context.Context) error {
	_, err := c.ring.Rotate(ctx)
	return err
}
