package dialect_test

import (
	"context"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// state is what becomes of a caller, or how the call is made then.
type state string

const (
	fine     state = "fine"
	stale    state = "signed in a while ago"
	proved   state = "signed in a while ago, with the password"
	unproven state = "address not proven"
	owed     state = "2FA owed"
	both     state = "2FA owed, with password and code"
	miscoded state = "2FA owed, with password and wrong code"
	locked   state = "locked"
	guessed  state = "after guesses by the call"
	disabled state = "disabled"
	deleted  state = "deleted"
	asked    state = "2FA required of the role"
	dead     state = "session ended"
	from     state = "address blocked"
	outcast  state = "person blocked"
)

// states are all of them, with what they do.
var states = map[state]func(t testing.TB, d *gatedDialect, p *caller){
	fine:   func(testing.TB, *gatedDialect, *caller) {},
	stale:  comesBack,
	proved: comesBack,
	unproven: func(t testing.TB, d *gatedDialect, _ *caller) {
		d.mode = signup.Verified
		t.Cleanup(func() { d.mode = signup.Open })
	},
	owed:    addsApp,
	both:    addsApp,
	guessed: func(testing.TB, *gatedDialect, *caller) {},
	locked: func(t testing.TB, _ *gatedDialect, p *caller) {
		for range failures {
			if _, err := p.TrySignIn(t, p.name, "not the password"); authcore.CodeOf(err) != authcore.InvalidCredentials {
				t.Fatal(err)
			}
		}
	},
	disabled: func(t testing.TB, _ *gatedDialect, p *caller) {
		if _, err := p.Store.ChangeDisabled(t.Context(), authcore.Disabling{AccountID: p.account.ID, Disable: true, Now: p.Clock.Now()}); err != nil {
			t.Fatal(err)
		}
	},
	deleted: func(t testing.TB, _ *gatedDialect, p *caller) {
		if err := p.Closure.DeleteForAdmin(t.Context(), p.account.ID, testflow.Client()); err != nil {
			t.Fatal(err)
		}
	},
	asked: func(t testing.TB, d *gatedDialect, p *caller) {
		if _, err := p.Store.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: p.account.ID, Add: []string{secured}, Now: p.Clock.Now()}); err != nil {
			t.Fatal(err)
		}
		d.renew(t, p)
	},
	dead: func(t testing.TB, _ *gatedDialect, p *caller) {
		if _, err := p.Sessions.Revoke(t.Context(), p.account.ID, nil, true, testflow.Client()); err != nil {
			t.Fatal(err)
		}
	},
	from: func(t testing.TB, _ *gatedDialect, p *caller) {
		p.blocked(t, block.IP, testflow.Client().Addr.String())
	},
	outcast: func(t testing.TB, _ *gatedDialect, p *caller) { p.blocked(t, block.Username, p.name) },
}

// blocked adds a rule against signing up, signing in and being sent anything, until the test is over.
func (p *caller) blocked(t testing.TB, kind block.Kind, pattern string) {
	t.Helper()
	rule, err := p.BlockRules.Add(t.Context(), block.AddInput{Kind: string(kind), Pattern: pattern, For: []string{string(block.SignUp), string(block.Login), string(block.Send)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.BlockRules.Remove(context.Background(), rule.ID, p.account.ID, testflow.Client()); err != nil {
			t.Error(err)
		}
	})
}

// like says which states are as others where a call has not said more.
var like = map[state]state{deleted: disabled, asked: owed}

// secured is a role of which a second factor is required.
const secured = "staff"

func comesBack(t testing.TB, d *gatedDialect, p *caller) {
	t.Helper()
	p.Clock.Advance(11 * time.Minute) // fresh_for is ten
	d.renew(t, p)
}

func addsApp(t testing.TB, d *gatedDialect, p *caller) {
	t.Helper()
	added, err := p.Factors.Add(t.Context(), factor.AddInput{SignIn: p.Mailed(), AccountID: p.account.ID, Type: authcore.FactorTOTP, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	p.seed = added.Seed
	in := factor.ConfirmInput{AccountID: p.account.ID, FactorID: added.Factor.ID, Code: p.code(t), Enable: true, Client: testflow.Client()}
	if _, err := p.Factors.Confirm(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	d.renew(t, p)
}
