package guard

import "net/http"

// Front begins the passage of a request before handlers that it may come to by no other handler of ours. errors says that those
// answer errors: what a guard among them judges is what the request came with.
func (e *Edge) Front(w http.ResponseWriter, r *http.Request, next Next, errors bool) error {
	former := e.passageOf(r)
	if former != nil && !errors {
		return next.ServeHTTP(w, r)
	}
	p := e.newPassage(w, e.HTTPS(r))
	e.keepBack(p, r, false)
	if former != nil {
		// A guard among the handlers for errors judges what the request came with. On the answer is what the guard before has set.
		if former.ours {
			former.leave(r)
		}
		p.cookies, p.authorization = former.cookies, former.authorization
	} else if strip := e.strip.Load(); strip != nil { // also where an error arose before any handler of ours (P01)
		strip.Strip(r)
	}
	if p.own = p.jar.Own(w.Header()); len(p.own) > 0 {
		p.renewed = true
	}
	e.Server.Set(r, passageVar, p)
	return p.finish(next.ServeHTTP(p, r))
}

// Enter lends one of our handlers what the request brought, where another one has kept it back, and reports whether one has.
func (e *Edge) Enter(r *http.Request, ours bool) (begun bool) {
	p := e.passageOf(r)
	if p != nil && ours {
		p.enter(r)
	}
	return p != nil
}
