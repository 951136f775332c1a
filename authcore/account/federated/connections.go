package federated

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
)

// TokenInput is what an app has got from a provider.
type TokenInput struct {
	Provider string
	idp.Native
	// FirstName and LastName are what the app knows and the provider does not say.
	FirstName, LastName string
	Invitation          string
	Trapped             bool // of [signup.RegisterInput]
	Request             session.Request
}

// Token signs in an app by what it got from the provider. Refusals: those of [Flow.Callback].
func (f *Flow) Token(ctx context.Context, in TokenInput) (Result, error) {
	s, err := f.find(in.Provider)
	if err != nil {
		return Result{}, err
	}
	return traced(ctx, f, s, func(ctx context.Context) (Result, error) { return f.token(ctx, s, in) })
}

func (f *Flow) token(ctx context.Context, s Settings, in TokenInput) (Result, error) {
	id, err := f.native(ctx, s, in.Native)
	if err != nil {
		return Result{}, f.tellFailed(ctx, in.Request.Client, err)
	}
	if id.Claims == nil {
		id.Claims = map[string]any{}
	}
	for claim, given := range map[string]string{"given_name": in.FirstName, "family_name": in.LastName} {
		if id.Text(claim) == "" && given != "" {
			id.Claims[claim] = given
		}
	}
	return arrival{f}.arrive(ctx, s, id, signup.RegisterInput{Invitation: in.Invitation, Trapped: in.Trapped}, in.Request)
}

func (f *Flow) native(ctx context.Context, s Settings, n idp.Native) (idp.Identity, error) {
	ctx, cancel := idp.Within(ctx)
	defer cancel()
	id, err := s.Native(ctx, n)
	return id, failed(err)
}

// List returns the connections of an account, and the providers that it has none of.
func (f *Flow) List(ctx context.Context, account uuid.UUID) (connected []authcore.Connection, available []Offered, err error) {
	if connected, err = f.cfg.Store.AccountConnections(ctx, account); err != nil {
		return nil, nil, fmt.Errorf("list connections: %w", err)
	}
	has := map[string]bool{}
	for _, c := range connected {
		has[c.Provider] = true
	}
	for _, o := range f.Offered() {
		if !has[o.Name] {
			available = append(available, o)
		}
	}
	return connected, available, nil
}

// Title returns what a provider is called; its name, where it is none of the configuration any more.
func (f *Flow) Title(provider string) string {
	if s, err := f.find(provider); err == nil {
		return s.Title
	}
	return provider
}

// ConnectNative connects somebody who is signed in by what an app of theirs got from the provider. Refusals: those of [Flow.Callback].
func (f *Flow) ConnectNative(ctx context.Context, account uuid.UUID, provider string, n idp.Native, c authcore.Client) (made authcore.Connection, err error) {
	s, err := f.find(provider)
	if err != nil {
		return made, err
	}
	_, err = traced(ctx, f, s, func(ctx context.Context) (Result, error) {
		id, err := f.native(ctx, s, n)
		if err != nil {
			return Result{}, f.tellFailed(ctx, c, err)
		}
		made, err = arrival{f}.connectAsked(ctx, s, id, account, c)
		return Result{}, err
	})
	return made, err
}

// connectAsked connects what the owner of an account has asked for while signed in. It never signs in, and makes no account.
func (f arrival) connectAsked(ctx context.Context, s Settings, id idp.Identity, account uuid.UUID, client authcore.Client) (made authcore.Connection, err error) {
	p, err := s.read(id, f.cfg.Fields, f.cfg.Locales)
	if err == nil {
		err = f.once(ctx, id)
	}
	if err != nil {
		return made, f.refused(ctx, account, client, err)
	}
	known, _, _, err := f.cfg.Store.ConnectionOf(ctx, id.Issuer, id.Subject)
	x := situation{connecting: true}
	switch {
	case err == nil && known.AccountID == account:
		x.known = theirs
	case err == nil:
		x.known = anothers
	case !errors.Is(err, authcore.ErrNotFound):
		return made, fmt.Errorf("find connection: %w", err)
	}
	switch decide(x) {
	case already:
		return known, nil
	case conflict:
		return made, f.refused(ctx, account, client, connectError(authcore.ErrConnected))
	}
	w := waiting{Provider: s.Name, Issuer: id.Issuer, Subject: id.Subject, Email: p.address, Name: p.name, Roles: p.roles}
	if w.Grant, err = f.grant(id); err != nil {
		return made, err
	}
	made = w.connection(account, true, f.now())
	_, err = f.cfg.Store.Connect(ctx, authcore.Connecting{Connection: made, Effects: f.tellConnected(ctx, client, made.ConnectedAt), Now: made.ConnectedAt})
	if errors.Is(err, authcore.ErrNotFound) {
		return made, authcore.OwnerGone("connect", err)
	}
	if err != nil {
		return made, f.refused(ctx, account, client, connectError(err))
	}
	return made, nil
}

