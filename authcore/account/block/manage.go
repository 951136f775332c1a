package block

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

const (
	// MaxRules is how many rules may be added while a gateway runs.
	MaxRules = 10_000
	// MaxReason is the longest reason, in characters.
	MaxReason = 200
	// MaxLife is how long a rule holds at the most that expires.
	MaxLife = 10 * 365 * 24 * time.Hour
)

// ErrTooMany is returned where there are [MaxRules]. Nothing has changed.
var ErrTooMany = errors.New("too many block rules")

// Store keeps the rules that are added while a gateway runs.
type Store interface {
	// BlocksVersion returns how often rules have changed.
	BlocksVersion(ctx context.Context) (int64, error)
	// Blocks returns the rules that have not expired.
	Blocks(ctx context.Context, now time.Time) (State, error)
	// AddBlock stores a rule. [ErrTooMany].
	AddBlock(ctx context.Context, r Rule, fx authcore.Effects) error
	// RemoveBlock removes a rule and its hits. ErrNotFound.
	RemoveBlock(ctx context.Context, id uuid.UUID, fx authcore.Effects) error
	// BlockHits fills in how often rules have matched, and when last.
	BlockHits(ctx context.Context, rules []Rule) error
	// RecordHits adds to the hits of rules, and writes the events.
	RecordHits(ctx context.Context, hits []Hits, fx authcore.Effects) error
}

// Manager lists, adds, removes and tries rules. It is safe for concurrent use.
type Manager struct {
	store   Store
	blocks  *Blocks
	cursors *cursor.Signer
	now     authcore.Clock
}

// NewManager returns a Manager of the rules that hold in blocks.
func NewManager(store Store, blocks *Blocks, cursors *cursor.Signer, now authcore.Clock) (*Manager, error) {
	if store == nil || blocks == nil || cursors == nil || now == nil {
		return nil, errors.New("block: store, blocks, cursors and clock are required")
	}
	return &Manager{store, blocks, cursors, now}, nil
}

// rules returns every rule that holds: those that were added, the newest first, and then those of the Caddyfile.
func (m *Manager) rules(ctx context.Context) ([]Rule, error) {
	if err := m.blocks.Read(ctx, m.store); err != nil {
		return nil, fmt.Errorf("read block rules: %w", err)
	}
	m.blocks.turn.Lock()
	compiled := slices.Concat(m.blocks.cfg.Rules, m.blocks.added)
	m.blocks.turn.Unlock()
	now := m.now.Now()
	rules := make([]Rule, 0, len(compiled))
	for _, c := range compiled {
		if c.holds(now) {
			rules = append(rules, c.Rule)
		}
	}
	slices.SortFunc(rules, later)
	return rules, nil
}

// later orders rules as lists show them.
func later(a, b Rule) int {
	return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(b.ID.String(), a.ID.String()))
}

// Listed is a page of rules.
type Listed struct {
	Rules []Rule
	Next  string // cursor of the next page; "" at the end
}

// List returns a page of the rules that hold. Refusals: [authcore.InvalidRequest]; [authcore.Unavailable].
func (m *Manager) List(ctx context.Context, caller uuid.UUID, limit int, at string) (Listed, error) {
	if err := cursor.CheckLimit(limit); err != nil {
		return Listed{}, err
	}
	after, err := m.cursors.Read(cursor.Blocks, caller, at)
	if err != nil {
		return Listed{}, err
	}
	all, err := m.rules(ctx)
	if err != nil {
		return Listed{}, err
	}
	if !after.IsZero() {
		last := Rule{ID: after.ID, CreatedAt: after.At}
		all = slices.DeleteFunc(all, func(r Rule) bool { return later(r, last) <= 0 })
	}
	page := Listed{Rules: all[:min(len(all), limit)]}
	if len(all) > limit {
		last := page.Rules[limit-1]
		page.Next = m.cursors.Sign(cursor.Blocks, caller, cursor.Position{At: last.CreatedAt, ID: last.ID})
	}
	if err := m.store.BlockHits(ctx, page.Rules); err != nil {
		return Listed{}, fmt.Errorf("read hits: %w", err)
	}
	return page, nil
}

// Get returns a rule. [authcore.NotFound].
func (m *Manager) Get(ctx context.Context, id uuid.UUID) (Rule, error) {
	all, err := m.rules(ctx)
	if err != nil {
		return Rule{}, err
	}
	i := slices.IndexFunc(all, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return Rule{}, errNoRule()
	}
	if err := m.store.BlockHits(ctx, all[i:i+1]); err != nil {
		return Rule{}, fmt.Errorf("read hits: %w", err)
	}
	return all[i], nil
}

func errNoRule() error { return authcore.Refuse(authcore.NotFound, "No block rule has this id.") }

// AddInput is a new rule, as it was typed.
type AddInput struct {
	Kind, Pattern string
	For           []string // none: [DefaultActs]
	Reason        string
	ExpiresIn     time.Duration // 0: never
	By            uuid.UUID     // zero for whoever runs the gateway
	Client        authcore.Client
}

// Add adds a rule, which holds here when it returns, and on every other node within a second. Refusals: [authcore.InvalidFields];
// [authcore.LimitReached] past [MaxRules]; [authcore.Unavailable].
func (m *Manager) Add(ctx context.Context, in AddInput) (Rule, error) {
	r, err := m.read(in)
	if err != nil {
		return Rule{}, err
	}
	call := authcore.AdminCallOf(ctx)
	call.Note("rule", r.ID.String())
	err = m.store.AddBlock(ctx, r, authcore.Effects{Events: []authcore.Event{m.event(authcore.EventBlockAdded, r, in.By, in.Client)}})
	if errors.Is(err, ErrTooMany) {
		return Rule{}, authcore.Refuse(authcore.LimitReached, fmt.Sprintf("There are %d block rules. Remove some first.", MaxRules))
	}
	if err != nil {
		return Rule{}, fmt.Errorf("add block rule: %w", err)
	}
	m.heed(ctx)
	return r, nil
}

