package revocation

import (
	"sync"
	"sync/atomic"
)

const (
	partBits = 6
	parts    = 1 << partBits
)

// The kinds of what is revoked, and what the value of an entry is.
const (
	ofSession = iota // authcore.SessionReplaced, or 0
	ofEpoch          // lowest epoch of the account that is still accepted
	ofRoles          // lowest roles version of the account that is still accepted
	kinds
)

// shard holds the revocations of one in 64 ids. One filter stands before all its tables, so that one look tells of an
// account that neither its epoch nor its roles are revoked.
type shard struct {
	filter atomic.Pointer[filter] // nil: nothing was ever put in
	tables [kinds]table

	mu    sync.Mutex // held while anything here is written
	marks int        // what was put in since the filter was made
}

// put enters a revocation, and reports whether it says more than is known.
func (p *shard) put(of *Set, kind int, k key, value, until int64) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	added, news := p.tables[kind].put(&of.seed, k, value, until)
	if added {
		p.marks++
		of.live.Add(1)
	}
	if f := p.filter.Load(); f == nil || f.full(p.marks) {
		p.refilter(&of.seed) // with the one just put in
	} else {
		f.mark(k.h)
	}
	return news
}

// sweep drops what ended before the given time.
func (p *shard) sweep(of *Set, before int64) (dropped int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.tables {
		dropped += p.tables[i].sweep(&of.seed, before)
	}
	of.live.Add(int64(-dropped))
	if dropped > 0 && p.live() < p.marks/2 {
		p.refilter(&of.seed)
	}
	return dropped
}

// refilter makes a filter of what is in the tables now. It must be called with p.mu held.
func (p *shard) refilter(seed *[2]uint64) {
	f := newFilter(p.live())
	for i := range p.tables {
		p.tables[i].each(func(s *slot) { f.mark(hash(seed, s.hi.Load(), s.lo.Load())) })
	}
	p.marks = p.live()
	p.filter.Store(f)
}

// live must be called with p.mu held.
func (p *shard) live() (n int) {
	for i := range p.tables {
		n += p.tables[i].live
	}
	return n
}
