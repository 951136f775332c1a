package secondstep

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// offers are factors of which only the types that are offered are asked for.
type offers struct {
	Factors
	types []authcore.FactorType
}

func (o offers) Offered() []authcore.FactorType { return o.types }

const (
	email, sms, totp, recovery = authcore.FactorEmail, authcore.FactorSMS, authcore.FactorTOTP, authcore.FactorRecovery
)

// person is an account as the table has it: "p" has a password, "e" a proven address, "n" a proven number, "m" second factors on.
func person(has string, by authcore.Channel) authcore.Account {
	a := authcore.Account{ID: uuid.New(), PasswordBy: by}
	now := time.Now()
	for _, what := range has {
		switch what {
		case 'p':
			a.PasswordHash = "hash"
		case 'e':
			a.Email, a.EmailVerifiedAt = "ada@example.com", now
		case 'n':
			a.Phone, a.PhoneVerifiedAt = "+4930123456", now
		case 'm':
			a.MFAEnabledAt = now
		}
	}
	return a
}

// what is the text of what comes next: "done", or the methods, and the types to enrol after a "+".
func (n next) String() string {
	if n.done {
		return "done"
	}
	text := ""
	for i, m := range n.methods {
		if i > 0 {
			text += " "
		}
		text += m.Method
	}
	for _, t := range n.enrol {
		text += " +" + string(t)
	}
	return text
}

type types = []authcore.FactorType

