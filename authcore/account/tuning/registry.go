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
	all        atomic.Pointer[table]
	changeable func(name string) bool
	view       atomic.Pointer[view]

	mu      sync.Mutex // guards changed, and keeps views in order
	changed []func()
}

// table is what there is to set. It is never changed: Add replaces it by a longer one.
type table struct {
	definitions []Definition
	index       map[string]int
	rules       []Rule
}

// with returns the table with more.
func (t *table) with(definitions []Definition, rules []Rule) (*table, error) {
	longer := &table{definitions: slices.Concat(t.definitions, definitions), index: make(map[string]int), rules: slices.Concat(t.rules, rules)}
	for i, d := range longer.definitions {
		if _, twice := longer.index[d.Name]; twice || d.parse == nil || d.base().Text == "" {
			return nil, fmt.Errorf("tuning: setting %q is defined twice or not whole", d.Name)
		}
		longer.index[d.Name] = i
	}
	for _, rule := range rules {
		less, than := longer.at(rule.Less), longer.at(rule.Than)
		if less < 0 || than < 0 {
			return nil, fmt.Errorf("tuning: a rule names %s and %s, of which one is no setting", rule.Less, rule.Than)
		}
		if rule.broken(longer.definitions[less].base(), longer.definitions[than].base()) {
			return nil, fmt.Errorf("%s (%s) must be %s: change one of them", rule.Less, longer.definitions[less].base().Text, rule.says(rule.Less, longer.definitions[than].base()))
		}
	}
	return longer, nil
}

func (t *table) at(name string) int {
	if i, ok := t.index[name]; ok {
		return i
	}
	return -1
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
	r := &Registry{changeable: changeable}
	all, err := (&table{}).with(definitions, rules)
	if err != nil {
		return nil, err
	}
	r.all.Store(all)
	r.Apply(State{})
	return r, nil
}

// Add puts more into the registry, which what already reads it does not see. One that is there already must be configured as it is: the same
// is then said twice, and its rules are not added again.
func (r *Registry) Add(definitions []Definition, rules []Rule) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	present := r.all.Load()
	known := 0
	for _, d := range definitions {
		if i := present.at(d.Name); i >= 0 {
			if present.definitions[i].base().Text != d.base().Text {
				return fmt.Errorf("%s is %s elsewhere and %s here; it must be the same", d.Name, present.definitions[i].base().Text, d.base().Text)
			}
			known++
		}
	}
	if known == len(definitions) {
		return nil
	}
	longer, err := present.with(definitions, rules)
	if err != nil {
		return err
	}
	r.all.Store(longer)
	r.view.Store(r.look(r.view.Load().state))
	return nil
}

func (r *Registry) at(name string) int { return r.all.Load().at(name) }

func (r *Registry) definition(i int) Definition { return r.all.Load().definitions[i] }

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
	return time.Duration(max(v.values[i].Number, r.definition(i).base().Number, v.state.Most[name]))
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
func (r *Registry) Base(name string) Value { return r.definition(r.must(name)).base() }

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
	all := r.all.Load()
	v := &view{state: s, values: make([]Value, len(all.definitions)), by: make([]*Override, len(all.definitions))}
	for i, d := range all.definitions {
		v.values[i] = d.base()
	}
	for _, o := range s.Overrides {
		i := all.at(o.Name)
		if i < 0 {
			continue // of a newer program
		}
		value, err := all.definitions[i].Parse(o.Value)
		switch {
		case !r.Changeable(o.Name):
			v.idle = append(v.idle, Idle{o, "the configuration keeps this setting to itself"})
		case err != nil:
			v.idle = append(v.idle, Idle{o, "it must be " + all.definitions[i].Range})
		default:
			v.values[i], v.by[i] = value, &o
		}
	}
	for all.settle(v) {
	}
	return v
}

// settle takes back a run-time value that breaks a rule; false where there is none.
func (t *table) settle(v *view) bool {
	for _, rule := range t.rules {
		less, than := t.index[rule.Less], t.index[rule.Than]
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
		v.idle = append(v.idle, Idle{*v.by[i], "it must be " + rule.says(t.definitions[i].Name, v.values[other])})
		v.values[i], v.by[i] = t.definitions[i].base(), nil
		return true
	}
	return false
}

// Changeable reports whether a setting may be changed at run time.
func (r *Registry) Changeable(name string) bool {
	i := r.at(name)
	return i >= 0 && !r.definition(i).Fixed && (r.changeable == nil || r.changeable(name))
}

// fits returns what a value had to be among those that rule by a state; "" where it is.
func (r *Registry) fits(s State, name string, value Value) string {
	v, all := r.look(s), r.all.Load()
	v.values[all.index[name]] = value
	for _, rule := range all.rules {
		less, than := v.values[all.index[rule.Less]], v.values[all.index[rule.Than]]
		if name != rule.Less && name != rule.Than || !rule.broken(less, than) {
			continue
		}
		other := than
		if name == rule.Than {
			other = less
		}
		return all.definitions[all.index[name]].Range + ", " + rule.says(name, other)
	}
	return ""
}

// Always returns a function that returns v, for what reads a setting where none changes.
func Always[T any](v T) func() T { return func() T { return v } }
