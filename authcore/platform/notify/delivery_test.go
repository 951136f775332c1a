package notify_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testsmtp"
)

// office is a worker over a real database and a real mail server.
type office struct {
	*notify.Notifier
	store    *sqlstore.Store
	log      *lines
	outcomes *outcomes
}

// openOffice starts the worker. Letters may take half a second each.
func openOffice(t *testing.T, store *sqlstore.Store, sender notify.Sender) *office {
	t.Helper()
	o := &office{store: store, log: &lines{}, outcomes: &outcomes{}}
	var err error
	o.Notifier, err = notify.New(notify.Config{
		Store: store, Sealer: sealer(t, "k"), Sender: sender, Timeout: 500 * time.Millisecond, Count: o.outcomes.add,
		Head:   notify.Letterhead{From: "no-reply@auth.example.com"},
		Logger: slog.New(slog.NewTextHandler(o.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var worker sync.WaitGroup
	worker.Go(func() { o.Run(ctx) })
	stop = func() { cancel(); worker.Wait() }
	t.Cleanup(stop)
	return stop
}

// post commits a mail to a recipient, as a request does, and returns how long that took.
func (o *office) post(t *testing.T, to string) time.Duration {
	t.Helper()
	start := time.Now()
	m := verify()
	m.To = to
	sealed, err := o.Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.store.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{sealed}}); err != nil {
		t.Fatal(err)
	}
	o.Nudge()
	return time.Since(start)
}

func (o *office) waiting(t *testing.T) int {
	t.Helper()
	n, _, err := o.store.OutboxDepth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// recipients counts the mails of a server by recipient.
func recipients(s *testsmtp.Server) map[string]int {
	count := map[string]int{}
	for _, m := range s.Mails() {
		count[m.To]++
	}
	return count
}

func wantEachOnce(t *testing.T, s *testsmtp.Server, to ...string) {
	t.Helper()
	got := recipients(s)
	for _, address := range to {
		if got[address] != 1 {
			t.Errorf("%s got %d mails, want 1", address, got[address])
		}
	}
	if len(got) != len(to) {
		t.Errorf("mails went to %d recipients, want %d", len(got), len(to))
	}
}

// TestDelivery_RefusedAndBusy: a recipient who is refused is given up at once, one who is put off gets the mail later,
// and neither keeps the others waiting.
func TestDelivery_RefusedAndBusy(t *testing.T) {
	t.Parallel()
	server, sender := plainServer(t, testsmtp.Setup{})
	server.Behave(t, testsmtp.Plan{Next: map[string][]string{testsmtp.To: {
		"550 5.1.1 <gone@example.org>: no such user", "451 4.7.1 <busy@example.org>: greylisted", testsmtp.Good,
	}}})
	o := openOffice(t, openStore(t), sender)
	for _, to := range []string{"gone@example.org", "busy@example.org", "bob@example.org"} {
		o.post(t, to)
	}
	o.run(t)
	await(t, "an empty outbox", func() bool { return o.waiting(t) == 0 })
	await(t, "the last count", func() bool {
		o.outcomes.mu.Lock()
		defer o.outcomes.mu.Unlock()
		return o.outcomes.of == [3]int{2, 1, 1}
	})
	wantEachOnce(t, server, "busy@example.org", "bob@example.org")
	if n := server.Connections(); n > 2 {
		t.Errorf("%d connections", n)
	}
	log := o.log.String()
	if strings.Contains(log, "@") || strings.Count(log, "gave up on a mail") != 1 || !strings.Contains(log, "5.1.1") {
		t.Errorf("the log is\n%s", log)
	}
}

// TestDelivery_DeadServer: nothing is lost while the server is away, the log tells of the outage and of its end once each,
// and committing a mail takes no longer.
func TestDelivery_DeadServer(t *testing.T) {
	t.Parallel()
	server, sender := plainServer(t, testsmtp.Setup{})
	server.Kill()
	o := openOffice(t, openStore(t), sender)
	o.run(t)
	to := []string{"a@example.org", "b@example.org", "c@example.org", "d@example.org"}
	for _, address := range to {
		o.post(t, address)
	}
	await(t, "several tries", func() bool {
		o.outcomes.mu.Lock()
		defer o.outcomes.mu.Unlock()
		return o.outcomes.of[notify.Failed] >= 3
	})
	if waiting, _, lastErr := o.Health(); waiting != len(to) || !strings.Contains(lastErr, "refused") {
		t.Errorf("health: %d waiting, error %q", waiting, lastErr)
	}
	server.Revive(t)
	await(t, "an empty outbox", func() bool { return o.waiting(t) == 0 })
	await(t, "health", func() bool { waiting, _, lastErr := o.Health(); return waiting == 0 && lastErr == "" })
	wantEachOnce(t, server, to...)
	if log := o.log.String(); strings.Count(log, "mail is delayed") != 1 || strings.Count(log, "mail is sent again") != 1 || strings.Contains(log, "@") {
		t.Errorf("the log is\n%s", log)
	}
}

// TestDelivery_SlowServer: a server that takes a mail's content and then says nothing costs the time of one letter, in the
// worker alone.
func TestDelivery_SlowServer(t *testing.T) {
	t.Parallel()
	server, sender := plainServer(t, testsmtp.Setup{})
	server.Behave(t, testsmtp.Plan{Always: map[string]string{testsmtp.End: testsmtp.Hang}})
	o := openOffice(t, openStore(t), sender)
	stop := o.run(t)
	to := []string{"a@example.org", "b@example.org", "c@example.org"}
	quickest := time.Hour
	for _, address := range to {
		quickest = min(quickest, o.post(t, address))
	}
	if quickest > 400*time.Millisecond {
		t.Errorf("committing a mail took %v", quickest)
	}
	await(t, "two tries", func() bool {
		o.outcomes.mu.Lock()
		defer o.outcomes.mu.Unlock()
		return o.outcomes.of[notify.Failed] >= 2
	})
	start := time.Now()
	stop()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	server.Behave(t, testsmtp.Plan{})
	o.run(t)
	await(t, "an empty outbox", func() bool { return o.waiting(t) == 0 })
	wantEachOnce(t, server, to...)
}

// TestDelivery_ServerDiesMidway: a connection that breaks in the content or before the receipt loses nothing. Only where
// the server had taken the mail already does the reader get it again, under the same Message-ID.
func TestDelivery_ServerDiesMidway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stage, how string
		mails      int
	}{
		{testsmtp.Content, testsmtp.Close, 1}, {testsmtp.End, testsmtp.Close, 1}, {testsmtp.End, testsmtp.TakeClose, 2},
	} {
		t.Run(c.stage+" "+c.how, func(t *testing.T) {
			t.Parallel()
			server, sender := plainServer(t, testsmtp.Setup{})
			server.Behave(t, testsmtp.Plan{Next: map[string][]string{c.stage: {c.how}}})
			o := openOffice(t, openStore(t), sender)
			o.run(t)
			o.post(t, "bob@example.org")
			await(t, "an empty outbox", func() bool { return o.waiting(t) == 0 })
			got := server.Mails()
			if len(got) != c.mails {
				t.Fatalf("%d mails arrived, want %d", len(got), c.mails)
			}
			for _, m := range got {
				if id := header(m, "Message-ID: "); id == "" || id != header(got[0], "Message-ID: ") {
					t.Errorf("Message-IDs %q and %q", header(got[0], "Message-ID: "), id)
				}
			}
		})
	}
}

func header(m testsmtp.Mail, name string) string {
	_, rest, _ := strings.Cut(string(m.Content), "\r\n"+name)
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// TestDelivery_RestartWithMailsWaiting: mails that waited when the node stopped go out once each when another runs.
func TestDelivery_RestartWithMailsWaiting(t *testing.T) {
	t.Parallel()
	server, sender := plainServer(t, testsmtp.Setup{})
	server.Behave(t, testsmtp.Plan{Next: map[string][]string{testsmtp.To: {"", "", "421 4.3.2 closing"}}, Always: map[string]string{testsmtp.Greeting: ""}})
	store := openStore(t)
	first := openOffice(t, store, sender)
	var to []string
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		to = append(to, name+"@example.org")
		first.post(t, name+"@example.org")
	}
	stop := first.run(t)
	await(t, "the first mails", func() bool { return len(server.Mails()) >= 2 })
	stop()
	second := openOffice(t, store, newSMTP(t, configFor(t, server, notify.Plaintext, nil)))
	second.run(t)
	await(t, "an empty outbox", func() bool { return second.waiting(t) == 0 })
	wantEachOnce(t, server, to...)
}
