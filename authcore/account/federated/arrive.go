package federated

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
)

// Outcome is a sign-in.
type Outcome = secondstep.Outcome

// waiting is somebody whom a provider has named, with all that is known of them until they are signed in. It is kept sealed where
// something is missing.
type waiting struct {
	Provider   string               `json:"provider"`
	Issuer     string               `json:"issuer"`
	Subject    string               `json:"subject"`
	SID        string               `json:"sid,omitempty"`
	Multi      bool                 `json:"multi,omitempty"` // the provider says that two kinds of proof were given
	Email      string               `json:"email,omitempty"` // as the provider says
	Address    string               `json:"address,omitempty"`
	Proven     proof                `json:"proven"`
	Name       string               `json:"name,omitempty"`
	Username   string               `json:"username,omitempty"`
	Roles      []string             `json:"roles,omitempty"`
	Profile    authcore.Account     `json:"profile"`
	Invitation string               `json:"invitation,omitempty"`
	DeviceName string               `json:"device,omitempty"`
	ShortLived bool                 `json:"short,omitempty"`
	Device     string               `json:"device_token,omitempty"` // that the app is known by, until it has completed the sign-in
	Grant      []byte               `json:"grant,omitempty"`        // of authcore.Connection
	Given      signup.RegisterInput `json:"-"`
}

// arrival is a Flow with what leads from a provider's word to a sign-in.
type arrival struct{ *Flow }

// arrive goes on with what a provider has said, and with what was given for a new account. An id_token is taken once.
func (f arrival) arrive(ctx context.Context, s Settings, id idp.Identity, given signup.RegisterInput, r session.Request) (Result, error) {
	p, err := s.read(id, f.cfg.Fields, f.cfg.Locales)
	if err == nil {
		err = f.once(ctx, id)
	}
	if err != nil {
		return Result{}, f.refused(ctx, uuid.Nil, r.Client, err)
	}
	w := waiting{Provider: s.Name, Issuer: id.Issuer, Subject: id.Subject, SID: id.SID, Multi: slices.Contains(id.AMR, authcore.AMRMulti), Email: p.address,
		Address: p.address, Name: p.name, Username: p.username, Roles: p.roles, Profile: p.profile, Invitation: given.Invitation, Given: given,
		DeviceName: r.DeviceName, ShortLived: r.ShortLived, Device: r.DeviceToken}
	if p.proven {
		w.Proven = byProvider
	}
	if w.Grant, err = f.grant(id); err != nil {
		return Result{}, err
	}
	return f.settle(ctx, s, w, completion{}, r)
}

func (f arrival) once(ctx context.Context, id idp.Identity) error {
	if id.Once.IsZero() {
		return nil
	}
	err := f.cfg.Transit.UseToken(ctx, id.Once, id.OnceUntil)
	if errors.Is(err, authcore.ErrUsed) {
		return invalidAnswer(errors.New("the token was taken before"))
	}
	return err
}

// completion is what somebody has given to complete a sign-in.
type completion struct {
	consent bool                  // to connect the account that was named
	token   *authcore.SocialToken // under which the sign-in was kept; nil for none yet
}

// found is what the decision was made from, and what it is about.
type found struct {
	connection authcore.Connection
	account    authcore.Account // that is connected, or whose address it is
	situation
}

// settle decides what the provider's word leads to, and does it.
func (f arrival) settle(ctx context.Context, s Settings, w waiting, c completion, r session.Request) (Result, error) {
	if err := f.cfg.Steps.MayLoginFrom(r.Client); err != nil {
		return Result{}, err
	}
	x, err := f.look(ctx, s, w, r.Client)
	if err != nil {
		return Result{}, err
	}
	x.asked = c.consent
	switch verdict := decide(x.situation); verdict {
	case signIn:
		return f.signIn(ctx, s, w, x, c, r)
	case connect:
		return f.connectOwner(ctx, s, w, x, c, r)
	case signUp:
		return f.signUp(ctx, s, w, c, r)
	case askConsent:
		return f.wait(ctx, w, c, r, Waits{Missing: []string{MissingConnect}, Suggested: Suggested{Account: identifier.Mask(x.account.Email)}})
	case askAddress:
		return f.wait(ctx, w, c, r, Waits{Missing: append([]string{MissingEmail}, f.missingFields(w)...)})
	case sendCode, sendNothing:
		awaited, err := f.cfg.SignUp.Awaits(ctx, w.Invitation, w.Address)
		if err != nil {
			return Result{}, fmt.Errorf("find invitation: %w", err)
		}
		return f.sendTo(ctx, w, c, r, verdict == sendCode && (x.owner != noOwner || awaited))
	case refuse:
		return Result{}, f.refused(ctx, x.account.ID, r.Client, cannotSignIn())
	}
	return Result{}, authcore.Refuse(authcore.SignupClosed, "Nobody with that address has an account here, and sign-up is closed.")
}

