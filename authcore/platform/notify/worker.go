package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const (
	tick      = 5 * time.Second // how often the outbox is looked at without a nudge
	markTime  = 3 * time.Second
	finish    = 3 * time.Second // for the letter in hand when the worker is stopped
	firstWait = time.Second
	maxWait   = 15 * time.Minute
	giveUp    = 24 * time.Hour
	// spare is how much longer a claim lasts than sending and marking can take. Only then may another node have the mail.
	spare = 2 * time.Second
)

// lane sends what the outbox has for one channel, by a worker of its own: a provider of SMS that hangs holds up no mail.
type lane struct {
	*Notifier
	channel authcore.Channel
	title   string // in logs: mail, SMS
	noun    string // with its article, in logs and errors
	timeout time.Duration
	count   func(Outcome)
	claim   func(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]authcore.Mail, error)
	depth   func(ctx context.Context) (int, time.Time, error)
	// bring renders a message and hands it to the sender.
	bring func(ctx context.Context, m authcore.Mail, text authcore.Message) error
	// rest lets the sender close what it keeps open between letters.
	rest   func()
	nudges chan struct{}

	mu     sync.Mutex // guards health
	health health
}

type health struct {
	waiting int
	oldest  time.Time
	lastErr string    // "" while all is well
	told    time.Time // when the log was told that it is not; zero: it was not
}

// Run sends due mails and SMS until ctx ends: at once after a nudge, else every five seconds. One
// that could not be sent is tried again after a second, then after growing waits up
// to a quarter of an hour, for a day at most and never once what it says has expired.
//
// A mail goes out once, with one exception: when the node dies, or its connection breaks,
// between the moment the server took the mail and the moment that is known here, the mail is
// sent again. Both have the same Message-ID, by which many systems show them as one. The same
// holds for an SMS, whose id a provider is told where it has a place for it.
func (n *Notifier) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, l := range n.lanes() {
		all.Go(func() { l.run(ctx) })
	}
	all.Wait()
}

func (n *lane) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer n.rest()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.nudges:
		case <-timer.C:
		}
		wait, err := n.drain(ctx)
		if err == nil {
			err = n.look(ctx)
		}
		if err != nil {
			n.fault(ctx, err)
		}
		n.rest()
		timer.Reset(wait)
	}
}

// drain sends what is due and returns how long to wait then. Mails are claimed one by one:
// they leave in the order in which they were written, and what a dying node holds is one.
func (n *lane) drain(ctx context.Context) (wait time.Duration, err error) {
	wait = tick
	looked := n.now()
	for ctx.Err() == nil {
		mails, err := n.claim(ctx, n.now(), n.timeout+markTime+spare, 1)
		if err != nil {
			return wait, fmt.Errorf("claiming %s: %w", n.noun, err)
		}
		if len(mails) == 0 {
			return wait, nil
		}
		retry, err := n.deliver(ctx, mails[0])
		if retry > 0 {
			wait = min(wait, retry)
		}
		if errors.Is(err, ErrAway) {
			return max(wait, firstWait), nil // for the others it would be no better
		}
		if n.now().Sub(looked) >= tick {
			if err := n.look(ctx); err != nil {
				return wait, err
			}
			looked = n.now()
		}
	}
	return wait, ctx.Err()
}

// deliver sends one claimed mail and marks it. It returns after how long the mail is to
// be tried again, zero for never, and why it was not sent.
func (n *lane) deliver(ctx context.Context, m authcore.Mail) (retry time.Duration, failure error) {
	deadline, failure := n.send(ctx, m)
	// What has been done must be marked even if the worker is being stopped.
	mark, cancel := context.WithTimeout(context.WithoutCancel(ctx), markTime)
	defer cancel()
	now := n.now()
	switch {
	case failure == nil:
		n.count(Sent)
		n.cured(ctx)
		if err := n.store.MailSent(mark, m.ID, now); err != nil {
			n.fault(ctx, fmt.Errorf("marking %s as sent: %w", n.noun, err))
		}
		n.tell(mark, m, true)
		return 0, nil
	case ctx.Err() != nil:
		if err := n.store.MailFailed(mark, m.ID, now, false); err != nil {
			n.fault(mark, fmt.Errorf("giving %s back: %w", n.noun, err))
		}
		return 0, failure
	}
	retry = backoff(m.Attempts)
	refused := errors.Is(failure, ErrRefused)
	drop := refused || !now.Add(retry).Before(deadline)
	if drop {
		n.count(Dropped)
		n.logger.ErrorContext(ctx, "gave up on "+n.noun, "mail", m.ID, "kind", m.Kind, "error", scrub(failure))
		retry = 0
		if refused && !errors.Is(failure, errExpired) {
			n.tell(mark, m, false)
		}
	} else {
		n.count(Failed)
	}
	if !refused { // that is the letter's fault, and no sign of a server in trouble
		n.fault(ctx, failure)
	}
	if err := n.store.MailFailed(mark, m.ID, now.Add(retry), drop); err != nil {
		n.fault(ctx, fmt.Errorf("marking %s as failed: %w", n.noun, err))
	}
	return retry, failure
}

