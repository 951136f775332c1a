package tuning

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// followEvery is how often the database is asked whether a setting has changed on another node. One row of an index answers it.
const followEvery = 300 * time.Millisecond

// Follower knows the run-time values of a database and gives them to the registries of its node: that of the configuration that runs, and
// of one that is about to. It is safe for concurrent use and outlives configurations.
type Follower struct {
	store Store
	// lag is told how long after a change of another node it ruled here.
	lag func(time.Duration)
	now func() time.Time

	mu         sync.Mutex
	state      State
	registries []*Registry

	turn  sync.Mutex // held by whoever asks the database
	began bool       // it has been asked; guarded by turn
}

// NewFollower returns a follower that knows nothing yet; see Read. lag may be nil.
func NewFollower(store Store, lag func(time.Duration), now func() time.Time) (*Follower, error) {
	if store == nil || now == nil {
		return nil, errors.New("tuning: store and clock are required")
	}
	if lag == nil {
		lag = func(time.Duration) {}
	}
	return &Follower{store: store, lag: lag, now: now}, nil
}

// Join gives a registry what rules, now and after each change, until Leave.
func (f *Follower) Join(r *Registry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.registries, r) {
		f.registries = append(f.registries, r)
	}
	r.Apply(f.state)
}

// Leave forgets a registry.
func (f *Follower) Leave(r *Registry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.registries = slices.DeleteFunc(f.registries, func(o *Registry) bool { return o == r })
}

// Apply gives the registries a state, unless they have a newer one.
func (f *Follower) Apply(s State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.Version <= f.state.Version {
		return
	}
	f.state = s
	for _, r := range f.registries {
		r.Apply(s)
	}
}

// Version returns which change of settings rules on this node.
func (f *Follower) Version() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Version
}

// Read asks the database, and applies what has changed. [authcore.Unavailable].
func (f *Follower) Read(ctx context.Context) error {
	f.turn.Lock()
	defer f.turn.Unlock()
	version, err := f.store.SettingsVersion(ctx)
	if err != nil {
		return err
	}
	if version <= f.Version() {
		f.began = true
		return nil
	}
	s, err := f.store.RuntimeSettings(ctx)
	if err != nil {
		return err
	}
	f.Apply(s)
	if f.began { // else it is what was set before this node started
		f.lag(max(0, f.now().Sub(s.ChangedAt)))
	}
	f.began = true
	return nil
}

// Run reads again and again until ctx ends. What the database cannot tell stays as it was.
func (f *Follower) Run(ctx context.Context, logger *slog.Logger) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := f.Read(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, authcore.ErrUnavailable): // a database that is away tells of itself
		case err != nil && !failing:
			failing = true
			logger.Error("could not read the run-time settings; those known here stay in force", "component", "runtime_settings", "state", "failing", "error", err)
		case err == nil && failing:
			failing = false
			logger.Info("run-time settings can be read again", "component", "runtime_settings", "state", "up")
		}
	}
}
