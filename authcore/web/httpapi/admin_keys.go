package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// SigningKey is a signing key as it is shown: nothing of it signs.
type SigningKey struct {
	KID       string     `json:"kid"`
	Use       string     `json:"use" doc:"bearer, of tokens that programs send, or cookie, of browsers' tokens."`
	Algorithm string     `json:"algorithm"`
	State     string     `json:"state" doc:"next (published, signs after the next rotation), active (signs), or retired (verifies what it has signed)."`
	CreatedAt time.Time  `json:"created_at"`
	NotBefore *time.Time `json:"not_before,omitempty" doc:"When it began to sign."`
	RetireAt  *time.Time `json:"retire_at,omitempty" doc:"When it stopped."`
	RemoveAt  *time.Time `json:"remove_at,omitempty" doc:"Of a retired key: when the last token that it signed has expired."`
}

// SigningKeys lists and rotates the signing keys.
type SigningKeys interface {
	ListKeys(ctx context.Context) ([]SigningKey, error)
	// RotateKeys signs with the next keys from now on, and returns the keys as they are then.
	RotateKeys(ctx context.Context) ([]SigningKey, error)
}

// signingKeyCalls are what administrators do with signing keys.
type signingKeyCalls struct{ keys SigningKeys }

func (c *signingKeyCalls) routes() []route {
	all := []reply{{http.StatusOK, "The keys.", []SigningKey{}}}
	return []route{{
		method: http.MethodGet, path: "/admin/signing-keys", tag: tagAdmin, summary: "List the signing keys",
		text:  "What the keys are and until when; never the keys. For administrators and auditors.",
		admin: authcore.Reads, event: authcore.EventAdminKeysList, does: authenticated(c.list), replies: all,
	}, {
		method: http.MethodPost, path: "/admin/signing-keys/rotate", tag: tagAdmin, summary: "Rotate the signing keys",
		text: "Signs with the published next keys from now on. Tokens that the retired keys have signed are good until they expire. Services that check " +
			"tokens themselves must not keep the JWKS for longer than its max-age.",
		admin: authcore.Changes, event: authcore.EventAdminKeysRotate, fresh: true, optional: true, does: authenticatedWith(c.rotate), replies: all,
	}}
}

func (c *signingKeyCalls) list(x *call) error {
	keys, err := c.keys.ListKeys(x.r.Context())
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, keys)
}

type rotateBody struct{ FreshProof }

func (c *signingKeyCalls) rotate(x *call, _ rotateBody) error {
	keys, err := c.keys.RotateKeys(x.r.Context())
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, keys)
}