func cannotSignIn() error {
	return authcore.Refuse(authcore.InvalidCredentials, "This account cannot sign in.")
}

// look finds out what the decision needs.
func (f arrival) look(ctx context.Context, s Settings, w waiting, c authcore.Client) (x found, err error) {
	x.address, x.proven = w.Address != "", w.Proven
	x.maySign = s.SignUp && f.cfg.SignUp.Open()
	if err = f.known(ctx, w, &x); err != nil || x.known == theirs {
		return x, err
	}
	if w.Address == "" || !f.cfg.SignUp.Unique() {
		return x, nil
	}
	x.account, err = f.cfg.Store.AccountByIdentifier(ctx, authcore.Identifier{Kind: authcore.KindEmail, Value: w.Address})
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return x, nil
	case err != nil:
		return x, fmt.Errorf("find account: %w", err)
	}
	x.owner = ownerOf(x.account)
	if x.owner != noOwner && !f.cfg.Steps.MayLogin(x.account, c) {
		x.owner = ownerOff
	}
	if x.owner == ownerOurs || x.owner == ownerOther {
		// A connection outlives the time for which the mailbox alone is not enough.
		if kept, err := (secondstep.Existing{Flow: f.cfg.Steps}).Keeps(ctx, x.account); err != nil || kept {
			x.owner = ownerOff
			return x, err
		}
	}
	if x.owner == noOwner || w.Proven != byProvider { // where a code goes out, an owner costs no time (L02)
		return x, nil
	}
	if x.owner == ownerOurs {
		if x.eligible, err = f.eligible(ctx, s, x.account); err != nil || x.eligible {
			return x, err
		}
	}
	// What keeps them from it may be the connection that another tab of theirs has made in between.
	account := x.account
	if err = f.known(ctx, w, &x); err == nil && x.known != theirs {
		x.account = account
	}
	return x, err
}

// known finds the connection of the person, and its account.
func (f arrival) known(ctx context.Context, w waiting, x *found) (err error) {
	x.connection, x.account, x.former, err = f.cfg.Store.ConnectionOf(ctx, w.Issuer, w.Subject)
	switch {
	case err == nil:
		x.known = theirs
	case !errors.Is(err, authcore.ErrNotFound):
		return fmt.Errorf("find connection: %w", err)
	}
	return nil
}

func ownerOf(a authcore.Account) owner {
	switch {
	case a.Disabled(), a.MadeByOperator && !a.EmailVerified(): // an operator's is no prey, whoever proves its address
		return ownerOff
	case !a.EmailVerified():
		return noOwner
	case a.EmailVerifiedBy != "":
		return ownerOther
	}
	return ownerOurs
}

// eligible reports whether the owner of a proven address may be connected without being asked.
func (f arrival) eligible(ctx context.Context, s Settings, a authcore.Account) (bool, error) {
	connected, err := f.cfg.Store.AccountConnections(ctx, a.ID)
	if err != nil {
		return false, fmt.Errorf("find connections: %w", err)
	}
	return f.mayConnect(s.Name, a, connected), nil
}

func (f arrival) mayConnect(provider string, a authcore.Account, connected []authcore.Connection) bool {
	return !a.MFAEnabled() && !a.MFADemanded() && !f.cfg.Admins.Administers(a) && !slices.Contains(a.Roles, authcore.RoleAuditor) &&
		!slices.ContainsFunc(connected, func(c authcore.Connection) bool { return c.Provider == provider })
}

