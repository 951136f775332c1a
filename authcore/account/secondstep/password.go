package secondstep

import (
	"context"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
)

// provePassword tries the password of who came by a code or link. Wrong ones count where those of sign-ins do, and a lock holds here too.
func (f *Flow) provePassword(ctx context.Context, a authcore.Account, typed string, c authcore.Client) error {
	try, err := f.tries.Begin(ctx, identifier.AccountKey(a.ID))
	if err != nil {
		return err
	}
	right, err := password.Verify(ctx, f.cfg.Hasher, f.cfg.Policy, f.cfg.password(a), typed)
	if err != nil {
		try.Cancel()
		return fmt.Errorf("verify password: %w", password.Busy(err))
	}
	if right {
		try.Succeeded(context.WithoutCancel(ctx))
		return nil
	}
	failure := audit.Failure(authcore.EventSignInFailed, a.ID, c, authcore.InvalidCredentials, f.now())
	failure.Method = audit.ByPassword
	if err := f.tries.Failed(ctx, try, &a, failure, c); err != nil {
		return err
	}
	return authcore.Refuse(authcore.InvalidCredentials, "The password is wrong.")
}
