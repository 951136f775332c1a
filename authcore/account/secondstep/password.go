package secondstep

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// provePassword tries the password of who came by a code or link. Wrong ones count where those of sign-ins do, and a lock holds here too.
func (f *Flow) provePassword(ctx context.Context, s started, typed string, r session.Request) error {
	a, device := s.account, s.pending.DeviceDigest
	if digest, ours := f.cfg.Sessions.DeviceDigest(r.DeviceToken); ours {
		device = digest
	}
	try, err := f.tries.Begin(ctx, identifier.AccountKey(a.ID), attempt.Shown{Account: a.ID, Device: device})
	if err != nil {
		return err
	}
	err = password.Prove(ctx, f.cfg.Hasher, f.cfg.Policy, f.cfg.password(a), typed)
	switch {
	case err == nil:
		try.Succeeded(context.WithoutCancel(ctx))
		return nil
	case authcore.CodeOf(err) != authcore.InvalidCredentials:
		try.Cancel()
		return err
	}
	failure := audit.Failure(authcore.EventSignInFailed, a.ID, r.Client, authcore.InvalidCredentials, f.now())
	failure.Method = audit.ByPassword
	if counted := f.tries.Failed(ctx, try, &a, failure, r.Client); counted != nil {
		return counted
	}
	return err
}
