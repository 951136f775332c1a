package caddymodule

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

// onSecretFile is a database whose secret is in the data folder.
type onSecretFile struct {
	store    *sqlstore.Store
	settings string
}

func newOnSecretFile(t *testing.T) *onSecretFile {
	t.Helper()
	f := &onSecretFile{settings: `{"data_dir": ` + strconv.Quote(t.TempDir()) + `}`}
	store, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: resolvedOf(t, f.settings).database.RevealString(), Logger: logsink.Present(), Now: nodeclock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.store = store.WithDigester(func(id authcore.Identifier) secret.Digest { return secret.SumString(string(id.Kind) + id.Value) })
	return f
}

// ops is that of one more configuration. It has opened the keys.
func (f *onSecretFile) ops(t *testing.T) *adminOps {
	t.Helper()
	cfg := resolvedOf(t, f.settings)
	sealer, err := cfg.sealer(t.Context(), f.store)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.New(keyring.Config{Store: f.store, Sealer: sealer, Algorithm: cfg.algorithm,
		AccessLifetime: cfg.longestAccess, Logger: logsink.Present(), Now: nodeclock.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := newAdminOps(cfg, f.store, ring, sealer, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (f *onSecretFile) sealMail(t *testing.T, by *secret.Sealer) {
	t.Helper()
	sealed, err := by.Seal(notify.SealPurpose, []byte("waits"))
	if err != nil {
		t.Fatal(err)
	}
	m := authcore.Mail{ID: uuid.Must(uuid.NewV7()), Kind: authcore.MailVerify, Sealed: sealed, CreatedAt: nodeclock.Now()}
	if err := f.store.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{m}}); err != nil {
		t.Fatal(err)
	}
}

// opens checks that what the file holds opens keys and mails, as after a start.
func (f *onSecretFile) opens(t *testing.T, mails int) {
	t.Helper()
	sealer := f.ops(t).sealer
	waiting, err := f.store.SealedMails(t.Context(), uuid.Nil, mails+1)
	if err != nil || len(waiting) != mails {
		t.Fatalf("%d mails wait, expected %d (error %v)", len(waiting), mails, err)
	}
	for _, m := range waiting {
		if _, err := sealer.Open(notify.SealPurpose, m.Sealed); err != nil {
			t.Error(err)
		}
	}
}

func mustRead(t *testing.T, path string) []string {
	t.Helper()
	secrets, err := readSecrets(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, s := range secrets {
		lines = append(lines, s.RevealString())
	}
	return lines
}

// Many rotations at once, over the two configurations of a reload, leave one secret, and it opens everything.
func TestRotateSecret_AtOnce(t *testing.T) {
	t.Parallel()
	f := newOnSecretFile(t)
	desks := []*adminOps{f.ops(t), f.ops(t)}
	f.sealMail(t, desks[0].sealer)
	path := desks[0].cfg.secretPath()
	first := mustRead(t, path)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, err := desks[i%2].rotateSecret(t.Context()); err != nil {
				t.Errorf("rotation %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if left := mustRead(t, path); len(left) != 1 || slices.Equal(left, first) {
		t.Errorf("%d secrets in the file, the first among them: %t", len(left), slices.Contains(left, first[0]))
	}
	f.opens(t, 1)
}

// A configuration that was loaded before a rotation, and did not do it, seals under the new secret too.
func TestRotateSecret_ReachesEveryConfiguration(t *testing.T) {
	t.Parallel()
	f := newOnSecretFile(t)
	rotating, other := f.ops(t), f.ops(t)
	if done, err := rotating.rotateSecret(t.Context()); err != nil || done.Keys != 5 || done.File == "" {
		t.Errorf("%+v (error %v)", done, err)
	}
	f.sealMail(t, other.sealer)
	if _, err := other.ring.Rotate(t.Context()); err != nil {
		t.Error(err)
	}
	f.opens(t, 1)
}

// What was sealed before a rotation, such as a mail not yet saved, the process still opens after it.
func TestRotateSecret_MailUnderWay(t *testing.T) {
	t.Parallel()
	f := newOnSecretFile(t)
	d := f.ops(t)
	sealed, err := d.sealer.Seal(notify.SealPurpose, []byte("waits"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.rotateSecret(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.sealer.Open(notify.SealPurpose, sealed); err != nil {
		t.Error(err)
	}
}

// Who cannot wait any longer has changed nothing.
func TestRotateSecret_WaitEnds(t *testing.T) {
	t.Parallel()
	f := newOnSecretFile(t)
	d := f.ops(t)
	path := d.cfg.secretPath()
	before := mustRead(t, path)
	free, err := secretUseOf(path).take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := d.rotateSecret(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another rotation") {
		t.Errorf("the error is %v", err)
	}
	if after := mustRead(t, path); !slices.Equal(after, before) {
		t.Error("the file has changed")
	}
	free()
	if _, err := d.rotateSecret(t.Context()); err != nil {
		t.Error(err)
	}
}

// What was put into the file while secrets were exchanged stays; only the old ones go, also when the file is gone.
func TestSecretUse_Drop(t *testing.T) {
	t.Parallel()
	f := newOnSecretFile(t)
	path := f.ops(t).cfg.secretPath()
	use, made, third := secretUseOf(path), madeSecret(), madeSecret()
	old, err := use.put(path, made)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeSecrets(path, append(slices.Clone(old), third)...); err != nil {
		t.Fatal(err)
	}
	if err := use.drop(path, made, old); err != nil {
		t.Error(err)
	}
	if left := mustRead(t, path); !slices.Equal(left, []string{made.RevealString(), third.RevealString()}) {
		t.Errorf("%d secrets are left, expected the new one and that put there by hand", len(left))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := use.drop(path, made, old); err != nil {
		t.Error(err)
	}
	if left := mustRead(t, path); !slices.Equal(left, []string{made.RevealString()}) {
		t.Errorf("%d secrets are left, expected the new one", len(left))
	}
}
