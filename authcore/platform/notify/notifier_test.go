package notify_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

// queue is an outbox store in memory.
type queue struct {
	now func() time.Time

	mu    sync.Mutex
	order []uuid.UUID
	rows  map[uuid.UUID]*row
	down  error
	lost  error // what MailSent returns
}

type row struct {
	mail    authcore.Mail
	due     time.Time
	sent    int
	dropped bool
}

func newQueue(now func() time.Time) *queue { return &queue{now: now, rows: map[uuid.UUID]*row{}} }

func (q *queue) add(m authcore.Mail) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rows[m.ID] = &row{mail: m, due: m.CreatedAt}
	q.order = append(q.order, m.ID)
}

func (q *queue) row(id uuid.UUID) row {
	q.mu.Lock()
	defer q.mu.Unlock()
	return *q.rows[id]
}

func (q *queue) ClaimMail(ctx context.Context, now time.Time, lease time.Duration, limit int) (ms []authcore.Mail, _ error) {
	return q.claim(ctx, authcore.ByEmail, now, lease, limit)
}

func (q *queue) ClaimSMS(ctx context.Context, now time.Time, lease time.Duration, limit int) (ms []authcore.Mail, _ error) {
	return q.claim(ctx, authcore.BySMS, now, lease, limit)
}

func (q *queue) claim(ctx context.Context, by authcore.Channel, now time.Time, lease time.Duration, limit int) (ms []authcore.Mail, _ error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.down != nil {
		return nil, q.down
	}
	for _, id := range q.order {
		r := q.rows[id]
		if r.mail.Channel == by && r.sent == 0 && !r.dropped && !r.due.After(now) && len(ms) < limit {
			ms = append(ms, r.mail)
			r.due = now.Add(lease)
			r.mail.Attempts++
		}
	}
	return ms, ctx.Err()
}

func (q *queue) MailSent(ctx context.Context, id uuid.UUID, _ time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := errors.Join(ctx.Err(), q.lost); err != nil {
		return err
	}
	q.rows[id].sent++
	return nil
}

func (q *queue) MailFailed(ctx context.Context, id uuid.UUID, next time.Time, drop bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	q.rows[id].due, q.rows[id].dropped = next, drop
	return nil
}

func (q *queue) OutboxDepth(context.Context) (n int, oldest time.Time, _ error) {
	return q.depth(authcore.ByEmail)
}

func (q *queue) SMSDepth(context.Context) (n int, oldest time.Time, _ error) {
	return q.depth(authcore.BySMS)
}

func (q *queue) depth(by authcore.Channel) (n int, oldest time.Time, _ error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.rows {
		if r.mail.Channel == by && r.sent == 0 && !r.dropped {
			n++
			if oldest.IsZero() || r.mail.CreatedAt.Before(oldest) {
				oldest = r.mail.CreatedAt
			}
		}
	}
	return n, oldest, q.down
}

func (q *queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.down = err
}

func (q *queue) lose(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost = err
}

// recorder is a sender that keeps what it got.
type recorder struct {
	mu      sync.Mutex
	letters []notify.Letter
	err     error
	block   chan struct{} // when set, Send waits for it or for ctx
}

func (r *recorder) Send(ctx context.Context, l notify.Letter) error {
	if r.block != nil {
		select {
		case <-r.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	r.letters = append(r.letters, l)
	return nil
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *recorder) got() []notify.Letter {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]notify.Letter(nil), r.letters...)
}

// only returns the one letter sent.
func (r *recorder) only(t *testing.T) notify.Letter {
	t.Helper()
	got := r.got()
	if len(got) != 1 {
		t.Fatalf("%d letters were sent, want 1", len(got))
	}
	return got[0]
}

// house is a notifier with its surroundings.
type house struct {
	*notify.Notifier
	queue    *queue
	sender   *recorder
	log      *lines
	outcomes *outcomes
}

// outcomes counts outcomes.
type outcomes struct {
	mu sync.Mutex
	of [3]int
}

func (c *outcomes) add(o notify.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[o]++
}

// want compares the counts of sent, failed and dropped.
func (c *outcomes) want(t *testing.T, sent, failed, dropped int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if want := [3]int{sent, failed, dropped}; c.of != want {
		t.Errorf("counted %d sent, failed, dropped; want %d", c.of, want)
	}
}

