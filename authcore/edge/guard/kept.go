package guard

import "net/http"

// keptVar is where identity headers of a gateway in front wait for the guard that keeps them (contract §3.7). They are taken off
// the request with all others, whoever does it first: a request on which no such guard stands has them nowhere.
const keptVar = "gatehouse.kept"

// keptHeaders are headers from a peer that the configuration trusts.
type keptHeaders struct {
	lines http.Header
	back  map[string]bool // those that a guard has put back: the next one on the way does not take them off again
}

// setAside remembers a header of a trusted peer that some guard keeps, and reports whether it stays on the request. Only the
// name as it is written counts: what another client had passed through that peer under `X_Remote_User` is not its word.
func (e *Edge) setAside(r *http.Request, name string, lines []string) (stays bool) {
	if !e.Server.Trusted(r) {
		return false
	}
	kept, ok := e.Server.Get(r, keptVar).(*keptHeaders)
	if !ok {
		kept = &keptHeaders{lines: http.Header{}, back: map[string]bool{}}
		e.Server.Set(r, keptVar, kept)
	}
	if !kept.back[name] {
		kept.lines[name] = lines
	}
	return kept.back[name]
}

// putBack gives a request that the guard takes what the guard keeps.
func (g *Guard) putBack(r *http.Request) {
	kept, ok := g.Server.Get(r, keptVar).(*keptHeaders)
	if !ok {
		return
	}
	for _, name := range g.Keep {
		_, set := r.Header[name] // by another guard on the way, from an account
		if lines, ok := kept.lines[name]; ok && !set {
			r.Header[name], kept.back[name] = lines, true
			delete(kept.lines, name)
		}
	}
}
