package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// tokenState is what is known of a token: one of inactive, refreshClaims and the claims of an access token.
type tokenState struct{}

// Schema implements [huma.SchemaProvider].
func (tokenState) Schema(r huma.Registry) *huma.Schema {
	s := &huma.Schema{}
	for _, t := range []reflect.Type{reflect.TypeFor[inactive](), reflect.TypeFor[refreshClaims](), reflect.TypeFor[accessClaims](), reflect.TypeFor[dialectClaims]()} {
		s.OneOf = append(s.OneOf, r.Schema(t, true, ""))
	}
	return s
}

type inactive struct {
	Active bool `json:"active" enum:"false"`
}

type refreshClaims struct {
	Active    bool      `json:"active" enum:"true"`
	TokenType string    `json:"token_type" enum:"refresh_token"`
	Subject   uuid.UUID `json:"sub" format:"uuid"`
	Session   uuid.UUID `json:"sid" format:"uuid"`
	Expires   int64     `json:"exp" doc:"In seconds since 1970."`
}

// accessClaims are the claims of an access token as jwtkeys writes them. They are answered word for word, so that nothing
// is lost on the way; this type only describes them.
type accessClaims struct {
	Active        bool      `json:"active" enum:"true"`
	TokenType     string    `json:"token_type" enum:"access_token"`
	Issuer        string    `json:"iss" format:"uri"`
	Audience      audience  `json:"aud"`
	Subject       uuid.UUID `json:"sub" format:"uuid" doc:"The account's id."`
	SessionID     uuid.UUID `json:"sid" format:"uuid"`
	ID            string    `json:"jti"`
	IssuedAt      int64     `json:"iat"`
	NotBefore     int64     `json:"nbf"`
	ExpiresAt     int64     `json:"exp" doc:"In seconds since 1970."`
	AuthTime      int64     `json:"auth_time,omitempty" doc:"When the user last signed in with credentials, or proved themselves again. A refresh does not change it."`
	AMR           []string  `json:"amr" doc:"How the user signed in (RFC 8176)."`
	ACR           string    `json:"acr,omitempty" enum:"mfa,1fa" doc:"Whether that was by two kinds of proof."`
	Roles         []string  `json:"roles"`
	Epoch         int64     `json:"epoch"`
	RolesVersion  int64     `json:"rv"`
	Email         string    `json:"email,omitempty"`
	EmailVerified bool      `json:"email_verified,omitempty"`
	EmailReused   bool      `json:"email_reused,omitempty" doc:"The address was another account's before. Do not take it for the name of this one."`
	Username      string    `json:"username,omitempty"`
	Name          string    `json:"name,omitempty"`

	Fields map[string]any `json:"fields,omitempty" doc:"Those fields of the operator's own that tokens have."`
}

// dialectClaims are what a token of a dialect says, besides what its clients know of it.
type dialectClaims struct {
	Active    bool     `json:"active" enum:"true"`
	TokenType string   `json:"token_type" enum:"access_token,refresh_token"`
	Dialect   string   `json:"dialect" example:"simplejwt"`
	SessionID string   `json:"sid" format:"uuid"`
	UserID    any      `json:"user_id" doc:"The account's number, as a number or as text, or its id."`
	ExpiresAt int64    `json:"exp" doc:"In seconds since 1970."`
	_         struct{} `additionalProperties:"true"`
}

// audience is one text or several (RFC 7519 §4.1.3).
type audience struct{}

// Schema implements [huma.SchemaProvider].
func (audience) Schema(huma.Registry) *huma.Schema {
	one := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{OneOf: []*huma.Schema{one, {Type: huma.TypeArray, Items: one}}}
}

// claimsOf returns the claims of a token that has been verified, word for word.
func claimsOf(verified string) (map[string]json.RawMessage, error) {
	parts := strings.Split(verified, ".")
	if len(parts) != 3 {
		return nil, errors.New("read claims of a verified token: it has no three parts")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, errors.New("read claims of a verified token: they are not base64url")
	}
	var claims map[string]json.RawMessage
	if err := json.Unmarshal(text, &claims); err != nil {
		return nil, errors.New("read claims of a verified token: they are no object")
	}
	claims["active"] = json.RawMessage("true")
	claims["token_type"] = json.RawMessage(`"access_token"`)
	return claims, nil
}
