package admin

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// Ways tell what a change leaves of the ways into an account.
type Ways interface {
	// Left returns what would be left of them, of the account as it would be.
	Left(ctx context.Context, after authcore.Account) (factor.WayLeft, error)
}

// wanted is what an edit writes, normalised.
type wanted struct {
	profile      authcore.ProfileChange
	email, phone *string // nil: stays
}

// after returns the account as it would be known.
func (w wanted) after(a authcore.Account) authcore.Account {
	if w.profile.Username != nil {
		a.Username = *w.profile.Username
	}
	if w.email != nil && *w.email != a.Email {
		a.Email, a.EmailVerifiedAt, a.EmailVerifiedBy = *w.email, noTime, ""
	}
	if w.phone != nil && *w.phone != a.Phone {
		a.Phone, a.PhoneVerifiedAt = *w.phone, noTime
	}
	return a
}

// contacts are the addresses and numbers that an edit puts in place of those of an account.
type contacts struct {
	before authcore.ManagedAccount // as it was when the rest was made
	set    []authcore.ContactSet
	left   authcore.LastWay
}

// errMoved: the account has changed since its notices were written. It is looked at again.
var errMoved = errors.New("the account has changed meanwhile")

// fits reports whether what was made of an account is still true of it.
func (c contacts) fits(now authcore.ManagedAccount) bool {
	was := c.before
	return len(c.set) == 0 && c.left == (authcore.LastWay{}) ||
		now.Email == was.Email && now.EmailVerifiedAt.Equal(was.EmailVerifiedAt) && now.Phone == was.Phone && now.PhoneVerifiedAt.Equal(was.PhoneVerifiedAt) &&
			now.Username == was.Username && (now.PasswordHash == "") == (was.PasswordHash == "") && slices.Equal(now.Roles, was.Roles)
}

// contacts decides what becomes of the address and number of an account, and writes to its owner. An administrator's are the operator's
// alone to change: else one administrator takes the account of another by it.
func (u *Users) contacts(ctx context.Context, actor uuid.UUID, before authcore.ManagedAccount, w wanted, client authcore.Client) (c contacts, err error) {
	c.before = before
	after := w.after(before.Account)
	if err := stillNamed(before, after, w); err != nil {
		return c, err
	}
	if c.left, err = u.keepsWay(ctx, before.Account, after); err != nil {
		return c, err
	}
	if after.Email == before.Email && after.Phone == before.Phone {
		return c, nil
	}
	if actor != uuid.Nil && u.cfg.Admins.Administers(before.Account) {
		return c, errAdminsContact()
	}
	for _, x := range []struct {
		kind          authcore.IdentifierKind
		former, value string
		event         authcore.EventKind
		tells         authcore.MailKind
		undo          notice.Undo
	}{
		{authcore.KindEmail, before.Email, after.Email, authcore.EventEmailChanged, authcore.MailEmailChanged, notice.Undo{Email: notice.FormerEmail(before.Account)}},
		{authcore.KindPhone, before.Phone, after.Phone, authcore.EventPhoneChanged, authcore.MailPhoneChanged, notice.Undo{Phone: notice.FormerPhone(before.Account)}},
	} {
		if x.value == x.former {
			continue
		}
		set := authcore.ContactSet{Kind: x.kind, Value: x.value, Unique: slices.Contains(u.cfg.Identities, x.kind)}
		event := toldBy(ctx, audit.Event(x.event, before.ID, authcore.Client{}, u.cfg.Now.Now()))
		set.Effects.Events = []authcore.Event{event}
		n := notice.Notice{Kind: x.tells, Event: event, Account: before.Account, Undo: x.undo, Client: client}
		if err := u.cfg.Notices.Security(ctx, &set.Effects, n); err != nil {
			return c, err
		}
		if x.kind == authcore.KindEmail && x.value != "" { // its reader may be anybody: no name stands there
			if err := u.cfg.Notices.Tell(&set.Effects, n, challenge.Recipient{Address: x.value}); err != nil {
				return c, err
			}
		}
		c.set = append(c.set, set)
	}
	return c, nil
}

// stillNamed refuses an edit that leaves an account without a name, or gives a service what it has none of.
func stillNamed(before authcore.ManagedAccount, after authcore.Account, w wanted) error {
	var broken authcore.FieldErrors
	if before.Kind == authcore.KindService {
		if after.Email != "" {
			broken.Add("email", authcore.NotForServices)
		}
		if after.Phone != "" && after.Phone != before.Phone {
			broken.Add("phone", authcore.NotForServices)
		}
		if after.Username == "" {
			broken.Add("username", authcore.Required)
		}
		return broken.Refusal()
	}
	if after.Email == "" && after.Username == "" && after.Phone == "" {
		field := "username"
		if w.email != nil && before.Email != "" {
			field = "email"
		}
		broken.Add(field, authcore.Required)
	}
	return broken.Refusal()
}

// keepsWay returns what alone an edit leaves to sign in by, where it removes a name, and refuses one that leaves nothing of what there was.
func (u *Users) keepsWay(ctx context.Context, before, after authcore.Account) (last authcore.LastWay, err error) {
	removes := before.Email != "" && after.Email == "" || before.Phone != "" && after.Phone == ""
	if !removes {
		return last, nil
	}
	had, err := u.cfg.Ways.Left(ctx, before)
	if err != nil || had.None {
		return last, err
	}
	left, err := u.cfg.Ways.Left(ctx, after)
	if err == nil && left.None {
		err = authcore.Refuse(authcore.LastWayIn, "Without this the owner could not sign in any more. Set a username or another address first.")
	}
	return left.LastWay, err
}

func errAdminsContact() error {
	return authcore.Refuse(authcore.Forbidden, "Whoever runs the gateway alone changes the address or number of an administrator, by the command `gatehouse user update`.")
}
