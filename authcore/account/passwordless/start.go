package passwordless

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
)

// StartInput is a wish for a code or link.
type StartInput struct {
	Login
	Binding string // that the browser or app keeps since it asked before; "" for none
	// Invitation is the token of one that somebody signs up with who is new; "" for none.
	Invitation string
	// Return is a path of this host that the mail has a link for, whatever the ways: the page asks for the code beside it and leads
	// there. "": the mail is as the ways have it.
	Return string
	// Trapped is that of [signup.RegisterInput]: who is new gets nothing.
	Trapped bool
	Client  authcore.Client
}

// Started is the answer to everybody.
type Started struct {
	Binding   string
	ExpiresIn time.Duration // of the code and link that may have been sent
}

// welcome is who gets an account by a code.
type welcome struct {
	anybody    bool // that none has
	invitation authcore.Invitation
}

// welcomes asks whether who is new may have an account. It does the same for everybody.
func (f *Flow) welcomes(ctx context.Context, token string, ids []authcore.Identifier) (w welcome, err error) {
	if !f.redeems() {
		return w, nil
	}
	if f.cfg.Invited != nil && token == "" {
		w.invitation, err = f.cfg.Invited(ctx, ids)
		if w.anybody = w.invitation.ID != uuid.Nil; w.anybody || err != nil {
			return w, err
		}
	}
	if !f.cfg.Newcomers {
		return w, nil
	}
	w.invitation, w.anybody, err = f.cfg.ByCode.MayAsk(ctx, token)
	return w, err
}

// keepOut leaves nobody of whom a rule keeps from signing in, or from getting an account: nothing is sent, and the answer is the same.
func (f *Flow) keepOut(who *subject, c authcore.Client) {
	switch {
	case who.account != nil && !f.cfg.Steps.MayLogin(*who.account, c):
		who.account = nil
	case who.newcomer && !f.cfg.ByCode.MayHave(who.to, c):
		who.newcomer = false
	}
}

// Start sends a code, by mail a link beside it where that way is on, to who can sign in by it, and with by_code to who can get an account by it, which is not made yet. For everybody else it does the same work, with a message to nobody,
// and the answer is the same (L01, L02). Asked again too soon it sends nothing, and what is out stays good; the same where the recipient
// has had their share. Refusals: [authcore.NotFound] where the way or channel is off; [authcore.InvalidRequest];
// [authcore.InvalidFields]; [authcore.Unavailable] for an SMS whose limits cannot be counted.
func (f *Flow) Start(ctx context.Context, in StartInput) (Started, error) {
	if !f.cfg.Ways.Any() {
		return Started{}, errOff()
	}
	if err := f.cfg.Steps.MayLoginFrom(in.Client); err != nil {
		return Started{}, err
	}
	ids, err := f.read(in.Login)
	if err != nil {
		return Started{}, err
	}
	welcome, err := f.welcomes(ctx, in.Invitation, ids)
	if err != nil {
		return Started{}, err
	}
	who, err := f.find(ctx, ids, welcome)
	if err != nil {
		return Started{}, err
	}
	f.keepOut(&who, in.Client)
	who.newcomer = who.newcomer && !in.Trapped
	started := Started{Binding: f.binding(in.Binding), ExpiresIn: f.cfg.Challenges.LifetimeBy(who.by)}
	request := challenge.Request{
		Purpose: authcore.PurposeSignIn, Subject: who.name, Counted: who.counted, Channel: who.by, Binding: started.Binding,
		CodeAlone: !f.cfg.Ways.Link && in.Return == "", Return: in.Return, Client: in.Client, Save: f.cfg.Store.IssueChallenge,
	}
	switch {
	case who.account != nil:
		request.Known = &challenge.Known{Account: who.account.ID, Username: who.account.Username, To: who.to}
	case who.newcomer:
		request.Known, request.Invitation = &challenge.Known{To: who.to}, welcome.invitation.ID
	}
	_, _, err = f.cfg.Challenges.Request(ctx, request)
	return started, err
}
