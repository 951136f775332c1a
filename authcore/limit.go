package authcore

import (
	"context"
	"time"
)

// Limit is one counter to take from: a limit's name and whom it concerns.
type Limit struct {
	Name string // one of the Limit… constants
	Key  string
}

// The limits of contract §2 (`rate_limit`) and those that `otp` sets.
const (
	LimitLogin       = "login"
	LimitMFA         = "mfa"
	LimitOTP         = "otp"
	LimitPasskey     = "passkey"
	LimitRegister    = "register"
	LimitVerify      = "verify"
	LimitForgot      = "forgot"
	LimitRefresh     = "refresh"
	LimitTokenVerify = "token_verify"
	LimitSecure      = "secure"
	LimitSocial      = "social"
	LimitExport      = "export" // per account
	LimitInvite      = "invite" // per account
	LimitAdmin       = "admin"  // per account
	LimitMail        = "mail"
	LimitAvatar      = "avatar"       // per account
	LimitSMS         = "sms"          // per number
	LimitSMSPrefix   = "sms_prefix"   // per number without its last four digits
	LimitSMSClient   = "sms_client"   // per client address
	LimitSMSTotal    = "sms_total"    // for all together
	LimitSMSUnproven = "sms_unproven" // the part of sms_total that numbers may have of which nobody knows whose they are
	LimitResend      = "resend"       // one per otp.resend_after, by purpose and recipient
	LimitCode        = "code"         // otp.attempts, by purpose and subject, where no challenge exists to count them
)

// Limiter counts events against limits (GCRA).
type Limiter interface {
	// Take counts one event on every given limit, or on none: then wait is the time after which all would allow it.
	// A limit that is off always allows. An error means that nothing is known.
	Take(ctx context.Context, limits ...Limit) (wait time.Duration, err error)
	// Refund gives back one event on every given limit that a Take has counted and that then did not come about. A limit is
	// never the fuller for it than it is without any events. An error means that they may stay counted.
	Refund(ctx context.Context, limits ...Limit) error
}
