package stats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Node is one gateway on the database, from its start to its end.
type Node struct {
	ID        uuid.UUID
	Version   string
	State     string // NodeReady, NodeUnready or NodeLost
	StartedAt time.Time
	SeenAt    time.Time     // when it last wrote this
	ViewAge   time.Duration // since when nothing has confirmed its view of revocations; 0 with SQLite
	ClockSkew time.Duration // how far its machine's clock is ahead of the database's; 0 with SQLite
	Settings  int64         // the version of the run-time settings that ruled on it
}

// The states of a node. It writes the first two; one that has written nothing for [lostAfter] is lost, whatever it wrote.
const (
	NodeReady   = "ready"
	NodeUnready = "unready"
	NodeLost    = "lost"
)

const (
	beatEvery = 10 * time.Second
	lostAfter = 3 * beatEvery
)

// NodeStore is what a Heartbeat writes.
type NodeStore interface {
	// SaveNode writes the row of a node.
	SaveNode(ctx context.Context, n Node) error
	// RemoveNode removes it.
	RemoveNode(ctx context.Context, id uuid.UUID) error
}

// Heartbeat keeps the row of this node.
type Heartbeat struct {
	Store NodeStore
	// Look returns the node as it is. SeenAt is filled in.
	Look func() Node
	// Ends reports whether the node ends where the heartbeat does; else another configuration goes on with it.
	Ends   func() bool
	Now    authcore.Clock
	Logger *slog.Logger
}

// Run writes the row until ctx ends, and removes it if the node ends too. That of a node that is killed stays: it shows as lost for a while.
func (h Heartbeat) Run(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		if err := h.Beat(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, authcore.ErrUnavailable) {
			h.Logger.Error("could not write that this node lives; will retry", "error", err)
		}
		select {
		case <-ctx.Done():
			if h.Ends() {
				h.remove(ctx)
			}
			return
		case <-tick.C:
		}
	}
}

// Beat writes the row now.
func (h Heartbeat) Beat(ctx context.Context) error {
	n := h.Look()
	n.SeenAt = h.Now()
	return h.Store.SaveNode(ctx, n)
}

// removeWithin is how long a node that ends waits for the database.
const removeWithin = time.Second

func (h Heartbeat) remove(ctx context.Context) {
	soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
	defer cancel()
	if err := h.Store.RemoveNode(soon, h.Look().ID); err != nil && !errors.Is(err, authcore.ErrUnavailable) {
		h.Logger.Warn("could not write that this node ends: it will show as lost for a while", "error", err)
	}
}

// Nodes returns the nodes on the database, the oldest first. Refusal: [authcore.Unavailable].
func (f *Flow) Nodes(ctx context.Context) ([]Node, error) {
	nodes, err := f.cfg.Store.Nodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	for i := range nodes {
		if f.cfg.Now().Sub(nodes[i].SeenAt) > lostAfter {
			nodes[i].State = NodeLost
		}
	}
	slices.SortFunc(nodes, func(a, b Node) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	return nodes, nil
}
