package gateway

import (
	"context"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/wayin"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// wireFederated makes the way in by identity providers.
func (f *Flows) wireFederated(cfg Config) (err error) {
	s := cfg.Settings
	f.Federated, err = federated.New(federated.Config{Store: cfg.Store, Transit: cfg.Store, Providers: s.Providers, Steps: f.Steps,
		SignUp: signup.NewConnected(f.SignUp), Challenges: f.Challenges, Notices: f.Notices, Sealer: cfg.Sealer, Key: macKey(cfg.Ring, "social token"),
		Admins: s.Admins, Fields: s.UserFields, Locales: httpauth.Languages(), WayIn: factor.WaysIn{Factors: f.Factors}.Unconnected,
		RequireVerified: s.requireVerified, Trace: cfg.Traces.SignIn, Told: cfg.Traces.Provider, Now: cfg.Now})
	if err != nil {
		return err
	}
	f.Consents, err = federated.NewConsents(federated.ConsentsConfig{Store: cfg.Store, Providers: s.Providers, Sealer: cfg.Sealer, Notices: f.Notices, Now: cfg.Now})
	return err
}

// connected returns a connection by which somebody at a provider of the configuration signs in to the account; zero for none.
func (f *Flows) connected(ctx context.Context, account uuid.UUID) (uuid.UUID, error) {
	return f.Federated.Connected(ctx, account)
}

// WaysIn are the ways to sign in that are on.
func (s Settings) WaysIn() wayin.Ways {
	w := wayin.Ways{Password: !s.NoPassword, Code: s.Ways.Code, Link: s.Ways.Link, Passkey: !s.PasskeysSecond, Identities: s.Identities}
	if s.Numbers.Texts {
		w.Texts = s.Numbers.Reaches
	}
	return w
}
