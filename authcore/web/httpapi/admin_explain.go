package httpapi

import (
	"context"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
)

// Explainer answers questions about requests by the configuration that runs. Refusals: [authcore.InvalidFields]; [authcore.NotFound] for an
// unknown user, and where no site takes the request. It may be called concurrently.
type Explainer func(ctx context.Context, q access.Question) (access.Explanation, error)

// explainCalls answer why a request is let in or refused.
type explainCalls struct{ explain Explainer }

func (c *explainCalls) routes() []route {
	return []route{{
		method: http.MethodPost, path: "/admin/explain", tag: tagAdmin, summary: "Explain what becomes of a request",
		text: "For administrators and auditors. Says which site and guard decide about a request, by which rule, and what the service behind would be told. " +
			"Nothing is sent and nothing changes; the token is not echoed.",
		admin: authcore.Reads, event: authcore.EventAdminExplain,
		does:    authenticatedWith(c.ask),
		replies: []reply{{http.StatusOK, "What becomes of it.", access.Explanation{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.NotFound},
	}}
}

func (c *explainCalls) ask(x *call, q access.Question) error {
	var broken authcore.FieldErrors
	for field, value := range map[string]string{"method": q.Method, "url": q.URL} {
		if value == "" {
			broken.Add(field, authcore.Required)
		}
	}
	if err := broken.Refusal(); err != nil {
		return err
	}
	explained, err := c.explain(x.r.Context(), q)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, explained)
}