// removed tells of a connection that is gone, and gives the mail what takes that back.
func removed(ctx context.Context, tell *notice.Notices, c authcore.Client, now time.Time) func(authcore.Account, authcore.Connection) (authcore.Effects, error) {
	return func(a authcore.Account, was authcore.Connection) (fx authcore.Effects, err error) {
		event := audit.Event(authcore.EventConnectionRemoved, a.ID, c, now)
		event.Method = audit.ByProvider
		fx.Events = []authcore.Event{event}
		err = tell.Security(ctx, &fx, notice.Notice{Kind: authcore.MailConnectionRemoved, Event: event, Account: a, Client: c,
			Undo: notice.Undo{Connections: &notice.FormerConnections{Removed: []authcore.Connection{was}}}})
		return fx, err
	}
}

// Disconnect takes a connection from an account, and tells its owner. The person at the provider is never connected again by an address
// alone. Refusals: [authcore.NotFound]; [authcore.LastWayIn] where nothing else would sign in.
func (f *Flow) Disconnect(ctx context.Context, account, id uuid.UUID, c authcore.Client) error {
	now := f.now()
	owner := authcore.Disconnecting{AccountID: account, ID: id, Now: now,
		May: func(a authcore.Account, factors []authcore.Factor, left []authcore.Connection) error {
			if f.signsInBy(left) != uuid.Nil || f.cfg.WayIn(a, factors) {
				return nil
			}
			return authcore.Refuse(authcore.LastWayIn, "You have no other way to sign in. Set a password or add another way to sign in first.")
		},
		Effects: removed(ctx, f.cfg.Notices, c, now)}
	err := f.cfg.Store.Disconnect(ctx, owner)
	if errors.Is(err, authcore.ErrNotFound) {
		return authcore.Refuse(authcore.NotFound, "There is no such connection.")
	}
	return err
}

// signsInBy returns the first of the connections that is of a provider of the configuration; zero for none.
func (f *Flow) signsInBy(connected []authcore.Connection) uuid.UUID {
	for _, c := range connected {
		if _, err := f.find(c.Provider); err == nil {
			return c.ID
		}
	}
	return uuid.Nil
}

// Connected returns a connection that signs in to the account, for who asks whether it has another way in; zero for none.
func (f *Flow) Connected(ctx context.Context, account uuid.UUID) (uuid.UUID, error) {
	connected, err := f.cfg.Store.AccountConnections(ctx, account)
	return f.signsInBy(connected), err
}

// Logout takes a provider's word that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0): by a session that session's,
// by a subject every session that the provider has opened for it. Who is not known is no failure. Refusals: [authcore.NotFound] where
// the provider tells of none; [authcore.InvalidProviderAnswer], also for a token that was taken before; [authcore.ProviderUnavailable].
func (f *Flow) Logout(ctx context.Context, provider, token string, c authcore.Client) error {
	s, err := f.find(provider)
	if err != nil {
		return err
	}
	tells, ok := s.Provider.(idp.Logouts)
	if !ok {
		return authcore.Refuse(authcore.NotFound, "This provider does not support back-channel logout.")
	}
	calls, cancel := idp.Within(ctx)
	defer cancel()
	out, err := tells.VerifyLogout(calls, token)
	if err != nil {
		return failed(err)
	}
	event := audit.Event(authcore.EventProviderLoggedOut, uuid.Nil, c, f.now())
	event.Method = audit.ByProvider
	_, err = f.cfg.Transit.EndProviderSessions(ctx, authcore.ProviderLogout{Issuer: out.Issuer, Subject: out.Subject, SID: out.SID, Once: out.Once,
		OnceUntil: out.OnceUntil, Event: event, Now: f.now()})
	if errors.Is(err, authcore.ErrUsed) {
		return invalidAnswer(err)
	}
	return err
}
