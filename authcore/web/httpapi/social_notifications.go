package httpapi

import (
	"log/slog"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
)

// changeCalls take the word of providers that an account there has changed.
type changeCalls struct {
	consents *federated.Consents
	log      *slog.Logger
}

// apple is the one provider that sends notifications, and the name of its kind.
const apple = "apple"

func (c *changeCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/social/" + apple + "/notifications", tag: tagProviders, summary: "Take a notification of Apple",
		text: "For Apple: `payload` is signed by it. Where somebody has taken their consent back or deleted their Apple Account, the connection and the " +
			"sessions that it has opened end. Other changes and unknown people are no failure; a notification works once.",
		does: anonymousWith(c.take), replies: []reply{{http.StatusOK, "It is taken.", nil}},
		refuses: []authcore.Code{authcore.NotFound, authcore.InvalidProviderAnswer, authcore.ProviderUnavailable},
	}}
}

type notificationBody struct {
	Payload string `json:"payload,omitempty" doc:"A JWS of Apple (RFC 7515)."`
}

func (c *changeCalls) take(x *call, body notificationBody) error {
	change, err := c.consents.Notify(x.r.Context(), apple, body.Payload, x.in.Client)
	if err != nil {
		return err
	}
	c.log.LogAttrs(x.r.Context(), slog.LevelInfo, "notification of a provider", slog.String("provider", apple), slog.String("change", string(change)))
	x.w.WriteHeader(http.StatusOK)
	return nil
}
