package httpapi

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
)

// freshGate is what a fresh call asks: [fresh.Gate].
type freshGate interface {
	Check(ctx context.Context, who *authcore.Principal, p fresh.Proof, c authcore.Client) error
}

// FreshProof is embedded in the body of every fresh call: what may be sent where the sign-in is not recent enough. Like all that bodies
// embed it is exported, for else the OpenAPI document leaves its members out.
type FreshProof struct {
	Password string `json:"password,omitempty" doc:"Your password. Needed if your sign-in is not recent enough, and checked whenever it is sent."`
	OTP      string `json:"otp,omitempty" doc:"With password: a code of your authenticator app, or a recovery code. Ignored where a sign-in asks for no second factor." example:"123456"`
}

func (p FreshProof) proof() fresh.Proof { return fresh.Proof{Password: p.Password, OTP: p.OTP} }

// proves is a body with a FreshProof.
type proves interface{ proof() fresh.Proof }

// freshCodes are those that a fresh call can answer with besides its own.
var freshCodes = []authcore.Code{
	authcore.ReauthenticationRequired, authcore.MFARequired, authcore.InvalidCredentials, authcore.InvalidCode, authcore.TooManyAttempts,
}

// checkFresh refuses a call whose sender is not the account's owner at this moment.
func (a *API) checkFresh(x *call, body any) error {
	return a.fresh.Check(x.r.Context(), x.who, body.(proves).proof(), x.in.Client)
}
