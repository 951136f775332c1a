package caddymodule

import (
	"context"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/operator"
)

// rotated is the answer of `gatehouse secret rotate`.
type rotated struct {
	operator.Resealed
	// File holds the new secret; "" where the option `secret` is set.
	File string `json:"file,omitempty"`
}

// rotateSecret lets the first of the configured secrets open everything. Where none is configured it makes a new one in
// the data folder first, and removes the old one at the end. Stopped at any point, the file holds every secret that is
// needed, and the next try goes on. Of several callers each waits for the one before, or for the end of its ctx.
func (d *adminOps) rotateSecret(ctx context.Context) (rotated, error) {
	if len(d.cfg.secrets) > 0 {
		done, err := d.operator.Reseal(ctx, d.sealer)
		return rotated{Resealed: done}, err
	}
	path := d.cfg.secretPath()
	use := secretUseOf(path)
	free, err := use.take(ctx)
	if err != nil {
		return rotated{}, fmt.Errorf("wait for another rotation of the secret: %w", err)
	}
	defer free()
	made := madeSecret()
	old, err := use.put(path, made)
	if err != nil {
		return rotated{}, err
	}
	done, err := d.resealAll(ctx)
	if err == nil {
		err = use.drop(path, made, old)
	}
	return rotated{Resealed: done, File: path}, err
}

// resealAll seals anew until it finds nothing to seal: a mail that was sealed just before the secret changed may come
// into the database behind the place that has been read.
func (d *adminOps) resealAll(ctx context.Context) (total operator.Resealed, err error) {
	for {
		done, err := d.operator.Reseal(ctx, d.sealer)
		total.Keys += done.Keys
		total.Mails += done.Mails
		total.Links += done.Links
		total.Seeds += done.Seeds
		total.Grants += done.Grants
		if err != nil || done == (operator.Resealed{}) {
			return total, err
		}
	}
}
