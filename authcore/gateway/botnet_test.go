package gateway_test

import (
	"errors"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// The numbers here stand in docs/operations.md, "Keeping guessers out": who changes one changes the other.

const victim = "ada@example.com"

// botnet is a gateway with the limits of the contract, and those who attack it from the addresses that a trusted proxy tells of.
type botnet struct {
	*testflow.Env
	t      *testing.T
	limits *httpauth.Limits
	owner  string // the device token that the victim keeps
}

func attack(t *testing.T) *botnet {
	t.Helper()
	e := testflow.New(t, testflow.Options{})
	return &botnet{e, t, httpauth.NewLimits(e.Limiter, ratelimit.AddressKey), e.Person(t, signup.RegisterInput{Email: victim}).DeviceToken}
}

// sources are the three that attack: one address, the addresses of one /64, and two hundred addresses.
var sources = map[string]func(i int) netip.Addr{
	"one address": func(int) netip.Addr { return netip.MustParseAddr("198.51.100.7") },
	"a /64": func(i int) netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(i), 14: byte(i >> 8)})
	},
	"200 addresses": func(i int) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, byte(1 + i%200)}) },
}

func (b *botnet) signIn(from netip.Addr, typed, device string) error {
	if err := b.limits.Take(b.t.Context(), http.Header{}, authcore.LimitLogin, "/login", from); err != nil {
		return err
	}
	r := testflow.Request()
	r.Client.Addr, r.DeviceToken = from, device
	_, err := testflow.Tokens(b.SignIn.Password(b.t.Context(), signin.Input{Login: victim, Password: typed, Request: r}))
	return err
}

// ownerSignsIn: whatever the others do, on a device that the account knows, from an address of their own.
func (b *botnet) ownerSignsIn() {
	b.t.Helper()
	if err := b.signIn(netip.MustParseAddr("192.0.2.1"), testflow.Password, b.owner); err != nil {
		b.t.Errorf("the victim on a known device: %v", err)
	}
}

// retry lets the time pass after which what was refused is possible.
func (b *botnet) retry(err error) {
	b.t.Helper()
	var refusal *authcore.Error
	if !errors.As(err, &refusal) || refusal.RetryAfter <= 0 {
		b.t.Fatalf("refused without a time: %v", err)
	}
	b.Clock.Advance(refusal.RetryAfter)
}

// TestL06_BotnetGuessesOnePassword: who never waits longer than told tries so many passwords of one account in a day, from however many
// addresses.
func TestL06_BotnetGuessesOnePassword(t *testing.T) {
	t.Parallel()
	for name, from := range sources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := attack(t)
			end, tried := b.Clock.Now().Add(24*time.Hour), 0
			for i := 0; b.Clock.Now().Before(end); i++ {
				switch err := b.signIn(from(i), "wrong", ""); authcore.CodeOf(err) {
				case authcore.InvalidCredentials:
					tried++
				case authcore.AccountLocked:
					b.ownerSignsIn()
					b.retry(err)
				default:
					b.retry(err)
				}
			}
			if tried != 145 {
				t.Errorf("%d passwords are tried in a day", tried)
			}
		})
	}
}

// TestL14_BotnetSprays: one password at many names, or stolen pairs of names and passwords, never fail twice at one name, so that no lock
// stops them. The limit on addresses does, and a line over all where there are many.
func TestL14_BotnetSprays(t *testing.T) {
	t.Parallel()
	hour := func(from func(int) netip.Addr, rates map[string]ratelimit.Rate) (tried int) {
		now := time.Now()
		m, err := ratelimit.NewMemory(ratelimit.Config{Rates: rates, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		limits := httpauth.NewLimits(m, ratelimit.AddressKey)
		for range 60 {
			for i, refused := 0, 0; refused < 200; i++ { // each address of those that there are is at its limit
				if limits.Take(t.Context(), http.Header{}, authcore.LimitLogin, "/login", from(i)) != nil {
					refused++
				} else {
					tried++
				}
			}
			now = now.Add(time.Minute)
		}
		return tried
	}
	want := map[string]int{"one address": 1800, "a /64": 1800, "200 addresses": 360_000}
	for name, from := range sources {
		if got := hour(from, nil); got != want[name] {
			t.Errorf("from %s %d names are tried in an hour, want %d", name, got, want[name])
		}
	}
	if got := hour(sources["200 addresses"], map[string]ratelimit.Rate{"login.global": {Count: 600, Window: time.Hour}}); got != 1190 {
		t.Errorf("with login global 600/1h %d are", got)
	}
}

// TestO02_BotnetGuessesCodes: so many codes of one person's reset are tried in a day, however many are asked for.
func TestO02_BotnetGuessesCodes(t *testing.T) {
	t.Parallel()
	b := attack(t)
	end, tried := b.Clock.Now().Add(24*time.Hour), 0
	for b.Clock.Now().Before(end) {
		if err := b.Password.Forgot(t.Context(), victim, testflow.Client()); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			err := b.Password.Reset(t.Context(), password.ResetInput{Login: victim, OTP: "000000", NewPassword: testflow.OtherPassword, Client: testflow.Client()})
			if authcore.CodeOf(err) == authcore.InvalidCode {
				tried++
			} else if authcore.CodeOf(err) != authcore.TooManyAttempts {
				t.Fatal(err)
			}
		}
		b.Clock.Advance(5 * time.Minute)
	}
	b.ownerSignsIn()
	if tried != 120 {
		t.Errorf("%d codes are tried in a day", tried)
	}
}

// TestR13_BotnetFloodsAMailbox: so many mails reach one mailbox in a day, from however many addresses they are asked for.
func TestR13_BotnetFloodsAMailbox(t *testing.T) {
	t.Parallel()
	b := attack(t)
	before := len(b.Mails(t, victim))
	for range 24 * 60 {
		if err := b.Password.Forgot(t.Context(), victim, testflow.Client()); err != nil {
			t.Fatal(err)
		}
		b.Clock.Advance(time.Minute)
	}
	b.ownerSignsIn()
	if got := len(b.Mails(t, victim)) - before; got != 123 {
		t.Errorf("%d mails in a day", got)
	}
}

// TestL14_BotnetFillsNoMemory: what is remembered of a hundred thousand addresses is bounded, and forgotten when their budgets are full again.
func TestL14_BotnetFillsNoMemory(t *testing.T) {
	t.Parallel()
	now := time.Now()
	const room = 1 << 14
	m, err := ratelimit.NewMemory(ratelimit.Config{MaxKeys: room, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	limits := httpauth.NewLimits(m, ratelimit.AddressKey)
	flood := func(first byte) {
		for i := range 100_000 {
			addr := netip.AddrFrom4([4]byte{first, byte(i >> 16), byte(i >> 8), byte(i)})
			if err := limits.Take(t.Context(), http.Header{}, authcore.LimitLogin, "/login", addr); err != nil {
				t.Fatal(err)
			}
		}
	}
	if flood(10); m.Len() > room {
		t.Errorf("%d keys are remembered", m.Len())
	}
	now = now.Add(time.Hour)
	if flood(11); m.Len() > room {
		t.Errorf("%d keys are remembered an hour later", m.Len())
	}
}
