package secondstep

import (
	"context"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
)

// Ahead takes codes that come beside the first proof, of clients that cannot wait between two steps. It is safe for concurrent use.
type Ahead struct{ *Flow }

// prove takes the code of an app or a recovery code and, where codes are sent for something that outlives a sign-in (sentFor), one that was
// sent to a mailbox or number among the methods of n. It is one guess, whatever it may have been meant for: those of an account are counted
// together (O02), and what was sent has its budget besides.
func (f Ahead) prove(ctx context.Context, a authcore.Account, n next, otp, sentFor string, c authcore.Client) (factor.Proved, error) {
	given := givenOTP(otp, c)
	if sentFor == "" || given.Type == authcore.FactorRecovery {
		return f.verify(ctx, a, given)
	}
	var all []factor.Given
	if slices.ContainsFunc(n.methods, func(m Method) bool { return m.Factor.Type == authcore.FactorTOTP }) {
		all = append(all, given)
	}
	for _, m := range n.methods {
		if sendable(m) {
			all = append(all, factor.Given{Type: m.Factor.Type, FactorID: m.Factor.ID, Code: otp, Subject: sentFor, Client: c})
		}
	}
	if len(all) == 0 {
		all = append(all, given)
	}
	return f.verify(ctx, a, all[0], all[1:]...)
}

// Prove is [Flow.ProveOTP] beside a password, for a client that may also bring a code that was sent for sentFor, see [session.Request].
func (f Ahead) Prove(ctx context.Context, a authcore.Account, otp, sentFor string, c authcore.Client) (factor.Proved, error) {
	factors, err := f.cfg.Factors.Of(ctx, a.ID)
	if err != nil {
		return factor.Proved{}, err
	}
	return f.prove(ctx, a, Existing(f).lacks(a, factors, []string{authcore.AMRPassword}), otp, sentFor, c)
}

// Send sends a code to a confirmed factor of the account that its client brings beside a password, once. Refusals are those of
// [factor.Factors.Send].
func (f Ahead) Send(ctx context.Context, a authcore.Account, x authcore.Factor, sentFor string, c authcore.Client) error {
	_, err := f.cfg.Factors.Send(ctx, a, x, sentFor, c)
	return err
}
