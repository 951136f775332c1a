package httpapi

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/credential"
)

// credentialCalls change how the account that makes the request signs in.
type credentialCalls struct {
	credential *credential.Flow
	door       *Door
}

func (c *credentialCalls) mount(to routes) {
	to.add(http.MethodPost, "/me/password", authcore.LimitLogin, c.password)
}

// password ends every session, the one that asks included; a browser is told to forget its cookies.
func (c *credentialCalls) password(w http.ResponseWriter, r *http.Request, in Incoming) error {
	p, err := c.door.Enter(w, r, in)
	if err != nil {
		return err
	}
	var body struct {
		Current string `json:"current_password"`
		New     string `json:"new_password"`
	}
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	err = c.credential.Change(r.Context(), credential.Changing{
		AccountID: p.AccountID, Current: body.Current, New: body.New, Client: in.Client,
	})
	if err != nil {
		return err
	}
	forgetCookies(w, in, p)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
