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
	// tickEvery is the unit in which the age of an exchange is counted: a clock for each request would cost more.
	tickEvery = 250 * time.Millisecond
	// longAfter is after how many ticks an exchange has lasted long: between a quarter and half a second.
	longAfter = 2
	// lookEvery is how often every connection is compared with the snapshot: for snapshots that are too old, and for what a
	// revocation did not find because it came in the very moment when the request was admitted.
	lookEvery = time.Second
	// confirmEvery is how long one outlives a session that ended without a revocation. It must be less than the minute for
	// which a revocation can be read: a node that was cut off for longer would otherwise never hear of it.
	confirmEvery = 30 * time.Second
	// confirmAgain is when it is tried again after the database did not answer.
	confirmAgain = time.Second
	// confirmPage is how many sessions one query asks for: few enough for the time a query has.
	confirmPage = 1000
)

// Run ends connections until ctx ends. Where several run they share the work, or do a little more than needed.
func (r *Registry) Run(ctx context.Context) {
	var apart sync.WaitGroup
	apart.Go(func() { // since it waits for the database
		every(ctx, confirmAgain, func() {
			if err := r.confirmDue(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, authcore.ErrUnavailable) {
				r.cfg.Logger.Error("could not check the sessions of open connections in the database; will retry", "error", err)
			}
		})
	})
	apart.Go(func() { every(ctx, lookEvery, r.Look) })
	apart.Go(func() {
		every(ctx, tickEvery, func() {
			r.ticks.Store(uint32(time.Since(r.began) / tickEvery))
			r.again()
		})
	})
	for {
		select {
		case <-ctx.Done():
			apart.Wait()
			return
		case <-r.news.wake:
			r.applyRevocations()
		}
	}
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

// lasts reports whether a connection is one that lasts, or an exchange that has lasted long.
func (r *Registry) lasts(c *Connection) bool {
	return !c.Exchange || r.ticks.Load()-c.began >= longAfter
}

// Look ends every connection that this node knows must not live on. It does no I/O. Of 100 000 connections it takes
// about 30 ms of one processor (BenchmarkRegistry_Look), and holds up whoever opens or closes one for a 1024th of that.
func (r *Registry) Look() { r.look(time.Time{}) }

func (r *Registry) look(since time.Time) {
	age := r.cfg.Age()
	var reasons []Reason
	found := r.list(func(c *Connection) bool {
		if !r.lasts(c) {
			return false
		}
		why := r.judge(c, age)
		if why != "" {
			reasons = append(reasons, why)
		}
		return why != ""
	})
	for i, c := range found {
		r.end(c, Ending{Reason: reasons[i], Since: since})
	}
}

func (r *Registry) judge(c *Connection, age time.Duration) Reason {
	switch r.cfg.Revocations.Check(c.Of.SessionID, c.Of.AccountID, c.Of.Epoch, c.Of.RolesVersion) {
	case authcore.Revoked, authcore.Replaced:
		return Revoked
	case authcore.RolesChanged:
		return RolesChanged
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
	open := r.list(r.lasts)
	slices.SortFunc(open, func(a, b *Connection) int { return slices.Compare(a.Of.SessionID[:], b.Of.SessionID[:]) })
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
		if i > 0 && c.Of.SessionID == open[i-1].Of.SessionID {
			continue
		}
		if len(ids) == confirmPage {
			return open[:i], ids
		}
		ids = append(ids, c.Of.SessionID)
	}
	return open, ids
}

func (r *Registry) compare(page []*Connection, live []authcore.LiveSession) {
	roles := make(map[uuid.UUID]int64, len(live))
	for _, l := range live {
		roles[l.ID] = l.RolesVersion
	}
	for _, c := range page {
		switch version, lives := roles[c.Of.SessionID]; {
		case !lives:
			r.end(c, Ending{Reason: Expired})
		case c.Of.RolesVersion < version:
			r.end(c, Ending{Reason: RolesChanged})
		}
	}
}