type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func sealer(t *testing.T, key string) *secret.Sealer {
	t.Helper()
	s, err := secret.NewSealer(secret.FromString(strings.Repeat(key, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newHouse(t *testing.T, templates ...notify.Templates) *house {
	t.Helper()
	h := &house{queue: newQueue(time.Now), sender: &recorder{}, log: &lines{}, outcomes: &outcomes{}}
	var err error
	cfg := notify.Config{
		Store: h.queue, Sealer: sealer(t, "k"), Sender: h.sender, Count: h.outcomes.add,
		Head:   notify.Letterhead{From: "no-reply@auth.example.com", Brand: "Example"},
		Logger: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if len(templates) > 0 {
		cfg.Templates = templates[0]
	}
	h.Notifier, err = notify.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// post composes a message and puts it into the outbox.
func (h *house) post(t *testing.T, m authcore.Message) authcore.Mail {
	t.Helper()
	mail, err := h.Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	h.queue.add(mail)
	h.Nudge()
	return mail
}

// run starts the worker; it is stopped and waited for at the end of the test.
func (h *house) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var worker sync.WaitGroup
	worker.Go(func() { h.Run(ctx) })
	stop = func() { cancel(); worker.Wait() }
	t.Cleanup(stop)
	return stop
}

func verify() authcore.Message {
	return authcore.Message{
		Kind: authcore.MailVerify, To: "bob@example.org", Name: "Bob", Code: "123456",
		Link: "https://auth.example.com/auth/verify?token=9876543210abcdefghijklmnopqrstuvwxyz98765", Expiry: 10 * time.Minute,
	}
}

func TestCompose_SealsEverything(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	m := verify()
	a, err := h.Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	if a.ID == b.ID || a.ID.Version() != 7 || a.Kind != m.Kind || a.CreatedAt.IsZero() {
		t.Errorf("got %v, %v: want own v7 ids, the kind and the time", a, b)
	}
	for _, word := range []string{m.To, m.Name, m.Code, m.Link, "token"} {
		if bytes.Contains(a.Sealed, []byte(word)) {
			t.Errorf("%q can be read in the sealed mail", word)
		}
	}
}

// TestI01_HeaderInjection: an address or name with more in it than itself is refused, or
// stays what it is, in the composer and in the writer of headers.
func TestI01_HeaderInjection(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, to := range []string{
		"", "a", "a@", "@x.com", "a@x.com\r\nBcc: v@y.com", "a@x.com\nBcc: v@y.com", "a@x.com\rBcc: v@y.com", "a@x.com\x00", "a@x.com, v@y.com",
		"a@x.com,v@y.com", "a@x.com;v@y.com", "a@x.com v@y.com", "A <a@x.com>", "<a@x.com>", "a@x.com (b)", "(b)a@x.com", "g: a@x.com;", " a@x.com", "a@x.com ",
		"\"a b\"@x.com", "a@x.com\u2028Bcc: v@y.com", "a@x.com\u0085", "a@x.com%0d%0aBcc:v@y.com", strings.Repeat("a", 300) + "@x.com", strings.Repeat("(", 100_000) + "@x.com",
	} {
		m := verify()
		m.To = to
		_, err := h.Compose(m)
		if err == nil {
			t.Errorf("a mail to %.60q was composed", to)
		} else if len(to) > 2 && strings.Contains(err.Error(), to) {
			t.Errorf("the error quotes the address: %v", err)
		}
		l := notify.Letter{From: "no-reply@example.com", To: to, Subject: "s", MessageID: "i@example.com", Date: time.Now()}
		if _, err := l.WriteTo(&bytes.Buffer{}); err == nil {
			t.Errorf("a letter to %.60q was written", to)
		}
	}
	for _, l := range []notify.Letter{
		{Subject: "s\r\nBcc: v@y.com", MessageID: "i@example.com"}, {Subject: "s\nBcc: v@y.com", MessageID: "i@example.com"}, {Subject: "s", MessageID: "i>\r\nBcc: v@y.com"},
	} {
		l.From, l.To, l.Date = "no-reply@example.com", "a@example.com", time.Now()
		if _, err := l.WriteTo(&bytes.Buffer{}); err == nil {
			t.Errorf("a letter with headers %q, %q was written", l.Subject, l.MessageID)
		}
	}
	for _, change := range []func(*authcore.Message){
		func(m *authcore.Message) { m.Code = "123456\r\n654321" },
		func(m *authcore.Message) { m.Code = "123 456" },
		func(m *authcore.Message) { m.Link = "https://x.example/\r\nhttps://evil.example" },
		func(m *authcore.Message) { m.Link = "javascript:alert(1)" },
		func(m *authcore.Message) { m.Link = "javascript://x.example/%0aalert(1)" },
		func(m *authcore.Message) { m.Link = "/auth/verify" },
		func(m *authcore.Message) { m.Link = "https://x.example/ https://evil.example" },
		func(m *authcore.Message) { m.Kind = "no_such_kind" },
	} {
		m := verify()
		change(&m)
		if _, err := h.Compose(m); err == nil {
			t.Errorf("composed: %+v", m)
		}
	}
}

func TestNew_RefusesWhatWouldBreakEveryMail(t *testing.T) {
	t.Parallel()
	good := notify.Config{Store: newQueue(time.Now), Sealer: sealer(t, "k"), Sender: &recorder{}}
	if _, err := notify.New(good); err != nil {
		t.Errorf("defaults: %v", err)
	}
	for name, change := range map[string]func(*notify.Config){
		"no store":        func(c *notify.Config) { c.Store = nil },
		"no sealer":       func(c *notify.Config) { c.Sealer = nil },
		"no sender":       func(c *notify.Config) { c.Sender = nil },
		"from with name":  func(c *notify.Config) { c.Head.From = "Example <a@example.com>" },
		"brand of lines":  func(c *notify.Config) { c.Head.Brand = "Example\r\nBcc: v@y.com" },
		"name of lines":   func(c *notify.Config) { c.Head.FromName = "Example\r\nBcc: v@y.com" },
		"brand too long":  func(c *notify.Config) { c.Head.Brand = strings.Repeat("x", 65) },
		"brand not UTF-8": func(c *notify.Config) { c.Head.Brand = "\xff" },
	} {
		cfg := good
		change(&cfg)
		if _, err := notify.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
