package liveconn

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const (
	// lookEvery is how long a connection outlives the moment in which its node learns of the revocation, at most.
	lookEvery = 500 * time.Millisecond
	// confirmEvery is how long one outlives a session that ended without a revocation. It must be less than the minute for
	// which a revocation can be read: a node that was cut off for longer would otherwise never hear of it.
	confirmEvery = 30 * time.Second
	// confirmAgain is when it is tried again after the database did not answer.
	confirmAgain = time.Second
	// confirmPage is how many sessions one query asks for: few enough for the time a query has.
	confirmPage = 1000
)

// Run looks at the connections until ctx ends. Where several run they take turns, or do a little more than needed.
func (r *Registry) Run(ctx context.Context) {
	var confirming sync.WaitGroup
	confirming.Go(func() { // apart, since it waits for the database
		every(ctx, confirmAgain, func() {
			if err := r.confirmDue(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, authcore.ErrUnavailable) {
				r.cfg.Logger.Error("open connections not confirmed by the database; tried again soon", "error", err)
			}
		})
	})
	every(ctx, lookEvery, r.Look)
	confirming.Wait()
}

func every(ctx context.Context, d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// Look ends every connection that this node knows must not live on. It does no I/O. Of 100 000 connections it takes 15 to
// 20 ms of one processor (BenchmarkRegistry_Look), and holds up whoever opens or closes one for a 64th of that.
func (r *Registry) Look() {
	age := r.cfg.Age()
	var ending []*Connection
	var reasons []Reason
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for _, c := range s.open {
			if why := r.judge(c, age); why != "" {
				ending, reasons = append(ending, c), append(reasons, why)
			}
		}
		s.mu.Unlock()
	}
	for i, c := range ending {
		r.end(c, reasons[i])
	}
}

func (r *Registry) judge(c *Connection, age time.Duration) Reason {
	switch r.cfg.Revocations.Check(c.Session, c.Account, c.Epoch, c.RolesVersion) {
	case authcore.Revoked:
		return Revoked
	case authcore.Outdated:
		return Outdated
	}
	if c.MaxAge > 0 && age > c.MaxAge {
		return Stale
	}
	return ""
}

// confirmDue asks the database when it was not asked for a while, by the wall clock too: a machine that slept asks at once.
func (r *Registry) confirmDue(ctx context.Context) error {
	r.confirming.Lock()
	defer r.confirming.Unlock()
	at := time.Now()
	if at.Sub(r.confirmedAt) < confirmEvery && at.Round(0).Sub(r.confirmedAt.Round(0)) < confirmEvery {
		return nil
	}
	if err := r.Confirm(ctx); err != nil {
		return err
	}
	r.confirmedAt = at
	return nil
}

// Confirm asks the database about every session that has a connection, and ends the connections of those that do not live
// or whose account's roles have changed. A database that does not answer ends none: connections that were confirmed
// before the error stay so, and those that come after it are asked for by the next call.
func (r *Registry) Confirm(ctx context.Context) error {
	var open []*Connection
	for i := range r.shards {
		open = append(open, r.shards[i].list()...)
	}
	slices.SortFunc(open, func(a, b *Connection) int { return slices.Compare(a.Session[:], b.Session[:]) })
	for len(open) > 0 {
		page, ids := nextPage(open)
		live, err := r.cfg.Sessions.LiveSessions(ctx, ids, r.cfg.Now())
		if err != nil {
			return err
		}
		r.compare(page, live)
		open = open[len(page):]
	}
	return nil
}

// nextPage cuts the connections of the first sessions off a sorted list.
func nextPage(open []*Connection) (page []*Connection, ids []uuid.UUID) {
	for i, c := range open {
		if i > 0 && c.Session == open[i-1].Session {
			continue
		}
		if len(ids) == confirmPage {
			return open[:i], ids
		}
		ids = append(ids, c.Session)
	}
	return open, ids
}

func (r *Registry) compare(page []*Connection, live []authcore.LiveSession) {
	roles := make(map[uuid.UUID]int64, len(live))
	for _, l := range live {
		roles[l.ID] = l.RolesVersion
	}
	for _, c := range page {
		switch version, lives := roles[c.Session]; {
		case !lives:
			r.end(c, Expired)
		case c.RolesVersion < version:
			r.end(c, Outdated)
		}
	}
}
