package httpapi

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
)

// contactCalls change the address and the number of who is signed in.
type contactCalls struct{ contacts *contact.Flow }

func (c *contactCalls) routes() []route {
	return []route{{
		method: http.MethodDelete, path: "/me/phone", tag: tagAccount, summary: "Remove your phone number",
		text: "Clears the number of the account.",
		does: authenticatedWith(c.removePhone), fresh: true, optional: true,
		replies: []reply{{http.StatusOK, "The account as it is now.", user{}}},
	}}
}

// removalBody is that of a removal.
type removalBody struct{ freshProof }

func (c *contactCalls) removePhone(x *call, _ removalBody) error {
	account, err := c.contacts.RemovePhone(x.r.Context(), x.who.AccountID, x.in.Client)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, userOf(account, x.now()))
}
