package httpapi

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/export"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// exportCalls tell people what is kept about them.
type exportCalls struct{ export *export.Flow }

func (c *exportCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/me/export", tag: tagAccount, summary: "Export everything kept about you",
		text: "Answers a JSON object to be saved: the account, its sessions, devices, events, invitations, pictures and what else is kept about its " +
			"owner. It has no secret: no password, code or token.",
		limit: authcore.LimitExport, does: authenticatedWith(c.send), fresh: true, optional: true,
		replies: []reply{{http.StatusOK, "Everything that is kept.", map[string]any{}}},
	}}
}

// exportBody is that of an export.
type exportBody struct{ FreshProof }

func (c *exportCalls) send(x *call, _ exportBody) error {
	text, err := c.export.Export(x.r.Context(), x.who.AccountID, x.in.Client)
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Disposition", `attachment; filename="account.json"`)
	httpauth.WriteBody(x.w, x.r, http.StatusOK, "application/json", text)
	return nil
}
