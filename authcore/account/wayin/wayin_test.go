package wayin_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/wayin"
)

func TestHas(t *testing.T) {
	t.Parallel()
	on := func(kinds ...authcore.IdentifierKind) wayin.Ways { return wayin.Ways{Identities: kinds} }
	with := func(w wayin.Ways, change func(*wayin.Ways)) wayin.Ways { change(&w); return w }
	email, username, phone := authcore.KindEmail, authcore.KindUsername, authcore.KindPhone
	password := func(w *wayin.Ways) { w.Password = true }
	code := func(w *wayin.Ways) { w.Code, w.Texts = true, func(n string) bool { return n != "+19" } }
	link := func(w *wayin.Ways) { w.Link, w.Texts = true, func(string) bool { return true } }
	passkey := func(w *wayin.Ways) { w.Passkey = true }
	now := time.Now()
	verified := authcore.Account{Email: "a@example.com", EmailVerifiedAt: now}
	claimed := authcore.Account{Email: "a@example.com"}
	named := authcore.Account{Username: "ada", Email: "a@example.com", EmailVerifiedAt: now}
	number := authcore.Account{Phone: "+491", PhoneVerifiedAt: now}
	hashed := authcore.Account{Username: "ada", PasswordHash: "x"}
	key := []authcore.Factor{{Type: authcore.FactorPasskey}}
	for name, c := range map[string]struct {
		ways     wayin.Ways
		account  authcore.Account
		counting []authcore.Factor
		want     bool
	}{
		"password and name":                   {with(on(username), password), hashed, nil, true},
		"password and no name":                {with(on(email), password), hashed, nil, false},
		"password where it is off":            {with(on(username), code), hashed, nil, false},
		"code to a verified address":          {with(on(email), code), verified, nil, true},
		"link to a verified address":          {with(on(email), link), verified, nil, true},
		"code to a claimed address":           {with(on(email), code), claimed, nil, false},
		"address that signs nobody in":        {with(on(phone), code), verified, nil, false},
		"username that leads to an address":   {with(on(username), code), named, nil, true},
		"username that leads nowhere":         {with(on(username), code), hashed, nil, false},
		"code to a number":                    {with(on(phone), code), number, nil, true},
		"no link to a number":                 {with(on(phone), link), number, nil, false},
		"number that nothing goes to":         {with(on(phone), code), authcore.Account{Phone: "+19", PhoneVerifiedAt: now}, nil, false},
		"no SMS":                              {with(on(phone), func(w *wayin.Ways) { w.Code = true }), number, nil, false},
		"passkey":                             {with(on(email), passkey), authcore.Account{}, key, true},
		"passkey where it is a second factor": {with(on(email), code), authcore.Account{}, key, false},
		"security key":                        {with(on(email), passkey), authcore.Account{}, []authcore.Factor{{Type: authcore.FactorSecurityKey}}, false},
	} {
		if got := c.ways.Has(c.account, c.counting); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestTwoKinds: who could never give two kinds of proof gets no second factor to be asked for.
func TestTwoKinds(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w := wayin.Ways{Password: true, Code: true, Texts: func(n string) bool { return n != "+19" }}
	of := func(types ...authcore.FactorType) (all []authcore.Factor) {
		for _, x := range types {
			all = append(all, authcore.Factor{Type: x})
		}
		return all
	}
	mailbox := authcore.Account{Email: "a@example.com", EmailVerifiedAt: now}
	number := authcore.Account{Phone: "+491", PhoneVerifiedAt: now}
	password := authcore.Account{PasswordHash: "x"}
	for name, c := range map[string]struct {
		account  authcore.Account
		counting []authcore.Factor
		want     bool
	}{
		"password and app":            {password, of(authcore.FactorTOTP), true},
		"password and recovery":       {password, of(authcore.FactorRecovery), false},
		"mailbox and app":             {mailbox, of(authcore.FactorTOTP), true},
		"mailbox twice":               {mailbox, of(authcore.FactorEmail), false},
		"number and app":              {number, of(authcore.FactorTOTP), true},
		"number twice":                {number, of(authcore.FactorSMS), false},
		"number that nothing goes to": {authcore.Account{Phone: "+19", PhoneVerifiedAt: now}, of(authcore.FactorTOTP), false},
		"app alone":                   {authcore.Account{}, of(authcore.FactorTOTP), false},
		"passkey alone":               {authcore.Account{}, of(authcore.FactorPasskey), true},
	} {
		if got := w.TwoKinds(c.account, c.counting); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	for want, w := range map[wayin.Passwords]wayin.Ways{
		wayin.PasswordsRequired: {Password: true, Passkey: true}, wayin.PasswordsOptional: {Password: true, Link: true}, wayin.PasswordsOff: {Code: true},
	} {
		if got := w.Passwords(); got != want {
			t.Errorf("%+v: %d, want %d", w, got, want)
		}
	}
}
