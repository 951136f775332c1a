package caddymodule

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
)

// secretFile is where a node on SQLite keeps the secret it made for itself.
const secretFile = "secret"

// sealer returns what opens and seals the keys in the database: the configured secrets, else the one in the data folder,
// which is made when the database is new as well. A missing file beside a database with keys is an error: another secret
// could not open them, and new keys would log everybody out.
func (r *resolved) sealer(ctx context.Context, keys authcore.KeyStore) (*secret.Sealer, error) {
	if len(r.secrets) > 0 {
		return secret.NewSealer(r.secrets...)
	}
	path := filepath.Join(r.dataDir, secretFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		present, err := keys.Keys(ctx)
		if err != nil {
			return nil, fmt.Errorf("read signing keys: %w", err)
		}
		if len(present) > 0 {
			return nil, fmt.Errorf("the secret in %s is gone, but the database has keys that only it opens: "+
				"put the file back, or set the option secret to its content; without it this database cannot be used any more, "+
				"and only an empty one starts anew", path)
		}
		text, err = makeSecret(path)
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	value := strings.TrimSpace(string(text))
	if len(value) < minSecretBytes {
		return nil, fmt.Errorf("the secret in %s is shorter than %d bytes: put the right file back", path, minSecretBytes)
	}
	return secret.NewSealer(secret.FromString(value))
}

// makeSecret writes the file whole or not at all, durable before any key is sealed under it.
func makeSecret(path string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make data_dir: %w", err)
	}
	text := []byte(base64.RawURLEncoding.EncodeToString(secret.Random(32)) + "\n")
	f, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // 0600
	if err != nil {
		return nil, fmt.Errorf("make secret: %w", err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("make secret: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return nil, fmt.Errorf("make secret: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("make secret: %w", err)
	}
	return text, errors.Join(dir.Sync(), dir.Close())
}
