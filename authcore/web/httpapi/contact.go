package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
)

// contactCalls change the address and the number of who is signed in.
type contactCalls struct{ contacts *contact.Flow }

func (c *contactCalls) routes() []route {
	changed := []reply{{http.StatusOK, "The account as it is now.", user{}}}
	return []route{{
		method: http.MethodPost, path: "/me/email", tag: tagAccount, summary: "Change your e-mail address",
		text: "Sends a code and a link to the address. Nothing changes until it is confirmed; a later request replaces this one. " +
			"The answer does not reveal whether the address belongs to another account. Asked again within the pause between two mails, it sends nothing.",
		limit: authcore.LimitVerify, does: authenticatedWith(c.requestEmail), fresh: true,
		replies: []reply{{http.StatusAccepted, "A code is on its way.", claimSent{}}}, refuses: []authcore.Code{authcore.InvalidFields},
	}, {
		method: http.MethodPost, path: "/me/email/confirm", tag: tagAccount, summary: "Confirm your new e-mail address",
		text:  "Takes the code, or the token of the link, from the account that asked for it. The former address gets a mail that can undo it.",
		limit: authcore.LimitVerify, does: authenticatedWith(c.confirmEmail),
		replies: changed, refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidCode, authcore.TooManyAttempts},
	}, {
		method: http.MethodDelete, path: "/me/email", tag: tagAccount, summary: "Remove your e-mail address",
		text: "Also drops an address that waits to be confirmed.",
		does: authenticatedWith(c.removeEmail), fresh: true, optional: true,
		replies: changed, refuses: []authcore.Code{authcore.LastWayIn},
	}, {
		method: http.MethodPost, path: "/me/phone", tag: tagAccount, summary: "Change your phone number",
		text:  "Sends a code to the number by SMS. Nothing changes until it is confirmed; a later request replaces this one.",
		limit: authcore.LimitVerify, does: authenticatedWith(c.requestPhone), fresh: true,
		replies: []reply{{http.StatusAccepted, "A code is on its way.", claimSent{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.NotFound, authcore.RateLimited},
	}, {
		method: http.MethodPost, path: "/me/phone/confirm", tag: tagAccount, summary: "Confirm your new phone number",
		text: "Takes the code from the account that asked for it. A number of another account moves to this one, unless it is that account's only " +
			"way to sign in.",
		limit: authcore.LimitVerify, does: authenticatedWith(c.confirmPhone),
		replies: changed, refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidCode, authcore.TooManyAttempts, authcore.Conflict},
	}, {
		method: http.MethodDelete, path: "/me/phone", tag: tagAccount, summary: "Remove your phone number",
		text: "Also drops a number that waits to be confirmed.",
		does: authenticatedWith(c.removePhone), fresh: true, optional: true,
		replies: changed, refuses: []authcore.Code{authcore.LastWayIn},
	}}
}

// claimSent says that a code is under way.
type claimSent struct {
	Status    string           `json:"status" enum:"verification_sent"`
	Channel   authcore.Channel `json:"channel" enum:"email,phone"`
	ExpiresIn int64            `json:"expires_in" doc:"Seconds until the code expires."`
}

type emailBody struct {
	Email string `json:"email" minLength:"1" maxLength:"254" example:"ada@example.com"`
	FreshProof
}

func (c *contactCalls) requestEmail(x *call, body emailBody) error {
	life, err := c.contacts.RequestEmail(x.r.Context(), x.who.AccountID, body.Email, x.in.Client)
	return x.claimSent(authcore.ByEmail, life, err)
}

func (x *call) claimSent(by authcore.Channel, life time.Duration, err error) error {
	if err != nil {
		return err
	}
	return x.answer(http.StatusAccepted, claimSent{"verification_sent", by, seconds(life)})
}

// claimProof is what proves a claim.
type claimProof struct {
	Token string `json:"token,omitempty" doc:"The token in the link."`
	OTP   string `json:"otp,omitempty" doc:"The code." example:"123456"`
}

// TransformSchema implements [huma.SchemaTransformer].
func (claimProof) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return eitherOf(s, []string{"token"}, []string{"otp"})
}

func (c *contactCalls) confirmEmail(x *call, body claimProof) error {
	return x.answerChange(c.contacts.ConfirmEmail(x.r.Context(), contact.ConfirmInput{
		AccountID: x.who.AccountID, Token: body.Token, OTP: body.OTP, Client: x.in.Client,
	}))
}

type phoneBody struct {
	Phone string `json:"phone" minLength:"1" maxLength:"32" example:"+442079460018"`
	FreshProof
}

func (c *contactCalls) requestPhone(x *call, body phoneBody) error {
	life, err := c.contacts.RequestPhone(x.r.Context(), x.who.AccountID, body.Phone, x.in.Client)
	return x.claimSent(authcore.BySMS, life, err)
}

func (c *contactCalls) confirmPhone(x *call, body claimProof) error {
	return x.answerChange(c.contacts.ConfirmPhone(x.r.Context(), contact.ConfirmInput{
		AccountID: x.who.AccountID, Token: body.Token, OTP: body.OTP, Client: x.in.Client,
	}))
}

// removalBody is that of a removal.
type removalBody struct{ FreshProof }

func (c *contactCalls) removeEmail(x *call, _ removalBody) error {
	return x.removal(c.contacts.RemoveEmail)
}

func (c *contactCalls) removePhone(x *call, _ removalBody) error {
	return x.removal(c.contacts.RemovePhone)
}

func (x *call) removal(remove func(context.Context, uuid.UUID, authcore.Client) (authcore.Account, error)) error {
	return x.answerChange(remove(x.r.Context(), x.who.AccountID, x.in.Client))
}

// answerChange answers with the account as it is after a change.
func (x *call) answerChange(account authcore.Account, err error) error {
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, x.userOf(account))
}
