package authcore

import (
	"errors"
	"fmt"
	"time"
)

// Code is the stable, machine-readable name of a failure: the `code` of a problem body (contract §4).
type Code string

// The codes of the public surface. httpauth holds the one table that maps them to HTTP statuses.
const (
	InvalidRequest            Code = "invalid_request"
	InvalidFields             Code = "invalid_fields"
	InvalidCredentials        Code = "invalid_credentials"
	AuthenticationRequired    Code = "authentication_required"
	InvalidToken              Code = "invalid_token"
	InvalidRefreshToken       Code = "invalid_refresh_token"
	RefreshTokenReused        Code = "refresh_token_reused"
	InvalidCode               Code = "invalid_code"
	InvalidMFAToken           Code = "invalid_mfa_token"
	InvalidPasskey            Code = "invalid_passkey"
	InvalidProviderAnswer     Code = "invalid_provider_answer"
	InvalidSocialToken        Code = "invalid_social_token"
	ProviderDenied            Code = "provider_denied"
	ProviderUnavailable       Code = "provider_unavailable"
	UnknownPasskey            Code = "unknown_passkey"
	RegistrationProofRequired Code = "registration_proof_required"
	TooManyAttempts           Code = "too_many_attempts"
	RateLimited               Code = "rate_limited"
	AccountLocked             Code = "account_locked"
	AccountNotVerified        Code = "account_not_verified"
	InvalidInvitation         Code = "invalid_invitation"
	InvitationRequired        Code = "invitation_required"
	SignupClosed              Code = "signup_closed"
	Conflict                  Code = "conflict"
	LastAdmin                 Code = "last_admin"
	ManagedByConfiguration    Code = "managed_by_configuration"
	PreconditionFailed        Code = "precondition_failed"
	LastWayIn                 Code = "last_way_in"
	LimitReached              Code = "limit_reached"
	LastFactor                Code = "last_factor"
	NoFactor                  Code = "no_factor"
	MFAEnforced               Code = "mfa_enforced"
	PasswordResetRequired     Code = "password_reset_required"
	ShortPassword             Code = "password_too_short"
	Forbidden                 Code = "forbidden"
	BindingRequired           Code = "binding_required"
	Blocked                   Code = "blocked"
	ReauthenticationRequired  Code = "reauthentication_required"
	MFARequired               Code = "mfa_required"
	CrossOrigin               Code = "cross_origin"
	NotFound                  Code = "not_found"
	MethodNotAllowed          Code = "method_not_allowed"
	RequestTooLarge           Code = "request_too_large"
	HeadersTooLarge           Code = "headers_too_large"
	UnsupportedMediaType      Code = "unsupported_media_type"
	Unavailable               Code = "unavailable"
	Internal                  Code = "internal_error"
)

// Error is the only kind of error whose text a client may see. Everything else is internal: its cause goes to the log,
// the client gets [Internal].
type Error struct {
	Code   Code
	Detail string // one sentence for a person: what happened and what to do
	// Fields holds the broken rules (only with InvalidFields and Conflict).
	Fields FieldErrors
	// RetryAfter says when trying again makes sense; zero means nothing is known about it.
	RetryAfter time.Duration
	// MaxAge is how recent a sign-in must be; only with ReauthenticationRequired, and with MFARequired where both are asked for.
	MaxAge time.Duration
	// StepUpURL is where a person gives what a sign-in lacks; "" for none. Only with these two.
	StepUpURL string
	cause     error
}

// Refuse returns an Error with the given code and sentence.
func Refuse(code Code, detail string) *Error { return &Error{Code: code, Detail: detail} }

// RefuseFor is Refuse with the time after which a new try makes sense.
func RefuseFor(code Code, detail string, retryAfter time.Duration) *Error {
	return &Error{Code: code, Detail: detail, RetryAfter: retryAfter}
}

// Because returns a copy of e that carries cause for the log; the client never sees it.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Error is for logs: the code, the detail and the cause.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Detail)
}

// Unwrap returns the hidden cause.
func (e *Error) Unwrap() error { return e.cause }

// CodeOf returns the code of an error: that of the [Error] it wraps; [Unavailable] for [ErrUnavailable]; else [Internal].
func CodeOf(err error) Code {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, ErrUnavailable):
		return Unavailable
	}
	return Internal
}

// Guessed reports whether a code was refused whose sender may have guessed it: one that is wrong, and was not right before.
func Guessed(err error) bool { return CodeOf(err) == InvalidCode && !errors.Is(err, ErrSpentCode) }

// IsAnonymous reports whether a refusal only says that nobody is signed in. What else goes wrong (a store that is away, a
// request from another origin) is not made better by calling the visitor anonymous.
func IsAnonymous(err error) bool {
	switch CodeOf(err) {
	case AuthenticationRequired, InvalidToken, InvalidRefreshToken, RefreshTokenReused:
		return true
	}
	return false
}

// Sentinels of the stores. A capability turns those it expects into an [Error]; what it does not expect is internal.
var (
	// ErrNotFound: there is no such live row. Never a technical failure.
	ErrNotFound = errors.New("not found")
	// ErrOtherOrigin: the refresh token is live, at another host. It is an ErrNotFound as well.
	ErrOtherOrigin = fmt.Errorf("%w at this host", ErrNotFound)
	// ErrSpentCode: the code is that of a challenge that was used or has expired: who shows it has not guessed.
	ErrSpentCode = errors.New("code is used or has expired")
	// ErrWrongCode: a live challenge exists, the code is not its code; one attempt is spent.
	ErrWrongCode = errors.New("wrong code")
	// ErrNoAttempts: a challenge exists, but its attempts are used up.
	ErrNoAttempts = errors.New("no attempts left")
	// ErrLastAdmin: the change would leave nobody who administers the gateway. Nothing has changed. It is a refusal as it stands.
	ErrLastAdmin error = Refuse(LastAdmin, "Nobody else can sign in as an administrator. Make somebody else an administrator first.")
	// ErrTooManyRoles: the account would have more than MaxRoles. Nothing has changed.
	ErrTooManyRoles = errors.New("too many roles")
	// ErrInvitation: the invitation is used, revoked or expired, or its inviter may not invite any more. Nothing has changed.
	ErrInvitation = errors.New("no open invitation")
	// ErrTooManyInvitations: the account has as many open invitations as it may have. Nothing has changed.
	ErrTooManyInvitations = errors.New("too many invitations")
	// ErrLeaving: the account waits for its deletion, which its owner alone calls off. Nothing has changed.
	ErrLeaving = errors.New("the account is about to be deleted")
	// ErrSecondStep is no failure: traces are told by it that a sign-in waits for a second step, or for what it lacks.
	ErrSecondStep = errors.New("waits for a second step")
	// ErrDeclined is no failure either: traces are told by it that somebody has turned back at their provider.
	ErrDeclined = errors.New("declined at the provider")
	// ErrUnavailable: the store cannot answer now (down, locked, full, read-only, timed out). Nothing is known to have
	// changed; the client is told 503 with Retry-After and keeps its credentials.
	ErrUnavailable = errors.New("store unavailable")
)

// TakenError says that a unique field of an account already belongs to another account.
type TakenError struct{ Field IdentifierKind }

func (e *TakenError) Error() string { return string(e.Field) + " is taken" }

// Rule returns the rule that the field breaks.
func (e *TakenError) Rule() Rule { return taken[e.Field] }