// tell tells of a code of an account.
func (n *lane) tell(ctx context.Context, m authcore.Mail, sent bool) {
	if !kinds[m.Kind].code || m.AccountID == uuid.Nil {
		return
	}
	if err := n.told(ctx, m, sent); err != nil {
		n.logger.WarnContext(ctx, "what became of a code is not in the history", "mail", m.ID, "error", err)
	}
}

// errExpired says that a message's code or link no longer works.
var errExpired = fmt.Errorf("what it says has expired: %w", ErrRefused)

// send opens, renders and sends a mail, and says until when that makes sense.
func (n *lane) send(ctx context.Context, m authcore.Mail) (deadline time.Time, err error) {
	now := n.now()
	deadline = m.CreatedAt.Add(giveUp)
	plain, err := n.sealer.Open(SealPurpose, m.Sealed)
	if err != nil {
		return deadline, fmt.Errorf("opening %s: %w", n.noun, err)
	}
	var c content
	if err := json.Unmarshal(plain, &c); err != nil || c.ID != m.ID || c.Message.Channel != n.channel {
		return deadline, fmt.Errorf("opening %s: not its own content: %w", n.noun, ErrRefused)
	}
	if expiry := max(c.Message.Expiry, c.Message.LinkExpiry); expiry > 0 {
		if end := m.CreatedAt.Add(expiry); end.Before(deadline) {
			deadline = end
		}
	}
	if !now.Before(deadline) {
		return deadline, errExpired
	}
	ctx, cancel := n.allowance(ctx)
	defer cancel()
	if err := n.bring(ctx, m, c.Message); err != nil {
		return deadline, fmt.Errorf("sending a %s message: %w", m.Kind, err)
	}
	return deadline, nil
}

// allowance is the context of sending one letter. It outlives the worker's by a moment: a letter that is cut off while the
// server takes it would be sent twice, at every reload of the configuration.
func (n *lane) allowance(ctx context.Context) (context.Context, context.CancelFunc) {
	allowed, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.timeout)
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(finish)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-allowed.Done():
		}
	})
	return allowed, func() { stop(); cancel() }
}

// backoff is the wait after so many failed tries: doubled each time, a fifth more or
// less, so that the mails of an outage do not all come back at once.
func backoff(attempts int) time.Duration {
	d := min(firstWait<<min(attempts, 20), maxWait)
	return d - d/5 + rand.N(2*d/5)
}

// look notes how many mails wait. Where none does, none is delayed.
func (n *lane) look(ctx context.Context) error {
	waiting, oldest, err := n.depth(ctx)
	if err != nil {
		return fmt.Errorf("counting what waits: %w", err)
	}
	n.mu.Lock()
	n.health.waiting, n.health.oldest = waiting, oldest
	n.mu.Unlock()
	if waiting == 0 {
		n.cured(ctx)
	}
	return nil
}

// seen is what the last look and the last try saw.
func (n *lane) seen() (waiting int, oldest time.Duration, lastErr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.health.oldest.IsZero() {
		oldest = max(0, n.now().Sub(n.health.oldest))
	}
	return n.health.waiting, oldest, n.health.lastErr
}

// fault notes an error. The log gets one line when mail begins to be delayed, however many errors follow; none for a
// database that is away, which tells of itself.
func (n *lane) fault(ctx context.Context, err error) {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return // the worker is being stopped
	}
	text := scrub(err)
	n.mu.Lock()
	n.health.lastErr = text
	news := n.health.told.IsZero() && !errors.Is(err, authcore.ErrUnavailable)
	if news {
		n.health.told = time.Now()
	}
	n.mu.Unlock()
	level := slog.LevelDebug
	if news {
		level = slog.LevelWarn
	}
	n.logger.LogAttrs(ctx, level, n.title+" is delayed", slog.String("component", strings.ToLower(n.title)), slog.String("state", "away"), slog.String("error", text))
}

func (n *lane) cured(ctx context.Context) {
	n.mu.Lock()
	told := n.health.told
	n.health.lastErr, n.health.told = "", time.Time{}
	n.mu.Unlock()
	if !told.IsZero() {
		n.logger.InfoContext(ctx, n.title+" is sent again", "component", strings.ToLower(n.title), "state", "up", "outage", time.Since(told))
	}
}

var (
	addressLike = regexp.MustCompile(`[^\s<>"'(),;:]+@[^\s<>"'(),;:]+`)
	numberLike  = regexp.MustCompile(`(?:\+|%2B)\d[\d -]{5,}\d`)
)

// scrub returns the error's text without addresses and numbers: servers quote the recipient.
func scrub(err error) string {
	return numberLike.ReplaceAllString(addressLike.ReplaceAllString(err.Error(), "[address]"), "[number]")
}
