package passwordless

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
)

// StartInput is a wish for a code or link.
type StartInput struct {
	Login
	Binding string // that the browser or app keeps since it asked before; "" for none
	Client  authcore.Client
}

// Started is the answer to everybody.
type Started struct {
	Binding   string
	ExpiresIn time.Duration // of the code and link that may have been sent
}

// Start sends a code, by mail a link beside it where that way is on, to who can sign in by it. For everybody else it does the same work, with a message to nobody,
// and the answer is the same (L01, L02). Asked again too soon it sends nothing, and what is out stays good; the same where the recipient
// has had their share. Refusals: [authcore.NotFound] where the way or channel is off; [authcore.InvalidRequest];
// [authcore.InvalidFields]; [authcore.Unavailable] for an SMS whose limits cannot be counted.
func (f *Flow) Start(ctx context.Context, in StartInput) (Started, error) {
	if !f.cfg.Ways.Any() {
		return Started{}, errOff()
	}
	ids, err := f.read(in.Login)
	if err != nil {
		return Started{}, err
	}
	who, err := f.find(ctx, ids)
	if err != nil {
		return Started{}, err
	}
	started := Started{Binding: f.binding(in.Binding), ExpiresIn: f.cfg.Challenges.LifetimeBy(who.by)}
	request := challenge.Request{
		Purpose: authcore.PurposeSignIn, Subject: who.name, Counted: who.counted, Channel: who.by, Binding: started.Binding,
		CodeAlone: !f.cfg.Ways.Link, Client: in.Client, Save: f.cfg.Store.IssueChallenge,
	}
	if who.account != nil {
		request.Known = &challenge.Known{Account: who.account.ID, To: who.to}
	}
	_, _, err = f.cfg.Challenges.Request(ctx, request)
	return started, err
}
