package challenge_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// pump asks for codes by SMS.
type pump struct {
	*testflow.Env
	sent int // SMS that went out
}

func newPump(t *testing.T) *pump {
	t.Helper()
	return &pump{Env: testflow.New(t, testflow.Options{Numbers: identifier.Numbers{Texts: true}})}
}

// ask asks for a code to a number; whether anybody is known by it decides whether an SMS goes out. It returns how long the limits
// let it wait, zero for an answer as if one had been sent.
func (p *pump) ask(t *testing.T, purpose authcore.Purpose, number string, client netip.Addr, known bool) time.Duration {
	t.Helper()
	c := testflow.Client()
	c.Addr = client
	r := challenge.Request{Purpose: purpose, Subject: number, Counted: number, Channel: authcore.BySMS, Client: c,
		Save: func(_ context.Context, _ authcore.Challenge, fx authcore.Effects) error {
			for _, m := range fx.Mails {
				if m.Channel == authcore.BySMS && !m.Dummy {
					p.sent++
				}
			}
			return nil
		}}
	if known {
		r.Known = &challenge.Known{To: challenge.Recipient{Channel: authcore.BySMS, Address: number}}
	}
	wait, _, err := p.Challenges.Request(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

// number is the nth of numbers that have no neighbours among each other.
func number(n int) string { return fmt.Sprintf("+49151%05d000", n) }

// client is the nth of many networks.
func client(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{100, byte(n >> 16), byte(n >> 8), byte(n)})
}

// TestO19_ThousandNumbers: whoever asks for codes to a thousand new numbers, each from another network, gets half of what all may have,
// and people with an account go on getting theirs from the other half.
func TestO19_ThousandNumbers(t *testing.T) {
	t.Parallel()
	p := newPump(t)
	for n := range 1000 {
		p.ask(t, []authcore.Purpose{authcore.PurposeVerifyEmail, authcore.PurposeSignIn}[n%2], number(n), client(n), true)
	}
	if p.sent != 500 {
		t.Errorf("%d SMS to new numbers, want 500", p.sent)
	}
	for n := range 1000 {
		p.ask(t, authcore.PurposeResetPassword, number(10_000+n), client(n), true)
	}
	if p.sent != 1000 {
		t.Errorf("%d SMS in all, want 1000", p.sent)
	}
}

// TestO19_NumbersOfNobody: asking for codes of numbers without an account uses up nothing of what people with one have; the limits strike
// at the same count for both, so that they do not tell which it is.
func TestO19_NumbersOfNobody(t *testing.T) {
	t.Parallel()
	p := newPump(t)
	for n := range 2000 {
		if wait := p.ask(t, authcore.PurposeResetPassword, number(n), client(n), false); wait != 0 {
			t.Fatalf("number %d without an account waits %v", n, wait)
		}
	}
	if wait := p.ask(t, authcore.PurposeResetPassword, number(5000), client(1), true); wait != 0 || p.sent != 1 {
		t.Errorf("after them %d SMS were sent, wait %v", p.sent, wait)
	}
	var waits [2][]bool
	for i, known := range []bool{true, false} {
		of := number(6000 + i)
		for range 6 {
			waits[i] = append(waits[i], p.ask(t, authcore.PurposeResetPassword, of, client(7000+i), known) != 0)
			p.Clock.Advance(61 * time.Second)
		}
	}
	if fmt.Sprint(waits[0]) != fmt.Sprint(waits[1]) || !waits[0][3] || waits[0][2] {
		t.Errorf("a known number is refused at %v, an unknown one at %v", waits[0], waits[1])
	}
}

// TestO19_OneNumberNeighboursAndOneClient: each limit holds by itself, and what one refuses counts on none.
func TestO19_OneNumberNeighboursAndOneClient(t *testing.T) {
	t.Parallel()
	p := newPump(t)
	asked := 0
	count := func(times int, of func(n int) (string, netip.Addr)) int {
		before := p.sent
		for n := range times {
			number, addr := of(n)
			p.ask(t, authcore.PurposeResetPassword, number, addr, true)
			asked++
		}
		return p.sent - before
	}
	// One number through a hundred accounts, as it were: another network and, past the pause, another moment each time.
	if got := count(100, func(n int) (string, netip.Addr) { p.Clock.Advance(time.Minute / 10); return number(1), client(n) }); got != 3 {
		t.Errorf("%d SMS to one number, want 3", got)
	}
	if got := count(100, func(n int) (string, netip.Addr) { return fmt.Sprintf("+491520000%04d", n), client(1000 + n) }); got != 30 {
		t.Errorf("%d SMS to neighbours, want 30", got)
	}
	if got := count(100, func(n int) (string, netip.Addr) { return number(100 + n), client(3000) }); got != 10 {
		t.Errorf("%d SMS for one client, want 10", got)
	}
	// What the client was refused counts on no number: others get theirs.
	if got := count(90, func(n int) (string, netip.Addr) { return number(110 + n), client(4000 + n) }); got != 90 {
		t.Errorf("%d SMS to numbers that one client was refused, want 90", got)
	}
}

// TestO19_Countries: nothing goes to premium numbers, satellites and countries that are not taken, whoever has them; the answer is the same.
func TestO19_Countries(t *testing.T) {
	t.Parallel()
	p := &pump{Env: testflow.New(t, testflow.Options{Numbers: identifier.Numbers{Texts: true, Countries: []string{"DE", "US"}}})}
	for i, number := range []string{"+33612345678", "+499001234567", "+88213001234", "+8810123456789", "+979123456789", "+18764567890", "+19002345678"} {
		if wait := p.ask(t, authcore.PurposeResetPassword, number, client(i), true); wait != 0 || p.sent != 0 {
			t.Errorf("%s: %d SMS, wait %v", number, p.sent, wait)
		}
	}
	for i, number := range []string{"+4915123456789", "+12015550123"} {
		if p.ask(t, authcore.PurposeResetPassword, number, client(100+i), true); p.sent != i+1 {
			t.Errorf("no SMS to %s", number)
		}
	}
}

// blind is a limiter that cannot count what goes to people; counts is the one limit that it can count.
type blind struct {
	authcore.Limiter
	counts string
}

func (b blind) Take(_ context.Context, all ...authcore.Limit) (authcore.Taken, error) {
	if all[0].Name == b.counts {
		return authcore.Taken{}, nil
	}
	return authcore.Taken{}, fmt.Errorf("count: %w", authcore.ErrUnavailable)
}

// TestO19_BlindLimiter: where the limits cannot be counted no SMS goes out, and none is stored to go out later.
func TestO19_BlindLimiter(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	for _, counts := range []string{"", authcore.LimitResend} {
		d, err := challenge.New(challenge.Config{Store: e.Store, Limiter: blind{counts: counts}, Mailer: mailer{}, Now: e.Clock.Now,
			Key: func() secret.MACKey { return e.Ring.MACKey("code") }, Reaches: func(string) bool { return true }})
		if err != nil {
			t.Fatal(err)
		}
		for _, known := range []*challenge.Known{nil, {To: challenge.Recipient{Channel: authcore.BySMS, Address: number(1)}}} {
			_, _, err = d.Request(t.Context(), challenge.Request{Purpose: authcore.PurposeResetPassword, Subject: number(1), Counted: number(1),
				Channel: authcore.BySMS, Known: known, Client: testflow.Client(),
				Save: func(context.Context, authcore.Challenge, authcore.Effects) error { t.Error("it was saved"); return nil }})
			if !errors.Is(err, authcore.ErrUnavailable) {
				t.Errorf("the error is %v", err)
			}
		}
	}
}

type mailer struct{}

func (mailer) Compose(m authcore.Message) (authcore.Mail, error) {
	return authcore.Mail{ID: uuid.New(), Kind: m.Kind, Channel: m.Channel}, nil
}

// An SMS that was not saved is not counted.
func TestRequest_UnsavedSMSIsNotCounted(t *testing.T) {
	t.Parallel()
	p := newPump(t)
	for range 10 {
		_, _, err := p.Challenges.Request(t.Context(), challenge.Request{Purpose: authcore.PurposeResetPassword, Subject: number(1), Counted: number(1),
			Channel: authcore.BySMS, Known: &challenge.Known{To: challenge.Recipient{Channel: authcore.BySMS, Address: number(1)}}, Client: testflow.Client(),
			Save: func(context.Context, authcore.Challenge, authcore.Effects) error { return authcore.ErrUnavailable }})
		if !errors.Is(err, authcore.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if wait := p.ask(t, authcore.PurposeResetPassword, number(1), client(1), true); wait != 0 || p.sent != 1 {
		t.Errorf("then %d SMS, wait %v", p.sent, wait)
	}
}
