package notify_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

func TestRun_SendsAtOnceAfterANudge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		stop := h.run(t)
		synctest.Wait()
		time.Sleep(time.Second) // between two ticks
		start := time.Now()
		mail := h.post(t, verify())
		synctest.Wait()
		if len(h.sender.got()) != 1 || !time.Now().Equal(start) {
			t.Fatalf("%d letters were sent after %v, want one at once", len(h.sender.got()), time.Since(start))
		}
		if r := h.queue.row(mail.ID); r.sent != 1 {
			t.Errorf("marked as sent %d times, want once", r.sent)
		}
		l := h.sender.only(t)
		if l.MessageID != mail.ID.String()+"@auth.example.com" || l.ID != mail.ID || l.To != "bob@example.org" || !l.Date.Equal(start) {
			t.Errorf("wrong envelope: %+v", l)
		}
		stop()
	})
}

func TestRun_SendsWithoutANudge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		stop := h.run(t)
		synctest.Wait()
		mail, err := h.Compose(verify())
		if err != nil {
			t.Fatal(err)
		}
		h.queue.add(mail) // as another node would
		time.Sleep(5 * time.Second)
		synctest.Wait()
		h.sender.only(t)
		stop()
	})
}

// TestRun_MarkingIsLost: the letter went out, but the node died before it could say so.
// The letter that follows says that it is a repetition and has the same Message-ID.
func TestRun_MarkingIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.queue.lose(authcore.ErrUnavailable)
		h.post(t, verify())
		stop := h.run(t)
		synctest.Wait()
		h.sender.only(t)
		h.queue.lose(nil)
		time.Sleep(2*time.Minute + 5*time.Second) // the lease, and a tick
		synctest.Wait()
		got := h.sender.got()
		if len(got) != 2 || got[0].Again || !got[1].Again || got[0].MessageID != got[1].MessageID {
			t.Errorf("got %d letters: %+v", len(got), got)
		}
		stop()
	})
}

func TestRun_TriesAgainWithGrowingWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.sender.fail(errors.New("451 <bob@example.org>: come back later"))
		stop := h.run(t)
		m := verify()
		m.Expiry = 0
		mail := h.post(t, m)
		synctest.Wait()
		if waiting, _, lastErr := h.Health(); waiting != 1 || !strings.Contains(lastErr, "come back later") {
			t.Errorf("health: %d waiting, error %q", waiting, lastErr)
		}
		var waits []time.Duration
		for range 13 {
			due := h.queue.row(mail.ID).due
			waits = append(waits, time.Until(due))
			time.Sleep(time.Until(due) + 6*time.Second)
			synctest.Wait()
			if h.queue.row(mail.ID).due.Equal(due) {
				t.Fatal("a due mail was not tried again")
			}
		}
		if waits[0] < 800*time.Millisecond || waits[0] > 2500*time.Millisecond {
			t.Errorf("first wait is %v", waits[0])
		}
		if last := waits[len(waits)-1]; last < 11*time.Minute || last > 18*time.Minute {
			t.Errorf("longest wait is %v, want about a quarter of an hour", last)
		}
		h.sender.fail(nil)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if l := h.sender.only(t); !l.Again {
			t.Error("a letter tried before does not say so")
		}
		if waiting, _, lastErr := h.Health(); waiting != 0 || lastErr != "" {
			t.Errorf("health after success: %d waiting, error %q", waiting, lastErr)
		}
		if log := h.log.String(); strings.Contains(log, "bob") || strings.Count(log, "level=WARN") != 1 || strings.Count(log, "mail is sent again") != 1 {
			t.Errorf("log is %q, want one line for each change and no address", log)
		}
		if of := h.outcomes.of; of[notify.Sent] != 1 || of[notify.Failed] < 13 || of[notify.Dropped] != 0 {
			t.Errorf("counted %d sent, failed, dropped", of)
		}
		stop()
	})
}

func TestRun_NeverSendsWhatHasExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		mail := h.post(t, verify())
		time.Sleep(10 * time.Minute) // its code has just expired
		stop := h.run(t)
		synctest.Wait()
		if n := len(h.sender.got()); n != 0 || !h.queue.row(mail.ID).dropped {
			t.Errorf("%d letters with an expired code were sent", n)
		}
		h.outcomes.want(t, 0, 0, 1)
		stop()
	})
}

