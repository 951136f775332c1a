package secondstep

import (
	"context"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// Existing is the rule for addresses and numbers that an administrator has set (contract B2): for [authcore.ContactWatch] what is sent there, a
// code, a link or a reset, opens nothing before a factor was given that the account had besides, where it has one. Whoever has talked a help
// desk into putting their mailbox into an account has the mailbox, and must not have the account by it. A trusted device is no factor. It is
// safe for concurrent use.
type Existing struct{ *Flow }

// watched returns the kinds of proof among given that came by an address or number which is watched.
func (f Existing) watched(a authcore.Account, given []string) (kinds []string) {
	now := f.now()
	for ch, t := range map[authcore.Channel]authcore.FactorType{authcore.ByEmail: authcore.FactorEmail, authcore.BySMS: authcore.FactorSMS} {
		if kind := factor.AMR(t); slices.Contains(given, kind) && a.Watched(ch, now) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// watches reports whether the rule may ask for more after the proofs in have. It is decided from the account's row alone.
func (f Existing) watches(a authcore.Account, have []string) bool {
	return len(f.watched(a, kindsGiven(a, have))) > 0
}

// next is what the rule still asks for after the proofs in have. applies is false where it asks for nothing, given or not.
func (f Existing) next(a authcore.Account, factors []authcore.Factor, have []string) (n next, applies bool) {
	given := kindsGiven(a, have)
	watched := f.watched(a, given)
	if len(watched) == 0 {
		return n, false
	}
	besides := slices.DeleteFunc(slices.Clone(factors), func(x authcore.Factor) bool {
		return x.Type == authcore.FactorEmail && x.Address == a.Email || x.Type == authcore.FactorSMS && x.Address == a.Phone
	})
	if !factor.HasSecond(besides) {
		return n, false
	}
	if slices.Contains(given, authcore.AMRMulti) || slices.ContainsFunc(besides, func(x authcore.Factor) bool { return proves(x, given, watched) }) {
		return next{done: true}, true
	}
	own := slices.DeleteFunc(slices.Clone(besides), func(x authcore.Factor) bool { return x.Type == authcore.FactorRecovery })
	n.methods = ofFactors(a, f.cfg.Factors.Offered(), own, nil)
	for _, x := range besides {
		if x.Type == authcore.FactorRecovery && x.Left > 0 {
			n.methods = append(n.methods, Method{Method: string(x.Type), Factor: x})
		}
	}
	return n, true
}

// proves reports whether a factor is among the proofs. A code to another mailbox is of the same kind as the one to the watched address: then
// there are two of it.
func proves(x authcore.Factor, given, watched []string) bool {
	asked, times := []string{factor.AMR(x.Type)}, 0
	if asked[0] == "" { // keys
		asked = []string{"hwk", "swk"}
	}
	for _, kind := range given {
		if slices.Contains(asked, kind) {
			times++
		}
	}
	if slices.Contains(watched, asked[0]) {
		times--
	}
	return times > 0
}

// Keeps reports whether the account's address is watched and the account has a factor besides: then nothing may be made of the mailbox alone that
// outlives the watch, such as a connection.
func (f Existing) Keeps(ctx context.Context, a authcore.Account) (bool, error) {
	byMail := []string{factor.AMR(authcore.FactorEmail)}
	if !f.watches(a, byMail) {
		return false, nil
	}
	factors, err := f.cfg.Factors.Of(ctx, a.ID)
	if err != nil {
		return false, err
	}
	_, applies := f.next(a, factors, byMail)
	return applies, nil
}

// read reads what a sign-in by r is decided from, where anything is: the factors of the account, and whether it is asked for none on the device.
func (f Existing) read(ctx context.Context, a authcore.Account, r session.Request) (factors []authcore.Factor, trusted bool, err error) {
	watched := f.watches(a, r.AMR)
	if !watched && !f.asks(a) {
		return nil, false, nil
	}
	if !watched {
		if trusted, err = f.trusted(ctx, a, r.DeviceToken); err != nil || trusted {
			return nil, trusted, err
		}
	}
	factors, err = f.cfg.Factors.Of(ctx, a.ID)
	return factors, false, err
}

// asked reports whether a sign-in of the account by have needs anything besides.
func (f Existing) asked(a authcore.Account, factors []authcore.Factor, have []string) bool {
	_, applies := f.next(a, factors, have)
	return applies || f.asks(a)
}

// lacks is what a sign-in of the account still lacks after the proofs in have.
func (f Existing) lacks(a authcore.Account, factors []authcore.Factor, have []string) next {
	n, applies := f.next(a, factors, have)
	if applies && (!n.done || !f.asks(a)) {
		return n
	}
	return f.Flow.next(a, factors, have)
}
