package access

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// The words of [Explanation.Decision].
const (
	Allows      = "allow"
	AsksLogin   = "login" // a sign-in, or more of one, would change the answer
	Denies      = "deny"
	Unavailable = "unavailable"
)

// ErrNoSite is the cause where no site of the configuration takes a request.
var ErrNoSite = errors.New("no site takes the request")

// Step is one check on the way to a decision.
type Step struct {
	Check  string `json:"check" doc:"What is looked at."`
	Result string `json:"result" doc:"What it was found to be."`
	Detail string `json:"detail" doc:"More about it, for a person to read; empty for nothing."`
}

// Question is a request that somebody asks about, and who would make it.
type Question struct {
	Method string `json:"method" doc:"The method of the request." example:"GET"`
	URL    string `json:"url" doc:"The whole URL, with its scheme and host." example:"https://app.example.com/reports"`
	// User and Token are who makes it; at most one is given, none is nobody.
	User    string            `json:"user,omitempty" doc:"Id, e-mail address or username of an account that would make it, just signed in."`
	Token   string            `json:"token,omitempty" doc:"An access token that it would carry. It is not echoed."`
	IP      string            `json:"ip,omitempty" doc:"The address of the client; 127.0.0.1 if there is none."`
	Headers map[string]string `json:"headers,omitempty" doc:"Headers of the request; up to 64 KiB, and no credentials."`
}

// Explanation is what becomes of a request, and why.
type Explanation struct {
	Decision string            `json:"decision" enum:"allow,login,deny,unavailable"`
	Status   int               `json:"status" doc:"The status of the guard's answer; 200 where the request goes on."`
	Code     string            `json:"code" doc:"The code of the refusal; empty for none."`
	Site     string            `json:"site" doc:"The site that takes it."`
	Guard    string            `json:"guard" doc:"Where the guard stands that decided, as file:line; empty if none has seen the request."`
	Rule     string            `json:"rule" doc:"Where the rule stands that refused, as file:line; empty for none."`
	Steps    []Step            `json:"steps"`
	Headers  map[string]string `json:"headers" doc:"What the service behind would be told of the user."`
	Shadow   bool              `json:"shadow" doc:"Whether the guard has the option shadow, so that the request goes on although it is refused here."`
}

// Explain tells every check of [Decide] in its order, and which of p.Rules the user breaks first; -1 for none. It decides nothing: the
// decision is that of Decide.
func Explain(r Request, p *Policy) (steps []Step, broken int) {
	broken = -1
	add := func(check, result, detail string) { steps = append(steps, Step{check, result, detail}) }
	switch {
	case r.Err != nil && p.Optional && authcore.IsAnonymous(r.Err):
		add("credential", "anonymous", "no good credential, and the guard is optional")
		return steps, broken
	case r.Err != nil:
		add("credential", string(authcore.CodeOf(r.Err)), detailOf(r.Err))
		return steps, broken
	case r.Who.Verified == nil:
		add("credential", "missing", "")
		return steps, broken
	}
	who := r.Who.Principal()
	add("credential", "good", "account "+who.Subject)
	if r.Stale && !r.Who.Renewed {
		add("revocations", "too old", "this node has not heard of revocations for longer than the guard bears")
		return steps, broken
	}
	for i := range p.Rules {
		held := p.Rules[i].holds(&who)
		add("require "+p.Rules[i].text(), outcome(held), p.Rules[i].has(&who))
		if !held {
			return steps, i
		}
	}
	if p.MFA {
		add("require mfa", outcome(r.Who.Multi()), "signed in by "+strings.Join(who.AMR, " "))
	}
	if p.Fresh > 0 {
		age := r.Who.Age(r.Now)
		add(fmt.Sprint("require fresh ", p.Fresh), outcome(age <= p.Fresh), fmt.Sprint("signed in ", age.Truncate(time.Second), " ago"))
	}
	return steps, broken
}

// Word returns the decision for a refusal, nil for none, as [Explanation] tells it.
func Word(err error) string {
	switch code := authcore.CodeOf(err); {
	case err == nil:
		return Allows
	case authcore.IsAnonymous(err) || Lacks(err):
		return AsksLogin
	case code == authcore.Unavailable || code == authcore.Internal || httpauth.Status(code) >= 500:
		return Unavailable
	}
	return Denies
}

func outcome(holds bool) string {
	if holds {
		return "holds"
	}
	return "fails"
}

func detailOf(err error) string {
	var refused *authcore.Error
	if errors.As(err, &refused) {
		return refused.Detail
	}
	return ""
}

func (r *Rule) text() string {
	switch {
	case len(r.Roles) > 0:
		return "role " + strings.Join(r.Roles, " ")
	case len(r.Users) > 0:
		return "user " + strings.Join(r.Users, " ")
	}
	return "verified"
}

// has says what of the user the rule looks at.
func (r *Rule) has(p *authcore.Principal) string {
	switch {
	case len(r.Roles) > 0 && len(p.Roles) == 0:
		return "the user has no roles"
	case len(r.Roles) > 0:
		return "the user's roles are " + strings.Join(p.Roles, " ")
	case p.Email == "":
		return "the user has no verified address"
	}
	return "the user's verified address is " + p.Email
}
