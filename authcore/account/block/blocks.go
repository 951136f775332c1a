package block

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Config is what Blocks stand on.
type Config struct {
	Rules []Compiled // of the Caddyfile
	// Allowed are patterns of addresses and of numbers: where there are any of a kind, only what one of them matches signs up or is sent
	// anything.
	Allowed map[Kind][]Pattern
	// Count is told of every hit; it may be nil. It must not wait.
	Count func(Kind, Act)
	Now   authcore.Clock
}

// Blocks say who is kept out. A nil *Blocks keeps nobody out. They are safe for concurrent use.
type Blocks struct {
	cfg     Config
	allowed map[Kind]*index
	live    atomic.Pointer[set]
	hits    hits

	turn    sync.Mutex // held by whoever replaces the snapshot
	version int64      // of the rules that were added while a gateway runs
	added   []Compiled // those
}

// New checks cfg.
func New(cfg Config) (*Blocks, error) {
	if cfg.Now == nil {
		return nil, errors.New("block: a clock is required")
	}
	if cfg.Count == nil {
		cfg.Count = func(Kind, Act) {}
	}
	b := &Blocks{cfg: cfg, allowed: map[Kind]*index{}}
	for kind, patterns := range cfg.Allowed {
		b.allowed[kind] = &index{}
		for _, p := range patterns {
			b.allowed[kind].add(p, nil)
		}
	}
	b.live.Store(newSet(slices.Clone(cfg.Rules)))
	return b, nil
}

// Subject is whom or what the rules are asked about: normalised values, "" for what is not there, and who asks.
type Subject struct {
	Email, Phone, Username string
	Account                uuid.UUID // whose it is; zero for none
	Client                 authcore.Client
}

// Of returns an account as a Subject.
func Of(a authcore.Account, c authcore.Client) Subject {
	return Subject{Email: a.Email, Phone: a.Phone, Username: a.Username, Account: a.ID, Client: c}
}

// MaySignUp returns nil, or [authcore.Blocked] where a rule keeps the subject from having an account, or from the username.
func (b *Blocks) MaySignUp(s Subject) error {
	if b.hit(SignUp, s, true) {
		return refuse()
	}
	return nil
}

// MayTake returns nil, or [authcore.Blocked] where a rule for signing up keeps a username from an account that has signed up. "" is none.
func (b *Blocks) MayTake(username string, account uuid.UUID, c authcore.Client) error {
	if b.hit(SignUp, Subject{Username: username, Account: account, Client: c}, false) {
		return refuse()
	}
	return nil
}

// MayLoginFrom returns nil, or [authcore.Blocked] where a rule keeps the client's address from signing in.
func (b *Blocks) MayLoginFrom(c authcore.Client) error {
	if b.hit(Login, Subject{Client: c}, true) {
		return refuse()
	}
	return nil
}

// MayLogin reports whether the account may sign in. A refusal must look like that of a wrong password or code: who is asked about is known
// to have an account (L01). The client's address is asked by [Blocks.MayLoginFrom].
func (b *Blocks) MayLogin(s Subject) bool { return !b.hit(Login, s, false) }

// MaySend reports whether a code, link or invitation may go out to the subject. Who asks for one is answered alike (L01).
func (b *Blocks) MaySend(s Subject) bool { return !b.hit(Send, s, true) }

func refuse() error {
	return authcore.Refuse(authcore.Blocked, "This is not possible here.")
}

// hit reports whether a rule matches, and counts that. from says whether the client's address is asked about too.
func (b *Blocks) hit(act Act, s Subject, from bool) bool {
	if b == nil {
		return false
	}
	values := []struct {
		kind  Kind
		value string
	}{{Email, s.Email}, {Phone, s.Phone}, {Username, s.Username}, {IP, ""}}
	if from {
		values[3].value = address(s.Client.Addr)
	}
	live, now := b.live.Load(), b.cfg.Now.Now()
	for _, v := range values {
		if v.value == "" {
			continue
		}
		rule := live.find(act, v.kind, v.value, now)
		if rule == nil && !b.shuts(act, v.kind, v.value) {
			continue
		}
		b.cfg.Count(v.kind, act)
		b.hits.add(rule, v.kind, act, s, now)
		return true
	}
	return false
}

// shuts reports whether something is allowed, and the value is not.
func (b *Blocks) shuts(act Act, kind Kind, value string) bool {
	x := b.allowed[kind]
	return x != nil && act != Login && !x.matches(value)
}

// address is a client's address as rules are asked about it; "" for none.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().WithZone("").String()
}
