package gateway

import (
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
)

// SignUpAs returns a flow to sign up by other settings, for a dialect that has its own.
func (f *Flows) SignUpAs(change func(*signup.Settings)) (*signup.Flow, error) {
	cfg := f.signUp
	change(&cfg.Settings)
	return signup.New(cfg)
}

// CodesAs returns a flow to sign in by codes, for a dialect: newcomers says whether who is new gets one. Who is invited does.
func (f *Flows) CodesAs(newcomers bool) (*passwordless.Flow, error) {
	cfg := f.codes
	cfg.Newcomers, cfg.Invited = newcomers, invite.ByDialect{Flow: f.Invite}.Bound
	cfg.Ways = passwordless.Ways{Code: cfg.Ways.Code}
	return passwordless.New(cfg)
}
