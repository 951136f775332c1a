package caddymodule

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
)

// secretFile is where a node on SQLite keeps the secret it made for itself: one to a line, of which the first seals and
// all unseal. There are several only while one takes the place of another.
const secretFile = "secret"

// errSecretGone: the file is not there, although the database has keys that only its content opens.
var errSecretGone = errors.New("the secret is gone")

// sealer returns what opens and seals the keys in the database: the configured secrets, else the one in the data folder,
// which is made when the database is new as well. A missing file beside a database with keys is an error: another secret
// could not open them, and new keys would log everybody out. It is the same one for every caller, so that all of a
// configuration change to other secrets together.
func (r *resolved) sealer(ctx context.Context, keys keyring.Store) (*secret.Sealer, error) {
	if r.held != nil {
		return r.held, nil
	}
	held, err := r.newSealer(ctx, keys)
	if err != nil {
		return nil, err
	}
	r.held = held
	return held, nil
}

func (r *resolved) newSealer(ctx context.Context, keys keyring.Store) (*secret.Sealer, error) {
	if len(r.secrets) > 0 {
		return secret.NewSealer(r.secrets...)
	}
	held, err := secretUseOf(r.secretPath()).sealer(ctx, r, keys)
	r.warnings = append(r.warnings, openToOthers(r.secretPath())...)
	return held, err
}

// databaseMark is the file that shows that the SQLite database has been there (sqlstore.Config.Mark): a secret is made only after
// the tables are, so a first start that is killed at any moment leaves none beside a database without them. With the option
// `secret` there need be no such file.
func (r *resolved) databaseMark() string {
	if _, err := os.Stat(r.secretPath()); len(r.secrets) > 0 && err != nil {
		return ""
	}
	return r.secretPath()
}

// foreign adds to the error of a secret that does not open the keys where it lies, what it does not open, and what to do.
func (r *resolved) foreign(err error) error {
	if !errors.Is(err, secret.ErrUnsealable) {
		return err
	}
	where, database := r.secretPath(), "the database"
	if len(r.secrets) > 0 {
		where = "the option secret"
	}
	if r.sqlitePath != "" {
		database += " file " + r.sqlitePath
	}
	return fmt.Errorf("%s cannot decrypt the keys in %s: restore the secret that belongs to this database, or the database that belongs to "+
		"the secret; if there is no copy, `gatehouse secret reset` discards the keys and signs everyone out: %w", where, database, err)
}

// openToOthers returns a warning where others on this machine may read the secret.
func openToOthers(path string) (warnings []string) {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 || runtime.GOOS == "windows" {
		return nil
	}
	return []string{fmt.Sprintf("other users of this machine can read the secret in %s (mode %04o): chmod 600 %[1]s", path, info.Mode().Perm())}
}

func (r *resolved) secretPath() string { return filepath.Join(r.dataDir, secretFile) }

func (r *resolved) fileSecrets(ctx context.Context, keys keyring.Store) ([]secret.Value, error) {
	path := r.secretPath()
	secrets, err := readSecrets(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secrets, err
	}
	present, err := keys.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	if len(present) > 0 && !r.replaceSecret {
		return nil, fmt.Errorf("%w: it was in %s, and only it can decrypt the keys in the database: "+
			"restore the file, or set the option secret to its content; "+
			"if there is no copy, `gatehouse secret reset` discards the keys and signs everyone out", errSecretGone, path)
	}
	return makeSecrets(path)
}

// makeSecrets makes the file with a new secret, unless another process does so at the same time: then it is that one's for
// both. Of a database the lock keeps others off, of a folder that several databases share nothing does.
func makeSecrets(path string) ([]secret.Value, error) {
	made := madeSecret()
	err := placeSecrets(path, os.Link, made) // a link takes no other file's place
	switch {
	case errors.Is(err, fs.ErrExist):
		return readSecrets(path)
	case errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission): // a file system without links
		err = writeSecrets(path, made)
	}
	return []secret.Value{made}, err
}

// readSecrets wraps fs.ErrNotExist where there is no file.
func readSecrets(path string) (secrets []secret.Value, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if len(line) < minSecretBytes {
			return nil, fmt.Errorf("the secret in %s is shorter than %d bytes: restore the right file", path, minSecretBytes)
		}
		secrets = append(secrets, secret.FromString(line))
	}
	if len(secrets) == 0 {
		return nil, fmt.Errorf("%s contains no secret: restore the right file", path)
	}
	return secrets, nil
}

func madeSecret() secret.Value {
	return secret.FromString(base64.RawURLEncoding.EncodeToString(secret.Random(32)))
}

// writeSecrets writes the file whole or not at all, durable before anything is sealed under what it holds.
func writeSecrets(path string, secrets ...secret.Value) error {
	return placeSecrets(path, os.Rename, secrets...)
}

// placeSecrets writes a file of another name and lets place give it its own.
func placeSecrets(path string, place func(from, to string) error, secrets ...secret.Value) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make data_dir: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // 0600
	if err != nil {
		return fmt.Errorf("make secret: %w", err)
	}
	defer os.Remove(f.Name()) // gone already if it was renamed
	for s := range slices.Values(secrets) {
		_, failed := f.WriteString(s.RevealString() + "\n")
		err = errors.Join(err, failed)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("make secret: %w", err)
	}
	if err := place(f.Name(), path); err != nil {
		return fmt.Errorf("make secret: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("make secret: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}
