package tuning

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// State is the run-time values that are stored.
type State struct {
	Version   int64 // of the last change; 0: there was none
	ChangedAt time.Time
	Overrides []Override       // by name
	Most      map[string]int64 // by name: the greatest number that a setting ever was before or after a change
}

// Override is a run-time value.
type Override struct {
	Name, Value string
	At          time.Time
	By          uuid.UUID // the account that set it; zero: whoever runs the gateway
	Reason      string
}

// Change is one change of a run-time value.
type Change struct {
	Version  int64 // counts the changes of all settings, from 1
	Name     string
	From, To Value // that ruled before and after it, where it was made
	Reset    bool  // to what the configuration says
	At       time.Time
	By       uuid.UUID
	Reason   string
}

// ErrOvertaken is returned by [Store.ChangeSetting] where another change has the version.
var ErrOvertaken = errors.New("the settings have changed meanwhile")

// Store keeps run-time values.
type Store interface {
	// RuntimeSettings returns what is stored.
	RuntimeSettings(ctx context.Context) (State, error)
	// SettingsVersion returns the version of what is stored. It is asked for often.
	SettingsVersion(ctx context.Context) (int64, error)
	// ChangeSetting stores a change with its effects. Of several with one version exactly one is stored; ErrOvertaken for the others.
	ChangeSetting(ctx context.Context, c Change, fx authcore.Effects) error
	// SettingChanges returns the changes of a setting before a version (0: all), the last one first, at most limit.
	SettingChanges(ctx context.Context, name string, before int64, limit int) ([]Change, error)
}
