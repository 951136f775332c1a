// Package wayin owns the rule that nobody takes their own last way to sign in from themselves.
//
// Recovery by mail is no way in: it sets a password, which is one only while there is something to sign in with.
package wayin

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Has reports whether the owner of the account, as it would be, could sign in: by its password and something that finds it. identities
// are the kinds of identifier that do.
func Has(a authcore.Account, identities []authcore.IdentifierKind) bool {
	if a.PasswordHash == "" {
		return false
	}
	for kind, value := range map[authcore.IdentifierKind]string{
		authcore.KindEmail: a.Email, authcore.KindUsername: a.Username, authcore.KindPhone: a.Phone,
	} {
		if value != "" && slices.Contains(identities, kind) {
			return true
		}
	}
	return false
}