// heed makes a change that is committed hold here. Where that fails the worker does it.
func (m *Manager) heed(ctx context.Context) { _ = m.blocks.Read(context.WithoutCancel(ctx), m.store) }

func (m *Manager) read(in AddInput) (Rule, error) {
	var broken authcore.FieldErrors
	why := "" // what is wrong with the pattern, in words
	if !slices.Contains(Kinds(), Kind(in.Kind)) {
		broken.Add("kind", authcore.FieldChoice)
		if in.Pattern == "" || len(in.Pattern) > MaxPattern { // of every kind
			broken.Add("pattern", authcore.BlockPattern)
		}
	} else if _, err := ParsePattern(Kind(in.Kind), in.Pattern); err != nil {
		broken.Add("pattern", authcore.BlockPattern)
		why = "The pattern is not valid: " + err.Error() + "."
	}
	acts, err := ParseActs(in.For)
	if err != nil {
		broken.Add("for", authcore.FieldChoice)
	}
	if utf8.RuneCountInString(in.Reason) > MaxReason || !utf8.ValidString(in.Reason) || strings.ContainsRune(in.Reason, 0) {
		broken.Add("reason", authcore.FieldText)
	}
	if in.ExpiresIn != 0 && (in.ExpiresIn < time.Second || in.ExpiresIn > MaxLife) {
		broken.Add("expires_in", authcore.FieldInteger)
	}
	if refusal := broken.Refusal(); refusal != nil {
		var e *authcore.Error
		if why != "" && errors.As(refusal, &e) {
			e.Detail = why
		}
		return Rule{}, refusal
	}
	now := m.now.Now().UTC().Truncate(time.Microsecond)
	r := Rule{ID: uuid.Must(uuid.NewV7()), Kind: Kind(in.Kind), Pattern: in.Pattern, For: acts, Reason: in.Reason, Source: FromRuntime, CreatedAt: now, CreatedBy: in.By}
	if in.ExpiresIn > 0 {
		r.ExpiresAt = now.Add(in.ExpiresIn)
	}
	return r, nil
}

func (m *Manager) event(kind authcore.EventKind, r Rule, by uuid.UUID, c authcore.Client) authcore.Event {
	e := audit.Event(kind, uuid.Nil, c, m.now.Now())
	e.ActorID, e.Via = by, authcore.ViaOperator
	if by != uuid.Nil {
		e.Via = authcore.ViaSession
	}
	e.Details = `{"rule":"` + r.ID.String() + `","kind":"` + string(r.Kind) + `"}`
	return e
}

// Remove removes a rule. by is the account that does, zero for whoever runs the gateway. Refusals: [authcore.NotFound];
// [authcore.ManagedByConfiguration] for one of the Caddyfile; [authcore.Unavailable].
func (m *Manager) Remove(ctx context.Context, id, by uuid.UUID, c authcore.Client) error {
	r, err := m.Get(ctx, id)
	if err != nil {
		return err
	}
	if r.Source == FromCaddyfile {
		return authcore.Refuse(authcore.ManagedByConfiguration, "This rule stands in the configuration. Remove it there.")
	}
	authcore.AdminCallOf(ctx).Note("rule", id.String())
	err = m.store.RemoveBlock(ctx, id, authcore.Effects{Events: []authcore.Event{m.event(authcore.EventBlockRemoved, r, by, c)}})
	if errors.Is(err, authcore.ErrNotFound) { // another request was faster
		return errNoRule()
	}
	if err != nil {
		return fmt.Errorf("remove block rule: %w", err)
	}
	m.heed(ctx)
	return nil
}

// Test returns the rules that match a value, which is read as people type it. It counts no hit. Refusals: [authcore.InvalidFields];
// [authcore.Unavailable].
func (m *Manager) Test(ctx context.Context, kind, value string) ([]Rule, error) {
	normal, err := normalise(Kind(kind), value)
	if err != nil {
		return nil, err
	}
	if err := m.blocks.Read(ctx, m.store); err != nil {
		return nil, fmt.Errorf("read block rules: %w", err)
	}
	found := m.blocks.live.Load().all(Kind(kind), normal, m.now.Now())
	slices.SortFunc(found, later)
	found = slices.CompactFunc(found, func(a, b Rule) bool { return a.ID == b.ID }) // several lines of one file
	if err := m.store.BlockHits(ctx, found[:min(len(found), cursor.MaxLimit)]); err != nil {
		return nil, fmt.Errorf("read hits: %w", err)
	}
	return found, nil
}

func normalise(kind Kind, value string) (normal string, err error) {
	switch kind {
	case Email:
		normal, err = identifier.Email(value)
	case Phone:
		normal, err = identifier.Phone(value)
	case Username:
		if normal = strings.ToLower(strings.TrimSpace(value)); normal == "" {
			return "", authcore.RefuseField("value", authcore.Required)
		}
	case IP:
		addr, bad := netip.ParseAddr(value)
		if bad != nil {
			return "", authcore.RefuseField("value", authcore.FieldText)
		}
		normal = address(addr)
	default:
		return "", authcore.RefuseField("kind", authcore.FieldChoice)
	}
	var broken authcore.FieldErrors
	broken.AddError("value", err)
	return normal, broken.Refusal()
}
