package block_test

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func from(addr string) authcore.Client {
	c := testflow.Client()
	c.Addr = netip.MustParseAddr(addr)
	return c
}

func trapped(t *testing.T, e *testflow.Env) (rules []block.Rule) {
	t.Helper()
	state, err := e.Store.Blocks(t.Context(), e.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return state.Rules
}

// TestTrap_Spring: an address, of IPv6 its /64, is kept from signing up and from nothing else, for the lifetime and no longer, by one rule that
// a later fall prolongs and an administrator removes.
func TestTrap_Spring(t *testing.T) {
	t.Parallel()
	var counted atomic.Int32
	e := testflow.New(t, testflow.Options{Trap: gateway.TrapSettings{Lifetime: time.Hour, Sprung: func() { counted.Add(1) }}})
	refused := func(addr string, want bool) {
		t.Helper()
		in := signup.RegisterInput{Email: uuid.NewString() + "@example.com", Password: testflow.Password, Client: from(addr)}
		if _, err := e.SignUp.Register(t.Context(), in); (authcore.CodeOf(err) == authcore.Blocked) != want {
			t.Errorf("%s: sign-up is answered %v, want a refusal: %t", addr, err, want)
		}
	}
	for addr, cases := range map[string]map[string]bool{
		"203.0.113.7":        {"203.0.113.7": true, "203.0.113.8": false},
		"2001:db8:1:2::7":    {"2001:db8:1:2:ffff::1": true, "2001:db8:1:3::7": false},
		"::ffff:203.0.113.9": {"203.0.113.9": true},
	} {
		e.Trap.Spring(t.Context(), from(addr), "asked for /.env")
		for other, want := range cases {
			refused(other, want)
		}
	}
	if err := e.Blocks.MayLoginFrom(from("203.0.113.7")); err != nil || !e.Blocks.MaySend(block.Subject{Email: "x@example.com", Client: from("203.0.113.7")}) {
		t.Errorf("more than signing up is refused: %v", err)
	}
	first := trapped(t, e)
	if len(first) != 3 || counted.Load() != 3 {
		t.Fatalf("%d rules, counted %d, want 3", len(first), counted.Load())
	}
	e.Clock.Advance(30 * time.Minute)
	e.Trap.Spring(t.Context(), from("203.0.113.7"), "asked for /.env")
	e.Clock.Advance(45 * time.Minute)
	refused("203.0.113.7", true)
	refused("203.0.113.9", false)
	rules := trapped(t, e)
	if len(rules) != 1 || rules[0].Source != block.FromTrap || rules[0].Pattern != "203.0.113.7" || rules[0].CreatedBy != uuid.Nil || rules[0].Reason != "asked for /.env" {
		t.Fatalf("rules are %+v", rules)
	}
	if err := e.BlockRules.Remove(t.Context(), rules[0].ID, uuid.Nil, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	refused("203.0.113.7", false)
	e.Trap.Spring(t.Context(), from("203.0.113.7"), "asked for /.env")
	refused("203.0.113.7", true)
	told := 0
	for _, event := range e.Events() {
		if event.Kind == authcore.EventTrapSprung {
			told++
		}
	}
	if told != 5 {
		t.Errorf("%d events tell of it, want 5", told)
	}
}

// TestTrap_LeftAlone: loopback, what is ignored, and no address at all.
func TestTrap_LeftAlone(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Trap: gateway.TrapSettings{Lifetime: time.Hour, Sprung: func() { t.Error("it has sprung") },
		Ignored: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2001:dbf:1:2::5/128")}}})
	for _, addr := range []string{"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "198.51.100.7", "::ffff:198.51.100.7", "2001:db8::1", "2001:dbf:1:2::6"} {
		e.Trap.Spring(t.Context(), from(addr), "asked for /.env")
	}
	c := testflow.Client()
	c.Addr = netip.Addr{}
	e.Trap.Spring(t.Context(), c, "asked for /.env")
	if rules := trapped(t, e); len(rules) > 0 {
		t.Errorf("rules are %+v", rules)
	}
}

// TestD10_TrapFlood: a flood from one address costs one transaction, and one from many leaves the rules of administrators their room.
func TestD10_TrapFlood(t *testing.T) {
	t.Parallel()
	var counted atomic.Int32
	e := testflow.New(t, testflow.Options{Trap: gateway.TrapSettings{Lifetime: time.Hour, Sprung: func() { counted.Add(1) }}})
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { e.Trap.Spring(t.Context(), from("2001:db8:1:2::7"), "asked for /.env") })
	}
	all.Wait()
	for range 5 {
		e.Trap.Spring(t.Context(), from("2001:db8:1:2::8"), "asked for /.env")
	}
	version, err := e.Store.BlocksVersion(t.Context())
	if rules := trapped(t, e); err != nil || len(rules) != 1 || version != 1 || counted.Load() != 105 {
		t.Errorf("%d rules, %d changes, counted %d (%v), want 1, 1 and 105", len(rules), version, counted.Load(), err)
	}
}
