package httpapi

import (
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
)

// closureCalls are how people leave.
type closureCalls struct{ closure *closure.Flow }

func (c *closureCalls) routes() []route {
	return []route{{
		method: http.MethodDelete, path: "/me", tag: tagAccount, summary: "Delete your account",
		text: "Deletes the account and everything that is kept about its owner. Every session ends, including the one that sends this request, and a " +
			"browser's cookies are cleared. The username is never given away again; whoever verifies the address later gets a new account.\n\n" +
			"Where the operator has set a grace, the account is disabled until then, and the link of a mail takes the deletion back.",
		does: authenticatedWith(c.delete), fresh: true, optional: true,
		replies: []reply{{http.StatusNoContent, "The account has been deleted.", nil}, {http.StatusAccepted, "The account will be deleted.", scheduled{}}},
		refuses: []authcore.Code{authcore.LastAdmin},
	}, {
		method: http.MethodPost, path: "/restore", tag: tagAccount, summary: "Take back a deletion",
		text:  "Takes the token of the link in the mail about the deletion, until the account is deleted. It does not sign in.",
		limit: authcore.LimitSecure, does: anonymousWith(c.restore),
		replies: []reply{{http.StatusNoContent, "The account stays.", nil}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidCode},
	}}
}

// deletionBody is that of a deletion.
type deletionBody struct{ FreshProof }

func (c *closureCalls) delete(x *call, _ deletionBody) error {
	at, err := c.closure.Delete(x.r.Context(), x.who.AccountID, x.in.Client)
	if err != nil {
		return err
	}
	x.forgetCookies()
	if !at.IsZero() {
		return x.answer(http.StatusAccepted, scheduled{"deletion_scheduled", at})
	}
	return x.done()
}

// scheduled is the answer to a deletion that waits.
type scheduled struct {
	Status    string    `json:"status" enum:"deletion_scheduled"`
	DeletesAt time.Time `json:"deletes_at"`
}

type restoreBody struct {
	Token string `json:"token" minLength:"1" doc:"The token in the link of the mail."`
}

func (c *closureCalls) restore(x *call, body restoreBody) error {
	if err := required("token", body.Token); err != nil {
		return err
	}
	if err := c.closure.Restore(x.r.Context(), body.Token, x.in.Client); err != nil {
		return err
	}
	return x.done()
}
