package liveconn

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// news are the revocations that connections have not been compared with.
type news struct {
	wake chan struct{} // has one in it while something is new

	mu    sync.Mutex
	each  []revoked
	many  time.Time // since when there are more than are kept one by one; zero: there are not
	young []revoked // those that found an exchange which has not lasted long
}

// revoked is what a revocation concerns: a session, or with none an account.
type revoked struct {
	session, account uuid.UUID
	at               time.Time
}

// maxNews is how many revocations are kept one by one. When more come at once, all connections are looked at.
const maxNews = 10_000

// Revoked ends the connections that the revocations concern, soon: it returns at once. Meant for [revocation.Set.Watch], which
// calls it when the set heeds them.
func (r *Registry) Revoked(rs []authcore.Revocation) {
	at := time.Now()
	n := &r.news
	n.mu.Lock()
	for _, one := range rs {
		if len(n.each) == maxNews {
			n.each, n.many = nil, at
		}
		if n.many.IsZero() {
			n.each = append(n.each, revoked{session: one.SessionID, account: one.AccountID, at: at})
		}
	}
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default: // it will be seen
	}
}

// applyRevocations ends what is concerned by revocations that are new.
func (r *Registry) applyRevocations() {
	n := &r.news
	n.mu.Lock()
	each, many := n.each, n.many
	n.each, n.many = nil, time.Time{}
	n.mu.Unlock()
	if !many.IsZero() {
		r.look(many)
	}
	var young []revoked
	for _, one := range each {
		if r.cut(one) {
			young = append(young, one)
		}
	}
	n.mu.Lock()
	n.young = append(n.young, young...)
	n.mu.Unlock()
}

// again looks once more for exchanges that had not lasted long.
func (r *Registry) again() {
	n := &r.news
	n.mu.Lock()
	young := n.young
	n.young = nil
	n.mu.Unlock()
	for _, one := range young {
		if r.cut(one) {
			n.mu.Lock()
			n.young = append(n.young, one)
			n.mu.Unlock()
		}
	}
}

// cut ends the connections that one revocation concerns, and reports whether there is one that has to last longer first.
func (r *Registry) cut(one revoked) (young bool) {
	var reasons []Reason
	concerned := func(c *Connection) bool {
		if one.session != uuid.Nil && c.Of.SessionID != one.session || one.account != uuid.Nil && c.Of.AccountID != one.account {
			return false
		}
		why := r.judge(c, 0)
		if why != "" && !r.lasts(c) {
			young = true
			return false
		}
		if why != "" {
			reasons = append(reasons, why)
		}
		return why != ""
	}
	var found []*Connection
	if one.account != uuid.Nil {
		found = r.bucket(one.account).list(nil, concerned)
	} else {
		found = r.list(concerned)
	}
	for i, c := range found {
		r.end(c, Ending{Reason: reasons[i], Since: one.at})
	}
	return young
}