// Contract §8.2 and §8.3 by the line. The default offer is totp, email and recovery.
func TestNext(t *testing.T) {
	t.Parallel()
	def := types{totp, email, recovery}
	for _, c := range []struct {
		has     string
		by      authcore.Channel
		own     types
		have    []string
		offered types
		want    string
	}{
		// Two kinds: what the first step used is not offered again.
		{"pem", "", types{email, totp}, []string{"pwd"}, def, "totp email"},
		{"pem", "", types{email, totp, recovery}, []string{"email"}, def, "totp recovery"},
		{"pem", "", types{email, totp}, []string{"pwd", "otp"}, def, "done"},
		{"pem", "", types{email}, []string{"pwd", "email"}, def, "done"},
		{"pem", "", types{totp, recovery}, []string{"pwd", "recovery"}, def, "done"},
		{"pem", "", types{totp}, []string{"mfa", "hwk"}, def, "done"},
		// A passkey without user verification is one kind.
		{"pem", "", types{totp}, []string{"hwk"}, def, "totp"},
		// A kind that is none of the account's factors is no second factor.
		{"pem", "", types{totp}, []string{"pwd", "email"}, def, "totp"},
		// Who came by code and has only an e-mail factor is asked for the password.
		{"pem", "", types{email, recovery}, []string{"email"}, def, "password recovery"},
		{"pem", "", types{email}, []string{"email", "pwd"}, def, "done"},
		// A password of a reset counts as the channel that carried it, which is not offered; recovery codes are.
		{"pem", authcore.ByEmail, types{email, recovery}, []string{"pwd"}, def, "recovery"},
		{"pem", authcore.ByEmail, types{email, totp}, []string{"pwd"}, def, "totp"},
		{"pem", authcore.ByEmail, types{email}, []string{"pwd", "email"}, def, ""},
		{"pem", authcore.ByEmail, types{email}, []string{"email"}, def, ""},
		{"pem", authcore.ByEmail, types{email, recovery}, []string{"pwd", "recovery"}, def, "done"},
		{"pnm", authcore.BySMS, types{sms, totp}, []string{"pwd"}, types{totp, sms}, "totp"},
		{"penm", authcore.BySMS, types{sms, email}, []string{"pwd"}, types{email, sms}, "email"},
		// Required and without a factor: the code to the proven address first; where e-mail is a factor that suffices, else enrolment.
		{"pe", "", nil, []string{"pwd"}, def, "email"},
		{"pe", "", nil, []string{"pwd", "email"}, def, "done"},
		{"pe", "", nil, []string{"pwd"}, types{totp, recovery}, "email"},
		{"pe", "", nil, []string{"pwd", "email"}, types{totp, recovery}, " +totp"},
		// Who came by code to that address skips it, and goes on with the password where there is one, else with enrolment without email.
		{"pe", "", nil, []string{"email"}, def, "password"},
		{"pe", "", nil, []string{"email", "pwd"}, def, "done"},
		{"pe", "", nil, []string{"email", "pwd"}, types{totp}, " +totp"},
		{"e", "", nil, []string{"email"}, def, " +totp"},
		// With no proven address the number stands for it; with neither enrolment comes at once.
		{"pn", "", nil, []string{"pwd"}, def, "sms"},
		{"pn", "", nil, []string{"pwd", "sms"}, def, " +totp +email"},
		{"pn", "", nil, []string{"pwd", "sms"}, types{totp, sms}, "done"},
		{"p", "", nil, []string{"pwd"}, def, " +totp +email"},
		// The code to the address is no other kind than a password that was reset by it.
		{"pe", authcore.ByEmail, nil, []string{"pwd"}, def, "email"},
		{"pe", authcore.ByEmail, nil, []string{"pwd", "email"}, def, " +totp"},
		// Nothing else can be added: who has done what there is goes on, and is of one kind.
		{"pe", authcore.ByEmail, nil, []string{"pwd", "email"}, types{email}, "done"},
		// Not so where the owner has second factors on: the operator dropped the type, and recovery codes are left.
		{"pem", authcore.ByEmail, nil, []string{"pwd", "email"}, types{email}, ""},
		{"pem", "", types{recovery}, []string{"pwd"}, def, "email recovery"},
		// Step-up begins with nothing.
		{"pem", "", types{email, totp}, nil, def, "totp email"},
	} {
		name := fmt.Sprint(c.has, " ", c.by, " ", c.own, " ", c.have, " ", c.offered)
		f := &Flow{cfg: Config{Factors: offers{types: c.offered}, Texts: true}}
		var own []authcore.Factor
		for _, typ := range c.own {
			own = append(own, authcore.Factor{ID: uuid.New(), Type: typ, Left: 10})
		}
		if got := f.next(person(c.has, c.by), own, c.have).String(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A number that no code goes to any more stands for nothing: whoever has no address adds a factor at once, and is not asked for ever.
func TestNext_NumberWithoutSMS(t *testing.T) {
	t.Parallel()
	f := &Flow{cfg: Config{Factors: offers{types: types{totp, recovery}}}}
	if got := f.next(person("pn", ""), nil, []string{"pwd"}).String(); got != " +totp" {
		t.Errorf("asked for %q", got)
	}
}

func TestNext_PreferredFirst(t *testing.T) {
	t.Parallel()
	f := &Flow{cfg: Config{Factors: offers{types: types{totp, email, sms}}}}
	a := person("pem", "")
	a.MFAPreferred = email
	own := []authcore.Factor{{ID: uuid.New(), Type: totp}, {ID: uuid.New(), Type: email}}
	if got := f.next(a, own, []string{"pwd"}).String(); got != "email totp" {
		t.Errorf("offered are %q", got)
	}
}

func TestRequiredBy(t *testing.T) {
	t.Parallel()
	admin := authcore.Account{Roles: []string{"admin"}}
	own := authcore.Account{MFAEnabledAt: time.Now()}
	listed := authcore.Account{Email: "ops@example.com", EmailVerifiedAt: time.Now()}
	for _, c := range []struct {
		r    Requirement
		a    authcore.Account
		want string
	}{
		{Requirement{}, admin, ""}, {Requirement{}, own, "account"}, {Requirement{Everybody: true}, admin, "all"},
		{Requirement{Roles: []string{"ops", "admin"}}, admin, "role:admin"}, {Requirement{Roles: []string{"ops"}}, admin, ""},
		{Requirement{Roles: []string{"ops"}}, own, "account"},
		{Requirement{Roles: []string{"admin"}}, listed, "role:admin"}, // of the option admins
	} {
		f := &Flow{cfg: Config{Required: c.r, Admins: authcore.Admins{"ops@example.com"}}}
		if got := f.RequiredBy(c.a); got != c.want {
			t.Errorf("%+v asks %+v by %q, want %q", c.r, c.a, got, c.want)
		}
	}
}
