package redisfeed

import "time"

// peer is a sender: a node from its start to its end.
type peer struct {
	number uint64    // of its last message
	heard  time.Time // when it said that, or before
	came   time.Time // when that came, or before
	left   bool      // it said that it stops
}

// latest is how late a message may come and still count as having come at once: it may have waited for Redis, clocks are
// never quite the same, and nodes of the release before go by their machine's own.
const latest = 3 * time.Second

// mourned is for how long a node that fell silent is waited for. One that was killed never speaks again; one
// that merely does not reach Redis goes on revoking, and tells its operator that it does not reach it.
const mourned = 15 * time.Minute

// Nodes counts the other senders of a stream that have not said that they stop.
type Nodes struct {
	Heard  int // speaking
	Silent int // heard nothing of for three seconds; those that may yet be revoking are waited for
}

// Nodes returns how many other nodes there are, as of when the own heartbeat last came back.
func (f *Feed) Nodes() Nodes {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodes
}

// follow takes note of a message's sender, and notices that messages of it are missing. A message that
// comes twice or late changes nothing: it was applied, or the gap it left was noticed. It is no sign of
// life either, for anybody can send an old one again. One that was held back is a sign of life of when it
// was sent: whoever lets our own heartbeats pass and holds back another node's would have the snapshot look
// confirmed while that node's revocations have yet to come.
//
// A sender that is first heard of in the middle leaves a gap too. What it said before may stand before
// our place in the stream, and then the database has been read since; or it could not reach Redis when
// it started, and revoked something after that reading. Nothing here tells which, and a look into the
// database is cheap: one for each start of a node.
func (f *Feed) follow(m message) {
	late := time.Duration(0)
	if !m.last { // which has no time, and needs none
		late = f.cfg.Clock().Sub(m.at)
	}
	p := f.peers[m.node]
	if p == nil {
		if late > mourned {
			return // it would have been forgotten since
		}
		p = new(peer)
		f.peers[m.node] = p
	}
	if m.number <= p.number {
		return
	}
	missing := m.number != p.number+1
	p.number, p.left, p.heard, p.came = m.number, m.last, f.floor, f.floor
	if said := f.cfg.Now().Add(latest - max(late, 0)); said.Before(p.heard) {
		p.heard = said
	}
	if missing {
		f.missed()
	}
}

// confirm confirms the snapshot up to when the own heartbeat was sent that came back, or up to when a node was
// last heard that says nothing any more: it may be revoking without reaching Redis.
func (f *Feed) confirm() {
	asOf := f.own
	for node, p := range f.peers {
		if node != f.sender.id && !p.left && p.heard.Before(asOf) {
			asOf = p.heard
		}
	}
	if !asOf.IsZero() {
		f.cfg.Snapshot.Confirm(asOf)
	}
}

// mourn forgets nodes that stopped or fell silent long ago, the latter only once the database has been read
// so long after, counts the others, and tells whether there are silent ones.
func (f *Feed) mourn() {
	stored := f.cfg.Snapshot.Stored()
	var nodes Nodes
	for node, p := range f.peers {
		switch {
		case node == f.sender.id:
		case p.left && f.own.Sub(p.came) > mourned, !p.left && stored.Sub(p.came) > mourned:
			delete(f.peers, node)
		case p.left:
		case f.own.Sub(p.heard) > silence && f.own.Sub(f.again) > silence: // not when nobody was heard
			nodes.Silent++
		default:
			nodes.Heard++
		}
	}
	f.mu.Lock()
	f.nodes = nodes
	f.mu.Unlock()
	if mute := nodes.Silent > 0; mute == f.mute.IsZero() {
		log := f.cfg.Logger.With("component", "redis_feed_nodes")
		if mute {
			f.mute = f.own
			log.Warn("a node has fallen silent without announcing a stop: it was killed, or has lost Redis; only the database "+
				"confirms the snapshot of revocations until it is heard again, or for a quarter of an hour", "state", "silent", "nodes", nodes.Silent)
		} else {
			log.Info("no node is silent any more", "state", "complete", "outage", f.own.Sub(f.mute))
			f.mute = time.Time{}
		}
	}
}
