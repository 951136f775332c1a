package session

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// DevicePrefix marks the tokens of devices, so that scanners of leaked secrets can know them.
const DevicePrefix = "ghd_"

// The defaults of Config.
const (
	DefaultShort = 12 * time.Hour
	DefaultMax   = 100
)

// Request is how somebody wants to be signed in.
type Request struct {
	Mode       authcore.Mode
	DeviceName string
	// DeviceToken is what the client has kept since an earlier sign-in; "" for nothing. What is no token of ours counts as nothing.
	DeviceToken string
	ShortLived  bool     // "remember": false: the session ends early, its cookies with the browser, and the client keeps no token
	Method      string   // the way in, as in events
	AMR         []string // how they proved who they are, RFC 8176
	Client      authcore.Client
	// Challenge is the code or link that the sign-in spends, of authcore.SessionOpening; zero for none.
	Challenge uuid.UUID
	// Provider is of authcore.SessionOpening; nil for none.
	Provider *authcore.ProviderSession
	// TrustDevice and OTP are what came with the first step for the second one: whether the device shall be asked for no second factor
	// from then on, and a code of an app or a recovery code. Without a second step they are nothing.
	TrustDevice bool
	OTP         string
	// SentFor is what codes of email and sms factors are sent for that the client brings beside a later first step, in place of a sign-in that
	// waits: then OTP may be one of them. "": they are for the sign-in alone that waits.
	SentFor string
	Step    Step // set by package secondstep
	// Format is in which form the tokens are; nil: in our own. One of another form is of mode dialect.
	Format Format
}

// Step is what a second step adds to the opening of a session.
type Step struct {
	Pending      uuid.UUID     // the pending sign-in that the session ends; zero for none
	DeviceDigest secret.Digest // of the token that the client brought to the first step, where it brings none to this one
	TrustUntil   time.Time     // until when the device is asked for no second factor; zero leaves it as it is
	ForgetReset  bool          // of authcore.SessionOpening
	AuthTime     time.Time     // of a step-up that adds to a sign-in: when that was; zero: now
}

// Prepare makes a session and its first refresh token without storing them, for stores that open it in a transaction of
// their own. The session's id is new in every case: nothing a client sent before can become a session (S01). It returns the refusal
// of Config.MayIssue.
func (s *Sessions) Prepare(account authcore.Account, r Request) (sess authcore.Session, refresh string, err error) {
	now := s.now()
	if err := s.cfg.MayIssue(); err != nil { // asked after now, which may be of a clock that has just jumped
		return authcore.Session{}, "", err
	}
	id := uuid.Must(uuid.NewV7())
	refresh, digest := newRefresh(s, id, r.Format)
	lives := lifetimes(s, r.Format)
	life := lives.Session
	if r.ShortLived {
		life = min(life, s.cfg.ShortSession)
	}
	// A whole second, as tokens have them: so none of them needs to outlive the session.
	end := now.Add(life).Truncate(time.Second)
	return authcore.Session{
		ID: id, AccountID: account.ID, AccountEpoch: account.Epoch,
		Mode: r.Mode, AMR: r.AMR, AuthTime: now, CreatedAt: now, LastSeenAt: now,
		RefreshDigest: digest, RefreshExpiresAt: earlier(now.Add(lives.Refresh), end), ExpiresAt: end,
		AccessUntil: now.Add(lives.Access + issueSlack),
		Addr:        audit.Addr(r.Client), UserAgent: audit.UserAgent(r.Client), DeviceName: r.DeviceName, ShortLived: r.ShortLived,
	}, refresh, nil
}

// SignIn is a sign-in that is prepared: what a store opens, and what its client gets once that is done.
type SignIn struct {
	authcore.SessionOpening
	refresh, device string
	brought         bool
	client          authcore.Client
	format          Format
}

