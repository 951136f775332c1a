// Package export tells people everything that is kept about them. What that is says the store, in one list beside that of a deletion.
package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

// Store is what an export reads and writes.
type Store interface {
	// Record writes events that belong to no other change.
	Record(ctx context.Context, fx authcore.Effects) error
	// ExportAccount returns the rows that are kept about the owner of the account, by what they are about, without secrets. ErrNotFound.
	ExportAccount(ctx context.Context, account uuid.UUID) (map[string][]map[string]any, error)
}

// Config is what a Flow needs; all of it is required.
type Config struct {
	Store Store
	Now   authcore.Clock
}

// Flow exports accounts. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Now == nil {
		return nil, errors.New("export: store and clock are required")
	}
	return &Flow{cfg}, nil
}

// Export returns everything that is kept about the owner of the account as one JSON object, who has just shown who they are. Refusals:
// [authcore.InvalidToken] when the account is gone; [authcore.Unavailable].
func (f *Flow) Export(ctx context.Context, account uuid.UUID, c authcore.Client) ([]byte, error) {
	now := f.cfg.Now.Now()
	if err := f.cfg.Store.Record(ctx, authcore.Effects{Events: []authcore.Event{audit.Event(authcore.EventExported, account, c, now)}}); err != nil {
		return nil, fmt.Errorf("record export: %w", err)
	}
	all, err := f.cfg.Store.ExportAccount(ctx, account)
	if err != nil {
		return nil, authcore.OwnerGone("export account", err)
	}
	whole := map[string]any{"exported_at": now.UTC().Format(time.RFC3339)}
	for name, rows := range all {
		whole[name] = rows
	}
	whole["account"] = all["account"][0]
	text, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write export: %w", err)
	}
	return text, nil
}
