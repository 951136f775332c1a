package httpapi

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
)

// closureCalls are how people leave.
type closureCalls struct{ closure *closure.Flow }

func (c *closureCalls) routes() []route {
	return []route{{
		method: http.MethodDelete, path: "/me", tag: tagAccount, summary: "Delete your account",
		text: "Deletes the account and everything that is kept about its owner. Every session ends, including the one that sends this request, and a " +
			"browser's cookies are cleared. The username is never given away again; whoever verifies the address later gets a new account.",
		does: authenticatedWith(c.delete), fresh: true, optional: true,
		replies: []reply{{http.StatusNoContent, "The account has been deleted.", nil}},
		refuses: []authcore.Code{authcore.LastAdmin},
	}}
}

// deletionBody is that of a deletion.
type deletionBody struct{ freshProof }

func (c *closureCalls) delete(x *call, _ deletionBody) error {
	if err := c.closure.Delete(x.r.Context(), x.who.AccountID, x.in.Client); err != nil {
		return err
	}
	x.forgetCookies()
	return x.done()
}