// PrepareSignIn is Prepare for a sign-in: the session with its device and the event that tells of it, for stores that open it in a
// transaction of their own.
func (s *Sessions) PrepareSignIn(account authcore.Account, r Request) (SignIn, error) {
	sess, refresh, err := s.Prepare(account, r)
	if err != nil {
		return SignIn{}, err
	}
	in := SignIn{refresh: refresh, client: r.Client, format: r.Format}
	digest, brought := s.DeviceDigest(r.DeviceToken)
	switch in.brought = brought; {
	case brought:
		in.device = r.DeviceToken
	case !r.Step.DeviceDigest.IsZero():
		digest, in.brought = r.Step.DeviceDigest, true
	case !r.ShortLived && r.Format == nil: // clients of a dialect keep none
		in.device = deviceMAC(s.cfg.Keys).IssueToken(DevicePrefix, uuid.New())
		digest = secret.SumString(in.device)
	}
	in.SessionOpening = authcore.SessionOpening{
		Session: sess, Keep: !r.ShortLived && r.Format == nil, Lookup: r.Format != nil && r.Format.Lookup(), MaxSessions: s.cfg.MaxSessions, MaxDevices: authcore.MaxDevices,
		Device:  authcore.Device{ID: uuid.New(), Name: r.DeviceName, TokenDigest: digest},
		Seen:    audit.Event(authcore.EventDeviceSeen, account.ID, r.Client, sess.CreatedAt),
		Ended:   audit.Event(authcore.EventSessionsRevoked, account.ID, r.Client, sess.CreatedAt),
		Pending: r.Step.Pending, Challenge: r.Challenge, Provider: r.Provider, TrustUntil: r.Step.TrustUntil, ForgetReset: r.Step.ForgetReset,
		Trusted: audit.Event(authcore.EventDeviceTrusted, account.ID, r.Client, sess.CreatedAt),

		Forgotten: audit.Event(authcore.EventDeviceForgotten, account.ID, r.Client, sess.CreatedAt),
	}
	ev := audit.Event(authcore.EventSignedIn, account.ID, r.Client, sess.CreatedAt)
	ev.SessionID, ev.Method = sess.ID, r.Method
	in.Effects.Events = []authcore.Event{ev}
	return in, nil
}

// Start opens a session for an account that has verified itself, with its event in the same transaction. Where the account does not
// know the device its owner is told, but at the first sign-in of all.
func (s *Sessions) Start(ctx context.Context, account authcore.Account, r Request) (Tokens, error) {
	in, err := s.PrepareSignIn(account, r)
	if err != nil {
		return Tokens{}, err
	}
	in.NewDevice = func(open []authcore.SecurityLink) (fx authcore.Effects, err error) {
		err = s.cfg.Notices.SecurityAmong(ctx, open, &fx, notice.Notice{
			Kind: authcore.MailNewDevice, Event: in.Effects.Events[0], Account: account, Client: r.Client,
		})
		return fx, err
	}
	opened, err := s.cfg.Store.OpenSession(ctx, in.SessionOpening)
	if err != nil {
		return Tokens{}, fmt.Errorf("open session: %w", err)
	}
	return s.GrantSignIn(account, opened, in)
}

// GrantSignIn signs the access token of a sign-in whose session is stored as opened.
func (s *Sessions) GrantSignIn(account authcore.Account, opened authcore.Session, in SignIn) (Tokens, error) {
	t, err := s.grant(account, opened, in.refresh, in.format, in.client)
	if err != nil {
		return Tokens{}, err
	}
	t.DeviceToken, t.DeviceBrought = in.device, in.brought
	return t, nil
}

// DeviceDigest returns the digest of a device token of ours; false for any other text.
func (s *Sessions) DeviceDigest(token string) (secret.Digest, bool) {
	if _, ours := deviceMAC(s.cfg.Keys).ParseToken(DevicePrefix, token); !ours {
		return secret.Digest{}, false
	}
	return secret.SumString(token), true
}

func deviceMAC(k Keys) secret.MACKey { return k.MACKey("device token") }
