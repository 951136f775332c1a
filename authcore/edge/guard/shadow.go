package guard

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// Shadow is a guard on trial: what it would refuse goes on, without a word of who the user is, and is counted. Only such requests come here.
type Shadow struct {
	Where  string // the guard, as its operator finds it
	Logger *slog.Logger

	next   atomic.Int64 // when the log may be told again, in nanoseconds since 1970
	untold atomic.Int64 // how many there were since it was told
}

// shadowPause is how long the log waits between two refusals that it is told of: anybody can cause them.
const shadowPause = time.Second

// note tells the log of a refusal, once in a pause.
func (s *Shadow) note(r *http.Request, err error, now time.Time) {
	due := s.next.Load()
	if now.UnixNano() < due || !s.next.CompareAndSwap(due, now.Add(shadowPause).UnixNano()) {
		s.untold.Add(1)
		return
	}
	s.Logger.Warn("a guard with shadow would have refused a request", "guard", s.Where, "code", string(authcore.CodeOf(err)), "method", r.Method,
		"host", r.Host, "path", r.URL.Path, "not_logged", s.untold.Swap(0))
}

// pass hands on a request that the guard would have refused: without identity headers, those of a gateway in front included.
func (g *Guard) pass(p *passage, w http.ResponseWriter, r *http.Request, next Next, err error, https bool) error {
	g.Counts.Shadowed(err)
	g.Shadow.note(r, err, g.Now())
	for _, name := range g.Keep {
		delete(r.Header, name)
	}
	return g.goOn(p, w, r, next, httpauth.Result{}, nil, https)
}

// malformed answers a request that services may read otherwise than this gateway does.
func (g *Guard) malformed(p *passage, w http.ResponseWriter, r *http.Request, next Next, err error, https bool) error {
	if g.Shadow == nil {
		return g.refuse(w, r, err, nil, https)
	}
	if g.Prepare != nil {
		g.Prepare(r)
	}
	return g.pass(p, w, r, next, err, https)
}
