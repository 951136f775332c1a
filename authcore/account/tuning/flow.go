package tuning

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
)

// MaxReason is the greatest number of characters of a reason.
const MaxReason = 500

// tries is how often a change is tried that others get ahead of.
const tries = 20

// Source says where the value of a setting comes from.
type Source string

// The sources.
const (
	FromDefault   Source = "default"
	FromCaddyfile Source = "caddyfile"
	FromRuntime   Source = "runtime"
)

// Setting is a setting as it rules.
type Setting struct {
	Name       string
	Type       Type
	Value      string
	Source     Source
	Configured string // what the configuration says; "" for nothing
	Default    string
	Range      string
	Changeable bool
	ChangedAt  time.Time // of a value from run time, as By and Reason
	ChangedBy  uuid.UUID // zero: whoever runs the gateway
	Reason     string
}

// Config is what a Flow needs; all of it is required but Apply.
type Config struct {
	Store    Store
	Registry *Registry
	// Apply makes what was stored rule on this node, before the change is answered; nil: no gateway runs.
	Apply func(State)
	Now   authcore.Clock
}

// Flow changes settings at run time. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Registry == nil || cfg.Now == nil {
		return nil, errors.New("tuning: store, registry and clock are required")
	}
	if cfg.Apply == nil {
		cfg.Apply = func(State) {}
	}
	return &Flow{cfg}, nil
}

// List returns every setting in the order of the configuration's table, as it rules by what the database says now, and the version of
// that. [authcore.Unavailable].
func (f *Flow) List(ctx context.Context) ([]Setting, int64, error) {
	state, err := f.cfg.Store.RuntimeSettings(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list settings: %w", err)
	}
	return f.cfg.Registry.settings(state), state.Version, nil
}

// Get returns one setting. [authcore.NotFound]; [authcore.Unavailable].
func (f *Flow) Get(ctx context.Context, name string) (Setting, error) {
	i := f.cfg.Registry.at(name)
	if i < 0 {
		return Setting{}, errNoSetting()
	}
	all, _, err := f.List(ctx)
	if err != nil {
		return Setting{}, err
	}
	return all[i], nil
}

// settings are those of a state.
func (r *Registry) settings(s State) []Setting {
	v := r.look(s)
	definitions := r.all.Load().definitions[:len(v.values)]
	all := make([]Setting, len(definitions))
	for i, d := range definitions {
		one := Setting{Name: d.Name, Type: d.Type, Value: v.values[i].Text, Source: FromDefault, Default: d.Default.Text, Range: d.Range, Changeable: r.Changeable(d.Name)}
		if d.Configured != nil {
			one.Configured, one.Source = d.Configured.Text, FromCaddyfile
		}
		if o := v.by[i]; o != nil {
			one.Source, one.ChangedAt, one.ChangedBy, one.Reason = FromRuntime, o.At, o.By, o.Reason
		}
		all[i] = one
	}
	return all
}

// ChangeInput is what somebody asks for.
type ChangeInput struct {
	Name   string
	Value  string // of Set
	Reason string
	By     uuid.UUID // the account of who asks; zero: whoever runs the gateway
	Client authcore.Client
}

// Set makes a value rule on every node until it is reset. Tokens that are out keep their ends. Refusals: [authcore.NotFound]; [authcore.Managed]
// for a setting that the configuration keeps to itself; [authcore.InvalidFields], which says what the value may be; [authcore.Unavailable].
func (f *Flow) Set(ctx context.Context, in ChangeInput) (Setting, error) {
	return f.change(ctx, in, false)
}

// Reset makes what the configuration says rule again; where it does already, nothing is done. The refusals are those of Set: also where
// the configuration's value does not go together with another that was set at run time.
func (f *Flow) Reset(ctx context.Context, in ChangeInput) (Setting, error) {
	return f.change(ctx, in, true)
}

func (f *Flow) change(ctx context.Context, in ChangeInput, reset bool) (Setting, error) {
	r := f.cfg.Registry
	i := r.at(in.Name)
	switch {
	case i < 0:
		return Setting{}, errNoSetting()
	case !r.Changeable(in.Name):
		return Setting{}, authcore.Refuse(authcore.ManagedByConfiguration, "The configuration keeps this setting to itself. Change it there.")
	case utf8.RuneCountInString(in.Reason) > MaxReason || !utf8.ValidString(in.Reason):
		return Setting{}, authcore.RefuseValue("reason", authcore.FieldError{Rule: authcore.FieldTooLong, Params: authcore.Params{N: MaxReason}})
	}
	to := r.definition(i).base()
	if !reset {
		var err error
		if to, err = r.definition(i).Parse(in.Value); err != nil {
			return Setting{}, refuseValue(r.definition(i).Range)
		}
	}
	for range tries {
		setting, err := f.try(ctx, i, in, to, reset)
		if !errors.Is(err, ErrOvertaken) {
			return setting, err
		}
	}
	return Setting{}, fmt.Errorf("change setting: %w: others keep changing them", authcore.ErrUnavailable)
}

