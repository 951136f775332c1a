package caddymodule

import (
	"context"
	"errors"

	"github.com/gatehouse-auth/gatehouse/authcore/operator"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
)

// rotated is the answer of `gatehouse secret rotate`.
type rotated struct {
	operator.Resealed
	// File holds the new secret; "" where the option `secret` is set.
	File string `json:"file,omitempty"`
}

// rotateSecret lets the first of the configured secrets open everything. Where none is configured it makes a new one in
// the data folder first, and removes the old one at the end. Stopped at any point, the file holds every secret that is
// needed, and the next try goes on.
func (d *desk) rotateSecret(ctx context.Context) (rotated, error) {
	if len(d.cfg.secrets) > 0 {
		done, err := d.operator.Reseal(ctx, d.sealer)
		return rotated{Resealed: done}, err
	}
	path := d.cfg.secretPath()
	present, err := readSecrets(path)
	if err != nil {
		return rotated{}, err
	}
	made := madeSecret()
	both := append([]secret.Value{made}, present...)
	if err := errors.Join(writeSecrets(path, both...), d.sealer.Use(both...)); err != nil {
		return rotated{}, err
	}
	done, err := d.operator.Reseal(ctx, d.sealer)
	if err == nil {
		err = errors.Join(writeSecrets(path, made), d.sealer.Use(made))
	}
	return rotated{Resealed: done, File: path}, err
}
