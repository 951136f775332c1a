package passwordless

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// Login is whom somebody says to be, as it was typed: one of the three.
type Login struct {
	Login        string // an address, a number or a username
	Email, Phone string
}

// read returns what may be meant, the likelier first. Any text is taken as a login. Refusals: [authcore.InvalidRequest] for several,
// [authcore.InvalidFields] for none and for what is no address or number, [authcore.NotFound] for a number where no SMS are sent.
func (f *Flow) read(in Login) ([]authcore.Identifier, error) {
	var broken authcore.FieldErrors
	given := 0
	for _, s := range []string{in.Login, in.Email, in.Phone} {
		if s != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return nil, authcore.Refuse(authcore.InvalidRequest, "Send one of login, email and phone.")
	case in.Email != "":
		address, err := identifier.Email(in.Email)
		broken.AddError("email", err)
		return []authcore.Identifier{{Kind: authcore.KindEmail, Value: address}}, broken.Refusal()
	case in.Phone != "" && !f.SMS():
		return nil, authcore.Refuse(authcore.NotFound, "No codes are sent to numbers here.")
	case in.Phone != "":
		// Any number: one that is not taken is answered like one that is, and gets nothing.
		number, err := identifier.Numbers{Region: f.cfg.Numbers.Region}.Read(in.Phone)
		broken.AddError("phone", err)
		return []authcore.Identifier{{Kind: authcore.KindPhone, Value: number}}, broken.Refusal()
	case strings.TrimSpace(in.Login) == "":
		return nil, authcore.RefuseField("login", authcore.LoginRequired)
	}
	return f.cfg.Numbers.Logins(in.Login), nil
}

// subject is whom a login means, in the terms of a challenge.
type subject struct {
	name    string            // of the challenge
	by      authcore.Channel  // how the code goes out, by what was asked for: the same for known and unknown
	counted string            // whose mails or SMS are counted
	account *authcore.Account // nil: there is none that signs in by a code
	to      challenge.Recipient
	// newcomer: there is no account, and who proves the address or number gets one.
	newcomer bool
}

// find makes the same look-ups for every login of a kind. One that means nobody has a name of its own, which no account has.
func (f *Flow) find(ctx context.Context, ids []authcore.Identifier, w welcome) (subject, error) {
	who := subject{name: "unknown:none", by: authcore.ByEmail, counted: "none:"}
	var newcomer *subject
	for _, id := range ids {
		var err error
		if who, err = f.findBy(ctx, id, w); err != nil || who.account != nil {
			return who, err
		}
		if who.newcomer && newcomer == nil {
			known := who
			newcomer = &known
		}
	}
	if newcomer != nil {
		return *newcomer, nil
	}
	return who, nil
}

func (f *Flow) findBy(ctx context.Context, id authcore.Identifier, w welcome) (subject, error) {
	none := subject{name: "unknown:" + identifier.Key(id), by: authcore.ByEmail, counted: identifier.Key(id)}
	switch id.Kind {
	case authcore.KindEmail:
		none.counted = id.Value
	case authcore.KindPhone:
		none.by, none.counted = authcore.BySMS, id.Value
	}
	if !slices.Contains(f.cfg.Identities, id.Kind) {
		return none, nil
	}
	a, err := f.cfg.Store.AccountByIdentifier(ctx, id)
	if errors.Is(err, authcore.ErrNotFound) {
		return f.asNewcomer(none, id, nil, w), nil
	}
	if err != nil {
		return subject{}, fmt.Errorf("find account: %w", err)
	}
	to, ok := f.reaches(id.Kind, a)
	if !ok {
		return f.asNewcomer(none, id, &a, w), nil
	}
	known := subject{name: identifier.AccountKey(a.ID), by: none.by, counted: to.Address, account: &a, to: to}
	if to.Channel == authcore.BySMS {
		known.name += byNumber
	}
	return known, nil
}

// asNewcomer makes of nobody somebody who gets an account by a code, where that may be. found is the account that has only claimed the
// address or number, nil for none.
func (f *Flow) asNewcomer(none subject, id authcore.Identifier, found *authcore.Account, w welcome) subject {
	by := authcore.ByEmail
	if id.Kind == authcore.KindPhone {
		by = authcore.BySMS
	}
	if !w.anybody || by == authcore.BySMS && !f.SMS() || !f.cfg.ByCode.Awaits(id, found, w.invitation) {
		return none
	}
	none.newcomer, none.to = true, challenge.Recipient{Channel: by, Address: id.Value}
	return none
}

// byNumber ends the subject of a code that goes by SMS: its budget is not that of the mailed ones.
const byNumber = " phone"

// reaches returns where the code goes for an account that somebody names by an identifier of a kind: to the address or number named, or for
// a username to the address, else the number, that is verified or set by an administrator. What anybody has only claimed may be a stranger's, and
// signs nobody in.
func (f *Flow) reaches(kind authcore.IdentifierKind, a authcore.Account) (to challenge.Recipient, ok bool) {
	switch {
	case a.Disabled():
		return to, false
	case a.TakesCodes(authcore.ByEmail) && kind != authcore.KindPhone:
		to = challenge.Recipient{Channel: authcore.ByEmail, Address: a.Email, Lang: a.Locale}
		if a.EmailVerified() {
			to.Name = a.Name()
		}
		return to, true
	case a.TakesCodes(authcore.BySMS) && kind != authcore.KindEmail && f.cfg.Ways.Code:
		return challenge.Recipient{Channel: authcore.BySMS, Address: a.Phone, Lang: a.Locale}, true
	}
	return to, false
}
