package secure

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// Kind is something that a link can take back.
type Kind string

// undoes is the one list of what can be taken back, in the order in which it is told, and how it shows that it was.
var undoes = []struct {
	kind Kind
	done func(before, after authcore.Account, u notice.Undo) bool
}{
	{"email", func(before, after authcore.Account, _ notice.Undo) bool {
		return before.Email != after.Email || before.EmailVerified() != after.EmailVerified()
	}},
	{"phone", func(before, after authcore.Account, _ notice.Undo) bool {
		return before.Phone != after.Phone || before.PhoneVerifiedAt.IsZero() != after.PhoneVerifiedAt.IsZero()
	}},
	{"username", func(before, after authcore.Account, _ notice.Undo) bool { return before.Username != after.Username }},
	{"password", func(_, _ authcore.Account, u notice.Undo) bool { return u.Password }},
	{"factor", func(_, _ authcore.Account, u notice.Undo) bool { return u.Factors != nil }},
	{"mfa", func(before, after authcore.Account, _ notice.Undo) bool {
		return before.MFAEnabled() != after.MFAEnabled()
	}},
	{"connection", func(_, _ authcore.Account, u notice.Undo) bool { return u.Connections != nil }},
	{"notifications", func(before, after authcore.Account, _ notice.Undo) bool {
		return !slices.Equal(before.Muted, after.Muted)
	}},
	{"deletion", func(before, _ authcore.Account, _ notice.Undo) bool { return !before.DeletesAt.IsZero() }},
}

// Kinds returns everything that can be taken back.
func Kinds() []Kind {
	kinds := make([]Kind, len(undoes))
	for i, u := range undoes {
		kinds[i] = u.kind
	}
	return kinds
}

// undone returns what differs between the account as it was found and as it is now.
func undone(before, after authcore.Account, u notice.Undo) []Kind {
	kinds := []Kind{}
	for _, x := range undoes {
		if x.done(before, after, u) {
			kinds = append(kinds, x.kind)
		}
	}
	return kinds
}
