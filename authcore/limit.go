package authcore

import (
	"context"
	"strings"
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
	// LimitDialectVerify is off unless it is set: clients and services of old ask for each request whether its token is good.
	LimitDialectVerify = "dialect_verify"
	LimitSecure        = "secure"
	LimitSocial        = "social"
	LimitExport        = "export" // per account
	LimitInvite        = "invite" // per account
	LimitAdmin         = "admin"  // per account
	LimitMail          = "mail"
	LimitAvatar        = "avatar"       // per account
	LimitSMS           = "sms"          // per number
	LimitSMSPrefix     = "sms_prefix"   // per number without its last four digits
	LimitSMSClient     = "sms_client"   // per client address
	LimitSMSTotal      = "sms_total"    // for all together
	LimitSMSUnproven   = "sms_unproven" // the part of sms_total that numbers may have of which nobody knows whose they are
	LimitResend        = "resend"       // one per otp.resend_after, by purpose and recipient
	LimitCode          = "code"         // otp.attempts, by purpose and subject, where no challenge exists to count them
)

// LimitScope says whose events a limit counts together. The values are labels of metrics.
type LimitScope string

// What limits count together.
const (
	PerAddress   LimitScope = "address"   // of one client address, a /64 for IPv6
	PerAccount   LimitScope = "account"   // of one account, which the caller is signed in to
	PerRecipient LimitScope = "recipient" // to one address or number, or its neighbours
	Overall      LimitScope = "global"    // all
)

// Each limit that the option `rate_limit` sets may be counted two more ways at once: per account and over all. These are limits of their
// own, by the names that [AccountLine] and [GlobalLine] return. A [Limiter] takes from them by itself.
const (
	accountLine = ".account"
	globalLine  = ".global"
)

// AccountLine returns the name of the limit on what one account does of what the named limit counts.
func AccountLine(name string) string { return LimitLine(name, PerAccount) }

// GlobalLine returns the name of the limit on all that the named limit counts.
func GlobalLine(name string) string { return LimitLine(name, Overall) }

// LimitLine returns the name of the limit on what the named one counts, by scope; name itself where it counts by that anyway.
func LimitLine(name string, scope LimitScope) string {
	switch {
	case ScopeOf(name) == scope:
		return name
	case scope == PerAccount:
		return name + accountLine
	case scope == Overall:
		return name + globalLine
	}
	return name
}

// LimitBase returns the name of the limit that a name of [AccountLine] or [GlobalLine] was made of; any other name as it is.
func LimitBase(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, accountLine), globalLine)
}

// ScopeOf returns what a limit counts together.
func ScopeOf(name string) LimitScope {
	switch {
	case strings.HasSuffix(name, accountLine):
		return PerAccount
	case strings.HasSuffix(name, globalLine):
		return Overall
	}
	switch name {
	case LimitExport, LimitInvite, LimitAvatar, LimitAdmin:
		return PerAccount
	case LimitMail, LimitSMS, LimitSMSPrefix, LimitResend, LimitCode:
		return PerRecipient
	case LimitSMSTotal, LimitSMSUnproven:
		return Overall
	}
	return PerAddress
}

// Taken is what [Limiter.Take] has found.
type Taken struct {
	Wait    time.Duration // after which all limits would allow the event; 0: it is counted on all of them
	Budgets []Budget      // of the limits that are not off
}

// Budget is what one key has left of a limit.
type Budget struct {
	Limit
	Count  int           // how many events at once the limit allows
	Window time.Duration // in which it is full again after so many
	Left   int           // events that are possible now, at most Count
	Full   time.Duration // until Left is Count; 0: it is
	Wait   time.Duration // until one event is possible; 0: one is
}

// NobodysKey is a key of what is counted for appearance, to do the same work as for somebody. Lines do not count it.
const NobodysKey = "none"

// Limiter counts events against limits (GCRA).
//
// With each limit it also takes from (and refunds to) its lines that are on: that over all, and that of the account which acts in ctx
// ([Actor]), if one does.
type Limiter interface {
	// Take counts one event on every given limit, or on none: then Wait of the result is the time after which all would allow it.
	// A limit that is off always allows. An error means that nothing is known.
	Take(ctx context.Context, limits ...Limit) (Taken, error)
	// On reports whether a limit counts at all.
	On(name string) bool
	// Refund gives back one event on every given limit that a Take has counted and that then did not come about. A limit is
	// never the fuller for it than it is without any events. An error means that they may stay counted.
	Refund(ctx context.Context, limits ...Limit) error
}
