package federated

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// sealedStart is what a start is sealed for, and what is in it.
const sealedStart = "social start"

type startContent struct {
	Verifier   string `json:"verifier"`
	Nonce      string `json:"nonce"`
	Redirect   string `json:"redirect"`
	Return     string `json:"return,omitempty"`
	ShortLived bool   `json:"short,omitempty"`
	Invitation string `json:"invitation,omitempty"`
}

// StartInput is somebody who wants to go to a provider.
type StartInput struct {
	Provider   string
	Slot       string // names what the browser keeps of this start; it leads the state, so that it is found again
	Return     string // where to go afterwards; it is checked when it is used, and not kept where it is longer than an address is
	ShortLived bool   // "remember": false
	Invitation string
	// AccountID and SessionID are of who asks for a connection; zero for a sign-in.
	AccountID, SessionID uuid.UUID
	Client               authcore.Client
}

// Started is where the browser goes, and what it keeps meanwhile.
type Started struct {
	URL       string
	Browser   string
	ExpiresIn time.Duration
}

// maxReturn is the longest address that is kept to lead back to.
const maxReturn = 2048

// CallbackPath returns the path below the portal at which a provider's answer arrives.
func CallbackPath(provider string) string { return "/social/" + provider + "/callback" }

// Start prepares a browser's way to a provider: state, nonce and the verifier of PKCE are new for each, and belong to the browser
// (C01 to C03). Refusals: [authcore.NotFound]; [authcore.ProviderUnavailable]; [authcore.Blocked].
func (f *Flow) Start(ctx context.Context, in StartInput) (Started, error) {
	s, err := f.find(in.Provider)
	if err != nil {
		return Started{}, err
	}
	if in.Client.Portal == "" {
		return Started{}, errors.New("start: the portal's address is not known")
	}
	if in.AccountID == uuid.Nil {
		if err := f.cfg.Steps.MayLoginFrom(in.Client); err != nil {
			return Started{}, err
		}
	}
	ctx, cancel := idp.Within(ctx)
	defer cancel()
	if len(in.Return) > maxReturn {
		in.Return = ""
	}
	in.Invitation = in.Invitation[:min(len(in.Invitation), secret.MaxToken)] // a longer one is none anyway
	state, browser := in.Slot+"."+secret.Token(), secret.Token()
	c := startContent{Verifier: secret.Token(), Nonce: secret.Token(), Redirect: strings.TrimSuffix(in.Client.Portal, "/") + CallbackPath(s.Name),
		Return: in.Return, ShortLived: in.ShortLived, Invitation: in.Invitation}
	to, err := s.AuthURL(ctx, idp.AuthRequest{State: state, Nonce: c.Nonce, Verifier: c.Verifier, RedirectURI: c.Redirect})
	if err != nil {
		f.cfg.Told(s.Name, failed(err))
		return Started{}, failed(err)
	}
	sealed, err := f.seal(sealedStart, c)
	if err != nil {
		return Started{}, err
	}
	now := f.now()
	err = f.cfg.Transit.SaveSocialStart(ctx, authcore.SocialStart{
		ID: uuid.Must(uuid.NewV7()), State: secret.SumString(state), Browser: secret.SumString(browser), Provider: s.Name, AccountID: in.AccountID,
		SessionID: in.SessionID, Sealed: sealed, CreatedAt: now, ExpiresAt: now.Add(StartLifetime),
	})
	return Started{URL: to, Browser: browser, ExpiresIn: StartLifetime}, err
}

// ErrNoStart is the cause of a refusal by which no start was spent: whoever has sent the browser here, what it keeps is still good.
var ErrNoStart = errors.New("no start of this browser and provider")

// SlotOf returns the slot that a state of ours begins with; "" for none. Slots are numbers from 1: another name would be of another cookie.
func SlotOf(state string) string {
	slot, rest, ok := strings.Cut(state, ".")
	if n, err := strconv.Atoi(slot); !ok || err != nil || n < 1 || len(slot) > 2 || len(rest) > secret.MaxToken {
		return ""
	}
	return slot
}

// CallbackInput is what came back with a browser.
type CallbackInput struct {
	Provider string
	Browser  string // what the browser has kept of the start that the state names
	State    string
	Code     string
	Error    string // of RFC 6749 §4.1.2.1; "" for none
	Iss      string // RFC 9207
	Posted   string // of [Flow.SealPosted]; "" for nothing
	// Who is signed in with the browser, for a connection; nil for nobody.
	Who     *authcore.Principal
	Request session.Request // Mode, Client and DeviceToken
}

// Result is what a provider's answer has led to.
type Result struct {
	Return   string // where somebody wants to go
	Outcome  *Outcome
	Waits    *Waits
	Declined bool // at the provider
	// Connecting says that a connection was asked for.
	Connecting bool
	// Connected is the connection that was asked for.
	Connected *authcore.Connection
}

