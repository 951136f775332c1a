// Package wayin owns the rule that nobody takes their own last way to sign in from themselves.
//
// Recovery by mail is no way in: it sets a password, which is one only while there is something to sign in with.
package wayin

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Ways are the ways to sign in that are on.
type Ways struct {
	Password bool
	Code     bool // by mail, and by SMS to a number
	Link     bool // by mail, with a code beside it
	Passkey  bool
	// Identities are the kinds of identifier that sign in.
	Identities []authcore.IdentifierKind
	// Texts reports whether codes go to an E.164 number. Nil: to none.
	Texts func(number string) bool
}

// WithoutPassword reports whether people can sign in by something that is sent to them, so that they may leave out a password.
func (w Ways) WithoutPassword() bool { return w.Code || w.Link }

// Has reports whether the owner of the account, as it would be, could sign in; counting are the factors of it that count.
func (w Ways) Has(a authcore.Account, counting []authcore.Factor) bool {
	return w.byPassword(a) || w.byMail(a) || w.bySMS(a) || w.byPasskey(counting)
}

// finds reports whether the account is found by what it has of a kind.
func (w Ways) finds(kind authcore.IdentifierKind, value string) bool {
	return value != "" && slices.Contains(w.Identities, kind)
}

func (w Ways) byPassword(a authcore.Account) bool {
	return w.Password && a.PasswordHash != "" &&
		(w.finds(authcore.KindEmail, a.Email) || w.finds(authcore.KindUsername, a.Username) || w.finds(authcore.KindPhone, a.Phone))
}

// byMail: what is not verified may be a stranger's, and is sent nothing.
func (w Ways) byMail(a authcore.Account) bool {
	return w.WithoutPassword() && a.EmailVerified() && (w.finds(authcore.KindEmail, a.Email) || w.finds(authcore.KindUsername, a.Username))
}

// bySMS: who is found by a username alone gets the code by SMS only where there is no address.
func (w Ways) bySMS(a authcore.Account) bool {
	return w.Code && w.Texts != nil && a.PhoneVerified() && w.Texts(a.Phone) &&
		(w.finds(authcore.KindPhone, a.Phone) || w.finds(authcore.KindUsername, a.Username) && !a.EmailVerified())
}

// byPasskey: a passkey needs no name. A security key is a second factor only.
func (w Ways) byPasskey(counting []authcore.Factor) bool {
	return w.Passkey && slices.ContainsFunc(counting, IsPasskey)
}

// IsPasskey reports whether a factor is a passkey.
func IsPasskey(x authcore.Factor) bool { return x.Type == authcore.FactorPasskey }

// TwoKinds reports whether a sign-in to the account can be asked for two kinds of proof: those that its factors are, and its password. The
// mailbox alone, or the number alone, is one kind, however often it is asked for; a passkey is two.
func (w Ways) TwoKinds(a authcore.Account, counting []authcore.Factor) bool {
	kinds, second := map[string]bool{}, false
	if w.Password && a.PasswordHash != "" {
		kinds["password"] = true
	}
	if a.EmailVerified() {
		kinds[string(authcore.FactorEmail)] = true // by a code or link
	}
	if w.Texts != nil && a.PhoneVerified() && w.Texts(a.Phone) {
		kinds[string(authcore.FactorSMS)] = true
	}
	for _, x := range counting {
		switch x.Type {
		case authcore.FactorPasskey:
			return true
		case authcore.FactorRecovery:
		default:
			kinds[string(x.Type)], second = true, true
		}
	}
	return second && len(kinds) > 1
}

// Passwords says what becomes of the password of somebody who gets an account.
type Passwords int

// What becomes of it.
const (
	PasswordsRequired Passwords = iota
	PasswordsOptional           // they can sign in by what is sent to them
	PasswordsOff                // nobody signs in by one, so none is taken
)

// Passwords returns what becomes of the passwords of new accounts.
func (w Ways) Passwords() Passwords {
	switch {
	case !w.Password:
		return PasswordsOff
	case w.WithoutPassword():
		return PasswordsOptional
	}
	return PasswordsRequired
}
