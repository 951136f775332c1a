package signup

import (
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// pretend returns what a sign-up answers, and makes and sends nothing: a program that has fallen into a honey trap does not learn of it.
func pretend(f *Flow, a application, to target, i authcore.Invitation) Registered {
	invited := i.Address != ""
	if !invited && f.Mode() != Open {
		return f.registered(to)
	}
	account, now := a.account(), f.now()
	account.ID, account.CreatedAt, account.UpdatedAt = uuid.New(), now, now
	if a.password != "" {
		account.PasswordHash = "none" // that there is one is shown
	}
	done := Registered{Channel: to.channel}
	switch {
	case invited && i.Channel == authcore.BySMS:
		account.PhoneVerifiedAt = now
		f.cfg.Settings.setAside(&account, authcore.BySMS, now)
	case invited:
		account.EmailVerifiedAt = now
		f.cfg.Settings.setAside(&account, authcore.ByEmail, now)
	case f.cfg.Settings.Deferred:
		f.cfg.Settings.defers(&account)
	case to.address != "" && f.cfg.Settings.unique(to.kind()):
		done = f.registered(to)
	}
	done.Account = &account
	return done
}

// errTrapped refuses a sign-up that would sign in at once, where nothing can be pretended. It is what whom a rule keeps out is told.
func errTrapped() error { return authcore.Refuse(authcore.Blocked, "This is not possible here.") }