// session is how somebody is signed in who was named by a provider, and what that is worth. A connection that the mailbox alone has made just now is
// no second proof beside it: whoever reads that mailbox can make one with an account elsewhere of their own.
func (w waiting) session(r session.Request, amr ...string) session.Request {
	r.Method, r.AMR, r.DeviceName, r.ShortLived = audit.ByProvider, amr, w.DeviceName, w.ShortLived
	r.DeviceToken = cmp.Or(r.DeviceToken, w.Device)
	by := w.by()
	r.Provider = &by
	return r
}

func (w waiting) by() authcore.ProviderSession {
	return authcore.ProviderSession{Provider: w.Provider, Issuer: w.Issuer, Subject: w.Subject, SID: w.SID}
}

const (
	amrFederated = "fed"
	amrEmail     = "email"
)

func (f arrival) signIn(ctx context.Context, s Settings, w waiting, x found, c completion, r session.Request) (Result, error) {
	if !f.cfg.Steps.MayLogin(x.account, r.Client) { // before the connection is used
		return Result{}, f.refused(ctx, x.account.ID, r.Client, cannotSignIn())
	}
	now, spent := f.now(), uuid.Nil
	if c.token != nil { // somebody has completed it at the same moment, or connected meanwhile
		spent = c.token.ID
	}
	a, err := f.cfg.Store.UseConnection(ctx, authcore.ConnectionUse{ID: x.connection.ID, SocialToken: spent, Email: w.Email, Name: w.Name, Roles: w.Roles,
		FirstName: w.Profile.FirstName, LastName: w.Profile.LastName, Locale: w.Profile.Locale, Fields: w.Profile.Fields, Grant: w.Grant, Now: now})
	switch {
	case errors.Is(err, authcore.ErrNotFound), err == nil && f.cfg.RequireVerified() && !a.EmailVerified() && !a.PhoneVerified() && !a.MadeByOperator:
		return Result{}, f.refused(ctx, x.account.ID, r.Client, cannotSignIn())
	case err != nil:
		return Result{}, fmt.Errorf("use connection: %w", err)
	}
	amr := []string{amrFederated}
	if s.TrustMFA && w.Multi && x.connection.MadeSignedIn {
		amr = append(amr, authcore.AMRMulti)
	}
	return f.finish(ctx, a, w.session(r, amr...))
}

// meanwhile goes on for somebody who has come twice at once, as two tabs of a browser do: the other has made the connection that err was met by,
// and it is good for both. Else, and for what was kept and is spent with it, err stays.
func (f arrival) meanwhile(ctx context.Context, s Settings, w waiting, c completion, r session.Request, err error) (Result, error) {
	theirDoing := []authcore.Code{authcore.Conflict, authcore.InvalidFields, authcore.InvalidProviderAnswer} // an address, a field with it or a person that is taken
	if c.token != nil || !slices.Contains(theirDoing, authcore.CodeOf(err)) {
		return Result{}, err
	}
	x, failed := f.look(ctx, s, w, r.Client)
	if failed != nil || x.known != theirs {
		return Result{}, err
	}
	return f.signIn(ctx, s, w, x, c, r)
}

func (f arrival) finish(ctx context.Context, a authcore.Account, r session.Request) (Result, error) {
	out, err := f.cfg.Steps.Finish(ctx, a, r)
	if errors.Is(err, authcore.ErrNotFound) { // disabled, deleted or reset since it was read
		return Result{}, cannotSignIn()
	}
	if err != nil {
		return Result{}, fmt.Errorf("sign in by provider: %w", err)
	}
	return Result{Outcome: &out}, nil
}

// connection is the one that w asks for.
func (w waiting) connection(account uuid.UUID, signedIn bool, now time.Time) authcore.Connection {
	return authcore.Connection{ID: uuid.Must(uuid.NewV7()), AccountID: account, Provider: w.Provider, Issuer: w.Issuer, Subject: w.Subject, Email: w.Email,
		Name: w.Name, Roles: w.Roles, MadeSignedIn: signedIn, ConnectedAt: now, Grant: w.Grant}
}

