package secondstep

import (
	"encoding/json"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
)

// MethodPassword is the method of who came by code or link and is asked for the password. The other methods are types of factor.
const MethodPassword = "password"

// Method is one way to go on.
type Method struct {
	Method string
	// Factor is that of the account; zero but for type and address where a code goes to the account's own address or number.
	Factor authcore.Factor
	Sent   bool // a code is on its way
	// Options are for the browser, of passkeys and security keys (PublicKeyCredentialRequestOptionsJSON). nil: none can be used at this host.
	Options json.RawMessage
}

// next is what a sign-in still lacks.
type next struct {
	done    bool
	methods []Method
	enrol   []authcore.FactorType
}

// next decides what comes after the proofs in have (contract §8.2 and §8.3). It is the one place that does.
//
// Two kinds are needed, and one of them must be a factor that counts for the account. Nothing of a kind that was given is offered again.
// A password that a reset has set is of the kind of the channel that carried the reset: whoever reads that mailbox has both.
func (f *Flow) next(a authcore.Account, factors []authcore.Factor, have []string) next {
	given := kindsGiven(a, have)
	own := slices.DeleteFunc(slices.Clone(factors), func(x authcore.Factor) bool { return x.Type == authcore.FactorRecovery })
	if f.satisfied(given, own) {
		return next{done: true}
	}
	var n next
	if len(own) > 0 {
		n.methods = ofFactors(a, f.cfg.Factors.Offered(), own, given)
		if len(n.methods) == 0 && f.cfg.password(a) != "" && !slices.Contains(given, kindOfPassword(a)) {
			n.methods = []Method{{Method: MethodPassword}}
		}
	} else {
		n = f.withoutFactor(a, have, given)
	}
	if n.done {
		return n
	}
	for _, x := range factors {
		if x.Type == authcore.FactorRecovery && x.Left > 0 && !slices.Contains(have, factor.AMR(x.Type)) {
			n.methods = append(n.methods, Method{Method: string(x.Type), Factor: x})
		}
	}
	return n
}

// kindsGiven is what was given, with a password for what it is worth.
func kindsGiven(a authcore.Account, have []string) []string {
	given := slices.Clone(have)
	for i, kind := range given {
		if kind == authcore.AMRPassword {
			given[i] = kindOfPassword(a)
		}
	}
	return given
}

// kindOfPassword is what the account's password is worth.
func kindOfPassword(a authcore.Account) string {
	switch a.PasswordBy {
	case authcore.ByEmail:
		return factor.AMR(authcore.FactorEmail)
	case authcore.BySMS:
		return factor.AMR(authcore.FactorSMS)
	}
	return authcore.AMRPassword
}

// satisfied reports whether two kinds were given of which one is a factor that counts: of an account without any, its own address or
// number where such codes are offered.
func (f *Flow) satisfied(given []string, own []authcore.Factor) bool {
	if factor.Kinds(given) < 2 {
		return false
	}
	return slices.ContainsFunc(given, func(kind string) bool {
		switch kind {
		case authcore.AMRMulti, "recovery", "hwk", "swk":
			return true
		}
		if len(own) == 0 {
			return slices.ContainsFunc(f.cfg.Factors.Offered(), func(t authcore.FactorType) bool { return factor.AMR(t) == kind })
		}
		return slices.ContainsFunc(own, func(x authcore.Factor) bool { return factor.AMR(x.Type) == kind })
	})
}

// ofFactors are the methods of the account's factors, the type that its owner prefers first.
func ofFactors(a authcore.Account, offered []authcore.FactorType, own []authcore.Factor, given []string) []Method {
	rank := func(t authcore.FactorType) int {
		if t == a.MFAPreferred {
			return -1
		}
		return slices.Index(offered, t)
	}
	slices.SortStableFunc(own, func(x, y authcore.Factor) int { return rank(x.Type) - rank(y.Type) })
	var methods []Method
	for _, x := range own {
		if amr := factor.AMR(x.Type); amr == "" || !slices.Contains(given, amr) {
			methods = append(methods, Method{Method: string(x.Type), Factor: x})
		}
	}
	return methods
}

// withoutFactor is what comes where a second factor is asked for and the account has none that counts: the code to its proven address
// first, or to its proven number, then the password of who came by a code or link, then the enrolment of a factor. None skips another.
func (f *Flow) withoutFactor(a authcore.Account, have, given []string) next {
	own := ownChannel(a, f.cfg.Texts)
	if own.Type != "" && !slices.Contains(have, factor.AMR(own.Type)) {
		return next{methods: []Method{{Method: string(own.Type), Factor: own}}}
	}
	if f.cfg.password(a) != "" && !slices.Contains(have, authcore.AMRPassword) {
		return next{methods: []Method{{Method: MethodPassword}}}
	}
	enrol := slices.DeleteFunc(slices.Clone(f.cfg.Factors.Offered()), func(t authcore.FactorType) bool {
		return t == authcore.FactorRecovery || slices.Contains(given, factor.AMR(t)) || t == own.Type
	})
	// The password was reset by the very channel that carried the code, and no other factor can be added: there is nothing that could be
	// asked for, now or ever. The session is one of a single kind.
	if len(enrol) == 0 && own.Type != "" && !a.MFAEnabled() {
		return next{done: true}
	}
	return next{enrol: enrol}
}

// ownChannel is the account's proven address, or where it has none its proven number, while codes go by SMS.
func ownChannel(a authcore.Account, texts bool) authcore.Factor {
	switch {
	case a.EmailVerified():
		return authcore.Factor{AccountID: a.ID, Type: authcore.FactorEmail, Address: a.Email}
	case a.PhoneVerified() && texts:
		return authcore.Factor{AccountID: a.ID, Type: authcore.FactorSMS, Address: a.Phone}
	}
	return authcore.Factor{}
}

// find returns the method that is meant: the one of the factor, else the first of the name, else the first of all.
func (n next) find(method string, id uuid.UUID) (Method, bool) {
	for _, m := range n.methods {
		if id != uuid.Nil && m.Factor.ID == id || id == uuid.Nil && (method == "" || m.Method == method) {
			return m, true
		}
	}
	return Method{}, false
}

// To is where the method's codes go, with most of it hidden; "" for methods without codes that are sent.
func (m Method) To() string { return factor.Masked(m.Factor) }
