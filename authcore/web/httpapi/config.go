package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// Offer is what a gateway offers to people who sign up and in, as far as anybody may know it: `GET /config` (contract §6.7). Every
// list holds only what works.
type Offer struct {
	Signup      signup.Mode               `json:"signup" enum:"verified,open,invite,closed"`
	Identities  []authcore.IdentifierKind `json:"identities" doc:"The fields that sign in."`
	SignIn      []string                  `json:"sign_in" enum:"password,code,link,passkey" doc:"The ways to sign in."`
	Providers   []OfferedProvider         `json:"providers"`
	Factors     []string                  `json:"factors" doc:"The kinds of second factor that can be added."`
	MFA         string                    `json:"mfa" enum:"optional,required"`
	Password    OfferedPassword           `json:"password"`
	OTP         OfferedCode               `json:"otp"`
	UserFields  []OfferedField            `json:"user_fields"`
	Invitations string                    `json:"invitations" enum:"admins,users,role" doc:"Who may invite."`
	Locales     []string                  `json:"locales" doc:"The languages of pages and mails."`
}

// OfferedProvider is an identity provider that people can sign in with.
type OfferedProvider struct {
	Name     string `json:"name"`
	Title    string `json:"title" doc:"The text of its button."`
	StartURL string `json:"start_url" doc:"Where a browser begins; add rd for where to go afterwards."`
}

// OfferedPassword is the length that a new password must have, in characters.
type OfferedPassword struct {
	MinLength int `json:"min_length"`
	MaxLength int `json:"max_length"`
}

// OfferedCode is what one-time codes look like.
type OfferedCode struct {
	Length int `json:"length" doc:"Digits of a code."`
}

// OfferedField is a field that the operator has added to accounts.
type OfferedField struct {
	Name     string   `json:"name"`
	Type     string   `json:"type" enum:"text,integer,boolean,date,url,choice"`
	Required bool     `json:"required"`
	Values   []string `json:"values" doc:"What a choice can be; empty for other types."`
}

// offerCalls tell apps what they can ask for.
type offerCalls struct {
	offer     Offer
	signUp    *signup.Flow
	factors   *factor.Factors
	providers *federated.Flow
}

func (c *offerCalls) routes() []route {
	return []route{{
		method: http.MethodGet, path: "/config", tag: tagSignUp, summary: "Show what can be used",
		text:    "Tells an app which fields, ways to sign in and languages this gateway has, so that it can build its own forms.",
		does:    anonymous(c.show),
		replies: []reply{{http.StatusOK, "What the gateway offers.", Offer{}}},
	}}
}

func (c *offerCalls) show(x *call) error {
	text, err := json.Marshal(c.at(x.in.Client))
	if err != nil {
		return err
	}
	x.w.Header().Set("Cache-Control", "public, max-age=60")
	httpauth.WriteBody(x.w, x.r, http.StatusOK, "application/json", text)
	return nil
}

// at is what is offered at an issuer: one whose host is an address has no passkeys and no security keys.
func (c *offerCalls) at(client authcore.Client) Offer {
	o, possible := c.offer, factor.At(c.factors, client.Issuer).Offered()
	cannot := func(name string) bool {
		t := authcore.FactorType(name)
		return slices.Contains(c.factors.Offered(), t) && !slices.Contains(possible, t)
	}
	o.Factors = slices.DeleteFunc(slices.Clone(o.Factors), cannot)
	o.SignIn = slices.DeleteFunc(slices.Clone(o.SignIn), cannot)
	o.Signup, o.Password.MinLength = c.signUp.Mode(), c.signUp.MinPassword()
	o.Providers = []OfferedProvider{}
	for _, p := range c.providers.Offered() {
		o.Providers = append(o.Providers, OfferedProvider{Name: p.Name, Title: p.Title, StartURL: client.Portal + "/social/" + p.Name + "/start"})
	}
	return o
}
