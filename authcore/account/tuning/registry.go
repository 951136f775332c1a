package tuning

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Registry is the settings of one configuration, with the run-time values that rule over it. It is safe for concurrent use; what reads a
// setting loads one pointer and waits for nobody.
type Registry struct {
	definitions []Definition
	index       map[string]int
	rules       []Rule
	changeable  func(name string) bool
	view        atomic.Pointer[view]

	mu      sync.Mutex // guards changed, and keeps views in order
	changed []func()
}

// view is what rules at one moment. It is never changed.
type view struct {
	state  State
	values []Value
	by     []*Override // the run-time value of each setting that is in force
	idle   []Idle
}

// Idle is a run-time value that does not rule, and why.
type Idle struct {
	Override
	Why string
}

// NewRegistry returns the registry of a configuration, which no run-time value rules over yet. changeable returns false for settings that
// the configuration keeps to itself. What the configuration says must be right by the definitions and rules.
func NewRegistry(definitions []Definition, rules []Rule, changeable func(name string) bool) (*Registry, error) {
	r := &Registry{definitions: definitions, index: make(map[string]int, len(definitions)), rules: rules, changeable: changeable}
	for i, d := range definitions {
		if _, twice := r.index[d.Name]; twice || d.parse == nil || d.base().Text == "" {
			return nil, fmt.Errorf("tuning: setting %q is defined twice or not whole", d.Name)
		}
		r.index[d.Name] = i
	}
	for _, rule := range rules {
		less, than := r.at(rule.Less), r.at(rule.Than)
		if less < 0 || than < 0 {
			return nil, fmt.Errorf("tuning: a rule names %s and %s, of which one is no setting", rule.Less, rule.Than)
		}
		if rule.broken(definitions[less].base(), definitions[than].base()) {
			return nil, fmt.Errorf("tuning: %s must be %s", rule.Less, rule.says(rule.Less, definitions[than].base()))
		}
	}
	r.Apply(State{})
	return r, nil
}

func (r *Registry) at(name string) int {
	if i, ok := r.index[name]; ok {
		return i
	}
	return -1
}

// Duration returns what reads a duration, 0 for off. It panics for what is no setting, which is a fault of the program.
func (r *Registry) Duration(name string) func() time.Duration {
	read := r.value(name)
	return func() time.Duration { return time.Duration(read().Number) }
}

// Number returns what reads a number. It panics for what is no setting.
func (r *Registry) Number(name string) func() int {
	read := r.value(name)
	return func() int { return int(read().Number) }
}

// Text returns what reads a word or a limit. It panics for what is no setting.
func (r *Registry) Text(name string) func() string {
	read := r.value(name)
	return func() string { return read().Text }
}

// Key finds a setting in [Values].
type Key int

// Key returns that of a setting. It panics for what is no setting.
func (r *Registry) Key(name string) Key { return Key(r.must(name)) }

// Values are all settings as they rule together at one moment.
type Values struct{ v *view }

// Values returns what rules now.
func (r *Registry) Values() Values { return Values{r.view.Load()} }

// Duration returns a duration, 0 for off.
func (v Values) Duration(k Key) time.Duration { return time.Duration(v.v.values[k].Number) }

// Text returns a word or a limit.
func (v Values) Text(k Key) string { return v.v.values[k].Text }

// Number returns a number.
func (v Values) Number(k Key) int { return int(v.v.values[k].Number) }

func (r *Registry) value(name string) func() Value {
	i := r.must(name)
	return func() Value { return r.view.Load().values[i] }
}

func (r *Registry) must(name string) int {
	i := r.at(name)
	if i < 0 {
		panic("tuning: no setting is called " + name)
	}
	return i
}

// Longest returns the longest that a duration is, by the configuration and at run time, or ever was by a run-time change: tokens that
// were issued by then may still be out.
func (r *Registry) Longest(name string) time.Duration {
	i, v := r.must(name), r.view.Load()
	return time.Duration(max(v.values[i].Number, r.definitions[i].base().Number, v.state.Most[name]))
}

