package identifier

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// MaxRole is the longest name of a role, in characters.
const MaxRole = 64

// Role returns the name of a role as it is: 1 to 64 of `a-z 0-9 . _ : -`.
func Role(s string) (string, error) {
	if s == "" || len(s) > MaxRole {
		return "", brokenBy(authcore.RoleInvalid, MaxRole)
	}
	for i := range len(s) {
		b := s[i]
		if !('a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '.' || b == '_' || b == ':' || b == '-') {
			return "", brokenBy(authcore.RoleInvalid, MaxRole)
		}
	}
	return s, nil
}

// Roles returns the roles in order, each once, or every rule that one of them breaks.
func Roles(names []string) (roles []string, broken authcore.FieldErrors) {
	for _, name := range names {
		role, err := Role(name)
		if err != nil {
			broken.AddError("roles", err)
			return nil, broken
		}
		roles = append(roles, role)
	}
	slices.Sort(roles)
	if roles = slices.Compact(roles); len(roles) > authcore.MaxRoles {
		broken.AddErrors("roles", authcore.FieldError{Rule: authcore.TooManyRoles, Params: authcore.Params{N: authcore.MaxRoles}})
		return nil, broken
	}
	return roles, nil
}
