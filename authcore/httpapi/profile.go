package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore/profile"
)

// profileCalls show and change the account that makes the request.
type profileCalls struct {
	profile *profile.Profiles
	door    *Door
}

func (c *profileCalls) mount(to routes) {
	to.add(http.MethodGet, "/me", "", c.get)
	to.add(http.MethodPatch, "/me", "", c.patch)
	to.add(http.MethodPut, "/me", "", c.put)
}

func (c *profileCalls) get(w http.ResponseWriter, r *http.Request, in Incoming) error {
	p, err := c.door.Enter(w, r, in)
	if err != nil {
		return err
	}
	account, err := c.profile.Get(r.Context(), p.AccountID)
	if err != nil {
		return err
	}
	writeJSON(w, r, http.StatusOK, "application/json", userOf(account))
	return nil
}

// given is a text that a body may hold. null empties it, so a user as it was read can be sent back (RFC 7396).
type given struct {
	text    string
	present bool
}

// UnmarshalJSON implements [json.Unmarshaler].
func (g *given) UnmarshalJSON(raw []byte) error {
	g.present, g.text = true, ""
	return json.Unmarshal(raw, &g.text)
}

func (g given) pointer(always bool) *string {
	if !g.present && !always {
		return nil
	}
	return &g.text
}

// patch changes the fields that the body holds.
func (c *profileCalls) patch(w http.ResponseWriter, r *http.Request, in Incoming) error {
	return c.change(w, r, in, false)
}

// put replaces the profile: a field that the body leaves out becomes empty (RFC 9110 §9.3.4).
func (c *profileCalls) put(w http.ResponseWriter, r *http.Request, in Incoming) error {
	return c.change(w, r, in, true)
}

func (c *profileCalls) change(w http.ResponseWriter, r *http.Request, in Incoming, replace bool) error {
	p, err := c.door.Enter(w, r, in)
	if err != nil {
		return err
	}
	// Nothing else of an account can be changed here, whatever the body says (L21).
	var body struct {
		Username  given `json:"username"`
		FirstName given `json:"first_name"`
		LastName  given `json:"last_name"`
		Phone     given `json:"phone"`
	}
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	account, err := c.profile.Change(r.Context(), p.AccountID, profile.Patch{
		Username: body.Username.pointer(replace), FirstName: body.FirstName.pointer(replace),
		LastName: body.LastName.pointer(replace), Phone: body.Phone.pointer(replace),
	}, in.Client)
	if err != nil {
		return err
	}
	writeJSON(w, r, http.StatusOK, "application/json", userOf(account))
	return nil
}
