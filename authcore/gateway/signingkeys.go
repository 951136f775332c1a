package gateway

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
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
