package signup

import (
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// target is an address or number that is to be verified.
type target struct {
	channel authcore.Channel
	address string // normalised
}

// targetOf returns the target that is the subject of a challenge: numbers have no @.
func targetOf(subject string) target {
	if strings.Contains(subject, "@") {
		return target{authcore.ByEmail, subject}
	}
	return target{authcore.BySMS, subject}
}

// kind is that of the identifier which the target becomes.
func (t target) kind() authcore.IdentifierKind {
	if t.channel == authcore.BySMS {
		return authcore.KindPhone
	}
	return authcore.KindEmail
}

func (t target) identifier() authcore.Identifier {
	return authcore.Identifier{Kind: t.kind(), Value: t.address}
}

// verifiedBy reports whether an account has verified the target.
func (t target) verifiedBy(a authcore.Account) bool {
	if t.channel == authcore.BySMS {
		return a.Phone == t.address && a.PhoneVerified()
	}
	return a.Email == t.address && a.EmailVerified()
}

// awaits reports whether an existing account, which is found by the target, can still verify it.
func (t target) awaits(a authcore.Account) bool { return !t.verifiedBy(a) && !a.Disabled() }

// open reports whether the target, of which an account may be found, awaits anybody's proof: none has verified it, and it is not
// that of an account which whoever runs the gateway has made.
func (t target) open(a *authcore.Account) bool { return a == nil || t.awaits(*a) && !a.MadeByOperator }