// try makes a change upon the state that the database has now: the rules hold over all nodes, for of two changes upon one state one is stored.
func (f *Flow) try(ctx context.Context, i int, in ChangeInput, to Value, reset bool) (Setting, error) {
	r := f.cfg.Registry
	state, err := f.cfg.Store.RuntimeSettings(ctx)
	if err != nil {
		return Setting{}, fmt.Errorf("change setting: %w", err)
	}
	present := r.settings(state)[i]
	if reset && !state.has(in.Name) {
		return present, nil
	}
	if why := r.fits(state, in.Name, to); why != "" {
		return Setting{}, refuseValue(why)
	}
	from, err := r.definition(i).Parse(present.Value)
	if err != nil {
		from = r.definition(i).base()
	}
	c := Change{Version: state.Version + 1, Name: in.Name, From: from, To: to, Reset: reset, At: f.cfg.Now.Now(), By: in.By, Reason: in.Reason}
	authcore.AdminCallOf(ctx).Changed(in.Name, from.Text, to.Text)
	if err := f.cfg.Store.ChangeSetting(ctx, c, authcore.Effects{Events: []authcore.Event{f.event(c, in.Client)}}); err != nil {
		return Setting{}, fmt.Errorf("change setting: %w", err)
	}
	if state, err = f.cfg.Store.RuntimeSettings(ctx); err != nil {
		return Setting{}, fmt.Errorf("read settings after a change: %w", err)
	}
	f.cfg.Apply(state)
	return r.settings(state)[i], nil
}

func (s State) has(name string) bool {
	for _, o := range s.Overrides {
		if o.Name == name {
			return true
		}
	}
	return false
}

func (f *Flow) event(c Change, client authcore.Client) authcore.Event {
	kind := authcore.EventSettingChanged
	if c.Reset {
		kind = authcore.EventSettingReset
	}
	e := audit.Event(kind, uuid.Nil, client, c.At)
	e.ActorID, e.Via = c.By, authcore.ViaSession
	if c.By == uuid.Nil {
		e.Via = authcore.ViaOperator
	}
	text, _ := json.Marshal(map[string]any{"name": c.Name, "from": c.From.Text, "to": c.To.Text, "reason": c.Reason}) // texts: cannot go wrong
	e.Details = string(text)
	return e
}

// History returns the changes of a setting, the last one first, and the cursor of those before them; "" at the end. limit is 1 to
// [cursor.MaxLimit], 0 for [cursor.DefaultLimit]. Refusals: [authcore.NotFound]; [authcore.InvalidRequest] for a limit or cursor that is
// none; [authcore.Unavailable].
func (f *Flow) History(ctx context.Context, name string, limit int, after string) (changes []Change, next string, err error) {
	if f.cfg.Registry.at(name) < 0 {
		return nil, "", errNoSetting()
	}
	limit = cmp.Or(limit, cursor.DefaultLimit)
	if err := cursor.CheckLimit(limit); err != nil {
		return nil, "", err
	}
	var before int64
	if after != "" {
		if before, err = strconv.ParseInt(after, 10, 64); err != nil || before < 1 {
			return nil, "", authcore.Refuse(authcore.InvalidRequest, "The cursor is none of this list.")
		}
	}
	if changes, err = f.cfg.Store.SettingChanges(ctx, name, before, limit+1); err != nil {
		return nil, "", fmt.Errorf("list changes of a setting: %w", err)
	}
	if len(changes) > limit {
		changes = changes[:limit]
		next = strconv.FormatInt(changes[limit-1].Version, 10)
	}
	return changes, next, nil
}

func errNoSetting() error {
	return authcore.Refuse(authcore.NotFound, "There is no setting of this name.")
}

// refuseValue says what a value may be.
func refuseValue(may string) error {
	return authcore.RefuseValue("value", authcore.FieldError{Rule: authcore.SettingRange, Params: authcore.Params{Text: may}})
}