// connectOwner connects the account whose address it is, tells its owner, and signs in. Whether it may is asked again in the change.
func (f arrival) connectOwner(ctx context.Context, s Settings, w waiting, x found, c completion, r session.Request) (Result, error) {
	now := f.now()
	con := authcore.Connecting{Connection: w.connection(x.account.ID, false, now), Effects: f.tellConnected(ctx, r.Client, now), Now: now}
	con.Connection.LastUsedAt = now
	if c.token != nil {
		con.SocialToken = c.token.ID
	}
	con.May = func(a authcore.Account, connected []authcore.Connection) error {
		if !a.EmailVerified() || a.Email != w.Address || w.Proven == byProvider && (a.EmailVerifiedBy != "" || !f.mayConnect(s.Name, a, connected)) {
			return authcore.ErrNotFound
		}
		return nil
	}
	a, err := f.cfg.Store.Connect(ctx, con)
	if err != nil {
		res, err := f.meanwhile(ctx, s, w, c, r, connectError(err))
		if err != nil {
			return res, f.refused(ctx, x.account.ID, r.Client, err)
		}
		return res, nil
	}
	if w.Proven == byCode {
		f.cfg.Challenges.Used(ctx, authcore.PurposeProvider, w.Address)
		return f.finish(ctx, a, w.session(r, amrEmail))
	}
	return f.finish(ctx, a, w.session(r, amrFederated))
}

func connectError(err error) error {
	switch {
	case errors.Is(err, authcore.ErrNotFound): // another request was faster, or something has changed meanwhile
		return invalidAnswer(err)
	case errors.Is(err, authcore.ErrConnected):
		return authcore.Refuse(authcore.Conflict, "That account is connected with another account here. Disconnect it there first, or use another one.")
	case errors.Is(err, authcore.ErrTooManyConnections):
		return authcore.Refuse(authcore.LimitReached, fmt.Sprintf("An account has at most %d connections. Remove one first.", authcore.MaxConnections))
	}
	return fmt.Errorf("connect: %w", err)
}

// tellConnected returns what belongs to a connection that is made at a time. The event is of that very time: by it "This was not me" knows
// what to take away.
func (f arrival) tellConnected(ctx context.Context, c authcore.Client, at time.Time) func(a authcore.Account) (authcore.Effects, error) {
	return func(a authcore.Account) (fx authcore.Effects, err error) {
		event := audit.Event(authcore.EventConnectionAdded, a.ID, c, at)
		event.Method = audit.ByProvider
		fx.Events = []authcore.Event{event}
		err = f.cfg.Notices.Security(ctx, &fx, notice.Notice{Kind: authcore.MailConnectionAdded, Event: event, Account: a, Client: c,
			Undo: notice.Undo{Connections: &notice.FormerConnections{Added: true}}})
		return fx, err
	}
}

// refused records a refusal that whoever owns the account, if anybody does, should see, and returns it.
func (f arrival) refused(ctx context.Context, account uuid.UUID, c authcore.Client, err error) error {
	code := authcore.CodeOf(err)
	if code == authcore.Internal || code == authcore.Unavailable {
		return err
	}
	e := audit.Failure(authcore.EventConnectionRefused, account, c, code, f.now())
	e.Method = audit.ByProvider
	if failed := f.cfg.Transit.Record(ctx, authcore.Effects{Events: []authcore.Event{e}}); failed != nil {
		return fmt.Errorf("record refusal: %w", failed)
	}
	return err
}

// sendTo sends a code to the address that w has, or does the same work and sends none (L01, L02).
func (f arrival) sendTo(ctx context.Context, w waiting, c completion, r session.Request, send bool) (Result, error) {
	w.Proven = unproven // from now on by our code alone
	res, err := f.wait(ctx, w, c, r, Waits{Missing: append([]string{MissingCode}, f.missingFields(w)...), Suggested: Suggested{Email: w.Address}})
	if err != nil {
		return res, err
	}
	request := challenge.Request{Purpose: authcore.PurposeProvider, Subject: subjectOf(res.Waits.id, w.Address), Counted: w.Address, Channel: authcore.ByEmail,
		CodeAlone: true, Client: r.Client, Save: f.cfg.Transit.IssueChallenge}
	if send {
		request.Known = &challenge.Known{To: challenge.Recipient{Channel: authcore.ByEmail, Address: w.Address}}
	}
	_, _, err = f.cfg.Challenges.Request(ctx, request)
	return res, err
}

// subjectOf binds a code to the sign-in and to the address: one that was sent to an address proves no other.
func subjectOf(token uuid.UUID, address string) string { return token.String() + " " + address }