// Callback takes a provider's answer (RFC 6749 §4.1.2). State, browser, provider and issuer must be of one start before the code leaves
// (C01, C04); whoever brings another spends nothing. Refusals: [authcore.InvalidProviderAnswer]; [authcore.ProviderDenied];
// [authcore.ProviderUnavailable]; [authcore.SignupClosed]; [authcore.InvalidCredentials] for an account that cannot sign in;
// [authcore.Conflict] and [authcore.LimitReached] for a connection.
func (f *Flow) Callback(ctx context.Context, in CallbackInput) (Result, error) {
	s, err := f.find(in.Provider)
	if err != nil {
		return Result{}, err
	}
	return traced(ctx, f, s, func(ctx context.Context) (Result, error) { return f.callback(ctx, s, in) })
}

// traced runs what takes a provider's answer, and tells how it has ended.
func traced(ctx context.Context, f *Flow, s Settings, take func(context.Context) (Result, error)) (Result, error) {
	ctx, done := f.cfg.Trace(ctx, Step)
	res, err := take(ctx)
	done(res.traced(err))
	f.cfg.Told(s.Name, res.traced(err))
	return res, err
}

// traced is how it has ended as traces have it: err, or what is no sign-in yet and no failure.
func (r Result) traced(err error) error {
	switch {
	case err != nil:
		return err
	case r.Declined:
		return authcore.ErrDeclined
	case r.Waits != nil:
		return authcore.ErrSecondStep
	case r.Outcome != nil:
		return r.Outcome.Traced(nil)
	}
	return nil
}

func (f *Flow) callback(ctx context.Context, s Settings, in CallbackInput) (Result, error) {
	start, c, err := f.takeStart(ctx, s, in)
	if err != nil {
		return Result{}, err
	}
	calls, cancel := idp.Within(ctx) // begins here: what a busy store took is no slowness of the provider
	defer cancel()
	res := Result{Return: c.Return, Connecting: start.AccountID != uuid.Nil}
	if err := checkIssuer(calls, s, in.Iss); err != nil {
		return res, f.tellFailed(ctx, in.Request.Client, err)
	}
	switch {
	case in.Error == "access_denied" || in.Error == "login_required" || in.Error == "consent_required" || in.Error == "interaction_required" ||
		in.Error == "user_cancelled_authorize":
		res.Declined = true
		return res, nil
	case in.Error == "temporarily_unavailable" || in.Error == "server_error":
		return res, f.tellFailed(ctx, in.Request.Client, failed(fmt.Errorf("the provider answered an error: %w", idp.ErrUnavailable)))
	case in.Error != "" || in.Code == "":
		return res, f.tellFailed(ctx, in.Request.Client, invalidAnswer(errors.New("an error, or no code")))
	}
	id, err := s.Exchange(calls, idp.Code{Code: in.Code, Verifier: c.Verifier, Nonce: c.Nonce, RedirectURI: c.Redirect,
		User: f.openPosted(in.State, in.Posted)})
	if err != nil {
		return res, f.tellFailed(ctx, in.Request.Client, failed(err))
	}
	in.Request.ShortLived = c.ShortLived
	if start.AccountID != uuid.Nil {
		made, err := arrival{f}.connectAsked(ctx, s, id, start.AccountID, in.Request.Client)
		res.Connected = &made
		return res, err
	}
	got, err := arrival{f}.arrive(ctx, s, id, signup.RegisterInput{Invitation: c.Invitation}, in.Request)
	got.Return = c.Return
	return got, err
}

// takeStart spends the start of an answer. One of a connection is good in the session alone that asked for it (C11).
func (f *Flow) takeStart(ctx context.Context, s Settings, in CallbackInput) (start authcore.SocialStart, c startContent, err error) {
	if in.Browser == "" || in.State == "" || len(in.State) > secret.MaxToken+4 {
		return start, c, invalidAnswer(fmt.Errorf("%w: no state, or not in this browser", ErrNoStart))
	}
	start, err = f.cfg.Transit.TakeSocialStart(ctx, secret.SumString(in.State), secret.SumString(in.Browser), s.Name, f.now())
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return start, c, invalidAnswer(fmt.Errorf("%w: the state is of another, was used or has expired", ErrNoStart))
	case err != nil:
		return start, c, fmt.Errorf("take start: %w", err)
	}
	if start.AccountID != uuid.Nil && (in.Who == nil || in.Who.AccountID != start.AccountID || in.Who.SessionID != start.SessionID) {
		return start, c, invalidAnswer(errors.New("the connection was asked for in another session"))
	}
	return start, c, f.open(sealedStart, start.Sealed, &c)
}

// checkIssuer refuses an answer that another provider may have given (RFC 9207, C04).
func checkIssuer(ctx context.Context, s Settings, iss string) error {
	want, announced, err := s.Issuer(ctx)
	switch {
	case err != nil:
		return failed(err)
	case iss == "" && announced, iss != "" && want != "" && iss != want:
		return invalidAnswer(errors.New("the issuer of the answer is another"))
	}
	return nil
}

// tellFailed records that a provider failed us, and returns err.
func (f *Flow) tellFailed(ctx context.Context, c authcore.Client, err error) error {
	e := audit.Failure(authcore.EventProviderFailed, uuid.Nil, c, authcore.CodeOf(err), f.now())
	e.Method = audit.ByProvider
	if failed := f.cfg.Transit.Record(ctx, authcore.Effects{Events: []authcore.Event{e}}); failed != nil {
		return fmt.Errorf("record failure of provider: %w", failed)
	}
	return err
}
