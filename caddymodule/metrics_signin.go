package caddymodule

import (
	"context"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
)

// The metrics of who signs in and up, and what people are told of.
var (
	loginOutcomes = newMethodTally("logins_total", "Sign-ins, by how somebody signed in and by outcome; pending waits for a second step, or for what it lacks.", loginMethods,
		append(outcomesOf(authcore.InvalidCredentials, authcore.Blocked, authcore.AccountLocked, authcore.AccountNotVerified, authcore.PasswordResetRequired, authcore.InvalidFields, authcore.InvalidRequest,
			authcore.InvalidCode, authcore.InvalidPasskey, authcore.UnknownPasskey, authcore.TooManyAttempts, authcore.RegistrationProofRequired,
			authcore.InvalidInvitation, authcore.InvitationRequired, authcore.RateLimited, authcore.InvalidMFAToken, authcore.BindingRequired, authcore.InvalidProviderAnswer,
			authcore.ProviderDenied, authcore.ProviderUnavailable, authcore.InvalidSocialToken, authcore.SignupClosed), outcomePending, outcomeDeclined)...)
	registrationOutcomes = newMethodTally("registrations_total", "Sign-ups, by how somebody signed up and by outcome; an address that has an account counts as any other.",
		registrationMethods, outcomesOf(authcore.InvalidFields, authcore.SignupClosed, authcore.Blocked, authcore.InvitationRequired, authcore.InvalidInvitation, authcore.Conflict, authcore.InvalidCode,
			authcore.RateLimited)...)
	notificationCount = newNotificationCount()
)

// loginMethods and registrationMethods are the methods that the steps of the flows count under.
var (
	loginMethods = map[string]string{federated.Step: audit.ByProvider, secondstep.StepBy(audit.ByProvider): audit.ByProvider, signin.Step: audit.ByPassword, signin.StepPasskey: audit.ByPasskey, signup.StepCode: audit.ByCode, signup.StepLink: audit.ByLink,
		secondstep.StepBy(audit.ByPassword): audit.ByPassword, secondstep.StepBy(audit.ByCode): audit.ByCode, secondstep.StepBy(audit.ByLink): audit.ByLink}
	registrationMethods = map[string]string{signup.StepRegister: audit.ByPassword, signup.StepInvited: audit.ByInvitation,
		signup.StepByCode: audit.ByCode, signup.StepByLink: audit.ByLink, signup.StepProvider: audit.ByProvider}
)

// methodTally is one counter for each method and outcome of closed sets.
type methodTally struct {
	vec  *prometheus.CounterVec
	each map[string]*tally // by method
}

// newMethodTally makes every counter at once; methods are by the step that counts under them.
func newMethodTally(name, help string, methods map[string]string, outcomes ...string) *methodTally {
	t := &methodTally{
		vec:  prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gatehouse", Name: name, Help: help}, []string{"method", "outcome"}),
		each: map[string]*tally{},
	}
	for _, method := range append(slices.Collect(maps.Values(methods)), otherOutcome) {
		t.each[method] = newTallyOf(t.vec.MustCurryWith(prometheus.Labels{"method": method}), outcomes...)
	}
	return t
}

// of returns the counters of a method.
func (t *methodTally) of(method string) *tally {
	if known, ok := t.each[method]; ok {
		return known
	}
	return t.each[otherOutcome]
}

// traceSignIns is told of every sign-in; those that a lock refused are among what limits refuse as well.
func traceSignIns(ctx context.Context, step string) (context.Context, func(error)) {
	within, done := span(ctx, step)
	return within, func(err error) {
		loginOutcomes.of(loginMethods[step]).result(err)
		if authcore.CodeOf(err) == authcore.AccountLocked {
			limitRefusals.count(limitLockout)
		}
		done(err)
	}
}

// traceSignUps is told of every sign-up, and of the sign-ins that complete one.
func traceSignUps(ctx context.Context, step string) (context.Context, func(error)) {
	method, ok := registrationMethods[step]
	if !ok {
		return traceSignIns(ctx, step)
	}
	within, done := span(ctx, step)
	return within, func(err error) {
		registrationOutcomes.of(method).result(err)
		done(err)
	}
}

// countRateLimited is told of every call and form that a limit refuses, before anything is known of what it has: not whether a code
// or a link would have come.
func countRateLimited(path string) {
	switch path {
	case "/login":
		loginOutcomes.of(audit.ByPassword).count(string(authcore.RateLimited))
	case "/passkeys/options", "/passkeys/verify":
		loginOutcomes.of(audit.ByPasskey).count(string(authcore.RateLimited))
	case "/verify", "/otp", "/otp/verify":
		loginOutcomes.of(audit.ByCode).count(string(authcore.RateLimited))
	case "/login/mfa": // of a sign-in that nobody has looked at: it began in any way
		loginOutcomes.of(otherOutcome).count(string(authcore.RateLimited))
	case "/register":
		registrationOutcomes.of(audit.ByPassword).count(string(authcore.RateLimited))
	}
}

func newNotificationCount() *prometheus.CounterVec {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gatehouse", Name: "notifications_total",
		Help: "Security mails and SMS handed to the outbox, by kind."}, []string{"kind"})
	for _, kind := range append(notice.Always(), notice.Optional()...) {
		vec.WithLabelValues(string(kind))
	}
	return vec
}

// countNotification counts a mail that was committed, if it is one of those that tell of the security of an account.
func countNotification(kind authcore.MailKind) {
	if slices.Contains(notice.Always(), kind) || slices.Contains(notice.Optional(), kind) {
		notificationCount.WithLabelValues(string(kind)).Inc()
	}
}
