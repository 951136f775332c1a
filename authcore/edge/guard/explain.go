package guard

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// Explained is what a guard would do with a request.
type Explained struct {
	Guarded bool // else the guard is not for the request
	Decided access.Decision
	Status  int // of the answer; 200 where the request goes on
	Broken  int // which of the policy's rules refused; -1 for none
	Steps   []access.Step
}

// Identify finds out who a request with a bearer token is made by. It renews nothing.
func (g *Guard) Identify(r *http.Request) (httpauth.Result, error) {
	jar := g.Jar(g.HTTPS(r))
	if _, err := g.credentials(r, jar, nil); err != nil {
		return httpauth.Result{}, err
	}
	s, err := g.Await(r.Context())
	if err != nil {
		return httpauth.Result{}, err
	}
	given, err := g.credentials(r, jar, s)
	if err != nil {
		return httpauth.Result{}, err
	}
	return s.Auth.AuthenticateRequest(nowhere{}, r, given, g.requestInfo)
}

// nowhere is an answer that nobody gets.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}

// Explain returns what [Guard.Serve] would decide about a request, by the same functions, and changes nothing. err is why who is nobody.
func (g *Guard) Explain(r *http.Request, who httpauth.Result, err error) (x Explained) {
	x.Broken, x.Status = -1, http.StatusOK
	guarded, matchErr := g.matches(r)
	if matchErr == nil && !guarded {
		return x
	}
	x.Guarded = true
	if target := sanitize.CheckTarget(nowhere{}, r); target != nil {
		x.Decided, x.Steps = access.Decision{Err: target}, []access.Step{{Check: "target", Result: "refused"}}
		x.Status = httpauth.Status(authcore.CodeOf(target))
		return x
	}
	if matchErr != nil {
		x.Decided, x.Status = access.Decision{Err: matchErr}, http.StatusInternalServerError
		x.Steps = []access.Step{{Check: "matcher", Result: "failed"}}
		return x
	}
	asked := access.Request{Who: who, Err: err, Stale: err == nil && g.Stale(), Now: g.at()}
	x.Decided = access.Decide(asked, &g.Policy)
	x.Steps, x.Broken = access.Explain(asked, &g.Policy)
	switch refused := x.Decided.Err; {
	case refused == nil:
	case (authcore.IsAnonymous(refused) || access.Lacks(refused)) && httpauth.Navigates(r):
		x.Status = http.StatusFound
	default:
		x.Status = httpauth.Status(authcore.CodeOf(refused))
	}
	return x
}

// Told returns the headers that a service behind the guard gets about the user; none for nobody.
func (g *Guard) Told(r *http.Request, v *accesstoken.Verified) map[string]string {
	told := map[string]string{}
	if v == nil {
		return told
	}
	plain := r.Clone(r.Context())
	plain.Header = http.Header{}
	id := g.IdentityOf(v)
	sanitize.SetIdentity(plain.Header, g.Identity, &id, g.User)
	if g.Tell != nil {
		g.Tell(plain, v)
	}
	for name, lines := range plain.Header {
		told[name] = strings.Join(lines, ", ")
	}
	return told
}
