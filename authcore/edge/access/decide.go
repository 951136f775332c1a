package access

import (
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// Policy says who may pass. The zero Policy lets every signed-in user pass. It is not changed while requests are decided.
type Policy struct {
	Optional     bool          // requests that bring no good credential pass as nobody's
	Rules        []Rule        // every one of them must hold for a user
	MFA          bool          // the user must have given two kinds of proof
	Fresh        time.Duration // how long ago the user may have proved who they are, in whole seconds; 0 for any time
	MaxStaleness time.Duration // how old the snapshot of revocations may be; 0 for any age
}

// Request is what is known of a request once its credential was looked at.
type Request struct {
	Who   httpauth.Result // whoever makes it
	Err   error           // why that is nobody
	Stale bool            // the snapshot of revocations is older than the policy bears
	Now   time.Time       // of the request; only for a policy with Fresh
}

// Decision is what becomes of a request: it passes where Err is nil.
type Decision struct {
	User *accesstoken.Verified // whom the request passes as, or whom a rule refuses; nil for nobody
	Err  error                 // the refusal
}

var (
	errForbidden = authcore.Refuse(authcore.Forbidden, "Your account may not use this.")
	errMFA       = authcore.Refuse(authcore.MFARequired, "This needs a sign-in with a second factor.")
	errNotFresh  = authcore.Refuse(authcore.ReauthenticationRequired, "Your sign-in is not recent enough for this.")
	errNotAsked  = errors.New("decide access: there is neither a user nor a reason why not")
)

// Decide applies p to r. Its refusals are those of the credential (r.Err); [httpauth.ErrStale], because a token may be revoked
// and the snapshot not know of it (S08), unless the database has just confirmed the session by a renewal; Forbidden; and, where nothing
// else is in the way (RFC 9470), MFARequired or ReauthenticationRequired, which [Policy.Lacking] writes out. It allocates nothing, and
// may be called concurrently.
func Decide(r Request, p *Policy) Decision {
	switch {
	case p.Optional && authcore.IsAnonymous(r.Err): // an outage, or a request from another origin, does not make a visitor nobody
		return Decision{}
	case r.Err != nil:
		return Decision{Err: r.Err}
	case r.Who.Verified == nil:
		return Decision{Err: errNotAsked}
	case r.Stale && !r.Who.Renewed:
		return Decision{Err: httpauth.ErrStale}
	}
	if !p.holds(r.Who.Verified) {
		return Decision{User: r.Who.Verified, Err: errForbidden}
	}
	if p.MFA && !r.Who.Multi() {
		return Decision{User: r.Who.Verified, Err: errMFA}
	}
	if p.Fresh > 0 && r.Who.Age(r.Now) > p.Fresh {
		return Decision{User: r.Who.Verified, Err: errNotFresh}
	}
	return Decision{User: r.Who.Verified}
}

// holds reports whether every rule holds for v.
func (p *Policy) holds(v *accesstoken.Verified) bool {
	if len(p.Rules) == 0 {
		return true
	}
	who := v.Principal()
	for i := range p.Rules {
		if !p.Rules[i].holds(&who) {
			return false
		}
	}
	return true
}

// Lacks reports whether a refusal of Decide is for what a step-up would give.
func Lacks(err error) bool { return errors.Is(err, errMFA) || errors.Is(err, errNotFresh) }

// Lacking is the refusal of a request whose sign-in lacks something, with all that the policy asks of it beyond what it has. stepUp is
// where a person gives it.
func (p *Policy) Lacking(r Request, stepUp string) *authcore.Error {
	e := *errNotFresh
	if p.MFA && !r.Who.Multi() {
		e = *errMFA
	}
	if p.Fresh > 0 && r.Who.Age(r.Now) > p.Fresh {
		e.MaxAge = p.Fresh
	}
	e.StepUpURL = stepUp
	return &e
}
