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

// Run sends due mails until ctx ends: at once after a nudge, else every five seconds. A
// mail that could not be sent is tried again after a second, then after growing waits up
// to a quarter of an hour, for a day at most and never once what it says has expired.
//
// A mail goes out once, with one exception: when the node dies, or its connection breaks,
// between the moment the server took the mail and the moment that is known here, the mail is
// sent again. Both have the same Message-ID, by which many systems show them as one.
func (n *Notifier) Run(ctx context.Context) {
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

// rest lets the sender close what it keeps open between letters, unless it is sending: then the one who waits for that
// comes here afterwards.
func (n *Notifier) rest() {
	if r, ok := n.sender.(Rester); ok && n.using.TryLock() {
		defer n.using.Unlock()
		r.Rest()
	}
}

// drain sends what is due and returns how long to wait then. Mails are claimed one by one:
// they leave in the order in which they were written, and what a dying node holds is one.
func (n *Notifier) drain(ctx context.Context) (wait time.Duration, err error) {
	wait = tick
	looked := n.now()
	for ctx.Err() == nil {
		mails, err := n.store.ClaimMail(ctx, n.now(), n.timeout+markTime+spare, 1)
		if err != nil {
			return wait, fmt.Errorf("claiming a mail: %w", err)
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
func (n *Notifier) deliver(ctx context.Context, m authcore.Mail) (retry time.Duration, failure error) {
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
			n.fault(ctx, fmt.Errorf("marking a mail as sent: %w", err))
		}
		return 0, nil
	case ctx.Err() != nil:
		if err := n.store.MailFailed(mark, m.ID, now, false); err != nil {
			n.fault(mark, fmt.Errorf("giving a mail back: %w", err))
		}
		return 0, failure
	}
	retry = backoff(m.Attempts)
	refused := errors.Is(failure, ErrRefused)
	drop := refused || !now.Add(retry).Before(deadline)
	if drop {
		n.count(Dropped)
		n.logger.ErrorContext(ctx, "gave up on a mail", "mail", m.ID, "kind", m.Kind, "error", scrub(failure))
		retry = 0
	} else {
		n.count(Failed)
	}
	if !refused { // that is the letter's fault, and no sign of a server in trouble
		n.fault(ctx, failure)
	}
	if err := n.store.MailFailed(mark, m.ID, now.Add(retry), drop); err != nil {
		n.fault(ctx, fmt.Errorf("marking a mail as failed: %w", err))
	}
	return retry, failure
}

// errExpired says that a mail's code or link no longer works.
var errExpired = fmt.Errorf("what the mail says has expired: %w", ErrRefused)

// send opens, renders and sends a mail, and says until when that makes sense.
func (n *Notifier) send(ctx context.Context, m authcore.Mail) (deadline time.Time, err error) {
	now := n.now()
	deadline = m.CreatedAt.Add(giveUp)
	plain, err := n.sealer.Open(SealPurpose, m.Sealed)
	if err != nil {
		return deadline, fmt.Errorf("opening a mail: %w", err)
	}
	var c content
	if err := json.Unmarshal(plain, &c); err != nil || c.ID != m.ID {
		return deadline, fmt.Errorf("opening a mail: not the content of this mail: %w", ErrRefused)
	}
	if expiry := max(c.Message.Expiry, c.Message.LinkExpiry); expiry > 0 {
		if end := m.CreatedAt.Add(expiry); end.Before(deadline) {
			deadline = end
		}
	}
	if !now.Before(deadline) {
		return deadline, errExpired
	}
	letter, err := n.render(c.Message)
	if err != nil {
		return deadline, fmt.Errorf("rendering a %s mail: %w", m.Kind, err)
	}
	letter.Again = m.Attempts > 0
	n.identify(&letter, m.ID)

	ctx, cancel := n.allowance(ctx)
	defer cancel()
	n.using.RLock()
	defer n.using.RUnlock()
	if err := n.sender.Send(ctx, letter); err != nil {
		return deadline, fmt.Errorf("sending a %s mail: %w", m.Kind, err)
	}
	return deadline, nil
}

// identify gives a letter its ids and date.
func (n *Notifier) identify(l *Letter, id uuid.UUID) {
	l.ID, l.Date = id, n.now()
	// Of a mail that goes out twice, since the node died in between, the reader sees one.
	l.MessageID = id.String() + n.head.From[strings.LastIndexByte(n.head.From, '@'):]
}

// allowance is the context of sending one letter. It outlives the worker's by a moment: a letter that is cut off while the
// server takes it would be sent twice, at every reload of the configuration.
func (n *Notifier) allowance(ctx context.Context) (context.Context, context.CancelFunc) {
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
func (n *Notifier) look(ctx context.Context) error {
	waiting, oldest, err := n.store.OutboxDepth(ctx)
	if err != nil {
		return fmt.Errorf("counting mails: %w", err)
	}
	n.mu.Lock()
	n.health.waiting, n.health.oldest = waiting, oldest
	n.mu.Unlock()
	if waiting == 0 {
		n.cured(ctx)
	}
	return nil
}

// fault notes an error. The log gets one line when mail begins to be delayed, however many errors follow; none for a
// database that is away, which tells of itself.
func (n *Notifier) fault(ctx context.Context, err error) {
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
	n.logger.LogAttrs(ctx, level, "mail is delayed", slog.String("component", "mail"), slog.String("state", "away"), slog.String("error", text))
}

func (n *Notifier) cured(ctx context.Context) {
	n.mu.Lock()
	told := n.health.told
	n.health.lastErr, n.health.told = "", time.Time{}
	n.mu.Unlock()
	if !told.IsZero() {
		n.logger.InfoContext(ctx, "mail is sent again", "component", "mail", "state", "up", "outage", time.Since(told))
	}
}

var addressLike = regexp.MustCompile(`[^\s<>"'(),;:]+@[^\s<>"'(),;:]+`)

// scrub returns the error's text without addresses: mail servers quote the recipient.
func scrub(err error) string { return addressLike.ReplaceAllString(err.Error(), "[address]") }
