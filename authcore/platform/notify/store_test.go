package notify_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

func openStore(t *testing.T) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), sqlstore.Config{
		URL: "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db"), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
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
	return store
}

// await waits until ready, for at most 20 s.
func await(t *testing.T, what string, ready func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !ready() {
		select {
		case <-deadline:
			t.Fatal("waited in vain for " + what)
		case <-time.After(time.Millisecond):
		}
	}
}

// TestK11_EachMailOnce: three workers on one database write into one folder.
func TestK11_EachMailOnce(t *testing.T) {
	t.Parallel()
	const mails = 60
	store, dir := openStore(t), t.TempDir()
	var nodes []*house
	for range 3 {
		outbox, err := notify.OpenOutbox(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		n, err := notify.New(notify.Config{Store: store, Sealer: sealer(t, "k"), Sender: outbox, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, &house{Notifier: n})
	}
	ids := map[string]int{}
	for range mails {
		m, err := nodes[0].Compose(verify())
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{m}}); err != nil {
			t.Fatal(err)
		}
		ids[m.ID.String()] = 0
	}
	for _, n := range nodes {
		n.run(t)
	}
	await(t, "an empty outbox", func() bool {
		waiting, _, err := store.OutboxDepth(t.Context())
		return err == nil && waiting == 0
	})
	for _, name := range names(t, dir) {
		_, id, _ := strings.Cut(strings.TrimSuffix(name, ".eml"), "-")
		ids[id]++
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("mail %s was written %d times", id, n)
		}
	}
	if len(ids) != mails {
		t.Errorf("%d different mails were written, want %d", len(ids), mails)
	}
}

// TestOutbox_FromCommitToFile is the way of one mail, with real parts only.
func TestOutbox_FromCommitToFile(t *testing.T) {
	t.Parallel()
	store, dir := openStore(t), filepath.Join(t.TempDir(), "outbox")
	outbox, err := notify.OpenOutbox(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := notify.New(notify.Config{Store: store, Sealer: sealer(t, "k"), Sender: outbox})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Notifier: n}
	h.run(t)
	await(t, "the first look", func() bool { _, _, e := n.Health(); return e == "" })
	m, err := n.Compose(verify())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{m}}); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	n.Nudge()
	await(t, "the file", func() bool { return len(names(t, dir)) == 1 && strings.HasSuffix(names(t, dir)[0], ".eml") })
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("the file came %v after the nudge", took)
	}
	raw, err := os.ReadFile(filepath.Join(dir, names(t, dir)[0]))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), "\r\n123456\r\n") || !strings.Contains(string(raw), "\r\n"+verify().Link+"\r\n") {
		t.Errorf("code or link is not in\n%s", raw)
	}
}