// OnChange has f called after each change of what rules. It is called by whoever brings the change, and must not apply another.
func (r *Registry) OnChange(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = append(r.changed, f)
}

// Version returns which change of run-time values rules here.
func (r *Registry) Version() int64 { return r.view.Load().state.Version }

// Overridden returns how many run-time values rule here.
func (r *Registry) Overridden() int { return len(r.Ruling()) }

// Ruling returns the run-time values that rule here, and Idle those that do not.
func (r *Registry) Ruling() []Override {
	var all []Override
	for _, o := range r.view.Load().by {
		if o != nil {
			all = append(all, *o)
		}
	}
	return all
}

// Idle returns the run-time values that do not rule here: the configuration keeps them to itself, or they do not go together with it.
func (r *Registry) Idle() []Idle { return slices.Clone(r.view.Load().idle) }

// Base returns the value that a setting has without a run-time value.
func (r *Registry) Base(name string) Value { return r.definitions[r.must(name)].base() }

// Apply makes run-time values rule. An older state than the present one changes nothing.
func (r *Registry) Apply(s State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v := r.view.Load(); v != nil && v.state.Version >= s.Version {
		return
	}
	r.view.Store(r.look(s))
	for _, f := range r.changed {
		f()
	}
}

// look says what rules by a state. The configuration may have changed since a value was set: values that are no longer right, or not
// together with it, do not rule.
func (r *Registry) look(s State) *view {
	v := &view{state: s, values: make([]Value, len(r.definitions)), by: make([]*Override, len(r.definitions))}
	for i, d := range r.definitions {
		v.values[i] = d.base()
	}
	for _, o := range s.Overrides {
		i := r.at(o.Name)
		if i < 0 {
			continue // of a newer program
		}
		value, err := r.definitions[i].Parse(o.Value)
		switch {
		case !r.Changeable(o.Name):
			v.idle = append(v.idle, Idle{o, "the configuration keeps this setting to itself"})
		case err != nil:
			v.idle = append(v.idle, Idle{o, "it must be " + r.definitions[i].Range})
		default:
			v.values[i], v.by[i] = value, &o
		}
	}
	for r.settle(v) {
	}
	return v
}

// settle takes back a run-time value that breaks a rule; false where there is none.
func (r *Registry) settle(v *view) bool {
	for _, rule := range r.rules {
		less, than := r.index[rule.Less], r.index[rule.Than]
		if !rule.broken(v.values[less], v.values[than]) {
			continue
		}
		i, other := less, than
		if v.by[i] == nil {
			i, other = than, less
		}
		if v.by[i] == nil { // cannot be: the configuration alone breaks no rule
			return false
		}
		v.idle = append(v.idle, Idle{*v.by[i], "it must be " + rule.says(r.definitions[i].Name, v.values[other])})
		v.values[i], v.by[i] = r.definitions[i].base(), nil
		return true
	}
	return false
}

// Changeable reports whether a setting may be changed at run time.
func (r *Registry) Changeable(name string) bool {
	i := r.at(name)
	return i >= 0 && !r.definitions[i].Fixed && (r.changeable == nil || r.changeable(name))
}

// fits returns what a value had to be among those that rule by a state; "" where it is.
func (r *Registry) fits(s State, name string, value Value) string {
	v := r.look(s)
	v.values[r.index[name]] = value
	for _, rule := range r.rules {
		less, than := v.values[r.index[rule.Less]], v.values[r.index[rule.Than]]
		if name != rule.Less && name != rule.Than || !rule.broken(less, than) {
			continue
		}
		other := than
		if name == rule.Than {
			other = less
		}
		return r.definitions[r.index[name]].Range + ", " + rule.says(name, other)
	}
	return ""
}

// Always returns a function that returns v, for what reads a setting where none changes.
func Always[T any](v T) func() T { return func() T { return v } }
