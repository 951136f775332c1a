package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
)

// profileCalls show and change the account that makes the request.
type profileCalls struct{ profile *profile.Profiles }

func (c *profileCalls) routes() []route {
	changed := []reply{{http.StatusOK, "The account as it is now.", user{}}}
	broken := []authcore.Code{authcore.InvalidFields, authcore.LimitReached, authcore.LastWayIn, authcore.Blocked}
	return []route{{
		method: http.MethodGet, path: "/me", tag: tagAccount, summary: "Show your account",
		text:    "Returns the account that the token or cookies belong to.",
		does:    authenticated(c.get),
		replies: []reply{{http.StatusOK, "The account.", user{}}},
	}, {
		method: http.MethodPatch, path: "/me", tag: tagAccount, summary: "Change parts of your profile",
		text: "Changes the fields in the body. null or an empty text clears a field. Other members are ignored, so you can send back a user as you " +
			"read it. Services behind the gateway get the old name until the access token is renewed.",
		does: authenticatedWith(c.patch), replies: changed, refuses: broken,
	}, {
		method: http.MethodPut, path: "/me", tag: tagAccount, summary: "Replace your profile",
		text: "Clears the fields that the body omits. Other members are ignored, so you can send back a user as you read it.",
		does: authenticatedWith(c.put), replies: changed, refuses: broken,
	}}
}

// profileBody holds all that an owner can change here, whatever the request says besides (L21).
type profileBody struct {
	Username  given `json:"username,omitempty" pattern:"^([A-Za-z0-9._-]{3,32})?$" doc:"Stored in lower case; some words are reserved."`
	FirstName given `json:"first_name,omitempty" maxLength:"100"`
	LastName  given `json:"last_name,omitempty" maxLength:"100"`
	Phone     given `json:"phone,omitempty" maxLength:"32" pattern:"^(\\+[0-9 ().\\-/]+)?$" doc:"In international format. Ignored where numbers sign in."`
	Locale    given `json:"locale,omitempty" maxLength:"35" doc:"The language of mails and pages for you: a tag (BCP 47), such as de-AT, of one of the locales of GET /config."`

	Fields givenFields `json:"fields,omitempty" doc:"The fields that the operator has added, which GET /config lists, as a merge patch (RFC 7396): null removes one. Unknown ones are refused; those that only administrators write are ignored."`
}

// givenFields are fields of the option user_field that a body may hold. null is none of them.
type givenFields struct {
	values  map[string]any
	present bool
}

// UnmarshalJSON implements [json.Unmarshaler].
func (g *givenFields) UnmarshalJSON(raw []byte) error {
	g.present, g.values = true, nil
	return json.Unmarshal(raw, &g.values)
}

// Schema implements [huma.SchemaProvider].
func (givenFields) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Nullable: true, AdditionalProperties: true}
}

// patch returns them as a merge patch, which removes all others with replace.
func (g givenFields) patch(set userfield.Set, replace bool) map[string]any {
	if replace || g.present && g.values == nil {
		return set.Replace(g.values)
	}
	return g.values
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

// Schema implements [huma.SchemaProvider].
func (given) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Nullable: true}
}

func (g given) pointer(always bool) *string {
	if !g.present && !always {
		return nil
	}
	return &g.text
}

func (c *profileCalls) get(x *call) error {
	account, err := c.profile.Get(x.r.Context(), x.who.AccountID)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, x.userOf(account))
}

func (c *profileCalls) patch(x *call, body profileBody) error { return c.change(x, body, false) }

// put empties what the body leaves out (RFC 9110 §9.3.4).
func (c *profileCalls) put(x *call, body profileBody) error { return c.change(x, body, true) }

func (c *profileCalls) change(x *call, body profileBody, replace bool) error {
	account, err := c.profile.Change(x.r.Context(), x.who.AccountID, profile.Patch{
		Username: body.Username.pointer(replace), FirstName: body.FirstName.pointer(replace),
		LastName: body.LastName.pointer(replace), Phone: body.Phone.pointer(replace),
		Locale: body.Locale.pointer(replace), Fields: body.Fields.patch(c.profile.Fields(), replace),
	}, x.in.Client)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, x.userOf(account))
}