func TestRun_GivesUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		expiry time.Duration
		link   time.Duration
		after  time.Duration
	}{
		"after a day":               {errors.New("down"), 0, 0, 24 * time.Hour},
		"when the code has expired": {errors.New("down"), 10 * time.Minute, 0, 10 * time.Minute},
		"at once when refused":      {fmt.Errorf("550 no such user: %w", notify.ErrRefused), 0, 0, 0},
		"when its link has expired": {errors.New("down"), 10 * time.Minute, time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				h.sender.fail(c.err)
				m := verify()
				m.Expiry, m.LinkExpiry = c.expiry, c.link
				mail := h.post(t, m)
				stop := h.run(t)
				synctest.Wait()
				if c.after > 0 {
					time.Sleep(c.after / 3)
					synctest.Wait()
					if h.queue.row(mail.ID).dropped {
						t.Error("given up too early")
					}
				}
				time.Sleep(c.after)
				synctest.Wait()
				if !h.queue.row(mail.ID).dropped {
					t.Error("not given up")
				}
				stop()
			})
		})
	}
}

func TestRun_StoppedWhileSending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.sender.block = make(chan struct{})
		mail := h.post(t, verify())
		stop := h.run(t)
		synctest.Wait()
		stop()
		if r := h.queue.row(mail.ID); r.sent != 0 || r.dropped || r.due.After(time.Now()) {
			t.Errorf("the mail was not given back: %+v", r)
		}
	})
}

func TestRun_ASlowSenderIsCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.sender.block = make(chan struct{})
		h.post(t, verify())
		stop := h.run(t)
		time.Sleep(21 * time.Second)
		synctest.Wait()
		if _, _, lastErr := h.Health(); !strings.Contains(lastErr, "deadline exceeded") {
			t.Errorf("last error is %q", lastErr)
		}
		stop()
	})
}

// TestRun_StoppingFinishesTheLetterInHand: what the server is taking when the worker is stopped is sent, and not sent again.
func TestRun_StoppingFinishesTheLetterInHand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.sender.block = make(chan struct{})
		mail := h.post(t, verify())
		stop := h.run(t)
		synctest.Wait()
		time.AfterFunc(time.Second, func() { close(h.sender.block) })
		stop()
		if r := h.queue.row(mail.ID); r.sent != 1 || len(h.sender.got()) != 1 {
			t.Errorf("sent %d times and marked %d times, want once", len(h.sender.got()), r.sent)
		}
	})
}

func TestRun_ContentOfAnotherMail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		a, err := h.Compose(verify())
		if err != nil {
			t.Fatal(err)
		}
		b, err := h.Compose(verify())
		if err != nil {
			t.Fatal(err)
		}
		b.Sealed = a.Sealed
		h.queue.add(b)
		stop := h.run(t)
		synctest.Wait()
		if n := len(h.sender.got()); n != 0 || !h.queue.row(b.ID).dropped {
			t.Errorf("%d letters with another mail's content were sent", n)
		}
		stop()
	})
}

func TestRun_StoreAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.queue.fail(authcore.ErrUnavailable)
		h.post(t, verify())
		stop := h.run(t)
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, _, lastErr := h.Health(); lastErr == "" {
			t.Error("no error is reported")
		}
		h.queue.fail(nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		h.sender.only(t)
		// A database that is away tells of itself.
		if log := h.log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=INFO") {
			t.Errorf("the log of one outage is\n%s", log)
		}
		stop()
	})
}

// TestRun_AServerAwayKeepsTheQueue: what could not be brought out now is not tried with every mail behind it, and no mail
// behind one that was refused waits for it.
func TestRun_AServerAwayKeepsTheQueue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err         error
		least, most int // tries at once
	}{
		"away":    {fmt.Errorf("%w: connection refused", notify.ErrAway), 1, 2}, // at its start, and at the nudge
		"refused": {fmt.Errorf("%w: 550", notify.ErrRefused), 10, 10},
		"later":   {errors.New("451"), 10, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				h.sender.fail(c.err)
				for range 10 {
					h.post(t, verify())
				}
				stop := h.run(t)
				synctest.Wait()
				if tries := h.outcomes.of[notify.Failed] + h.outcomes.of[notify.Dropped]; tries < c.least || tries > c.most {
					t.Errorf("%d tries at once, want %d to %d", tries, c.least, c.most)
				}
				if ill := strings.Contains(h.log.String(), "level=WARN"); ill != (name != "refused") {
					t.Errorf("told as an outage: %v", ill)
				}
				h.sender.fail(nil)
				time.Sleep(time.Minute)
				synctest.Wait()
				if n := len(h.sender.got()); n != 10-h.outcomes.of[notify.Dropped] {
					t.Errorf("%d letters were sent", n)
				}
				stop()
			})
		})
	}
}

// TestK11_TakeoverOfADeadNode: what a node held when it died is sent by another within 30 s.
func TestK11_TakeoverOfADeadNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.queue.lose(authcore.ErrUnavailable) // it never gets to mark the mail
		mail := h.post(t, verify())
		stop := h.run(t)
		synctest.Wait()
		stop()
		h.queue.lose(nil)
		if left := time.Until(h.queue.row(mail.ID).due); left > 30*time.Second || left < 20*time.Second {
			t.Errorf("others may have it in %v", left)
		}
	})
}
