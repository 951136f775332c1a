package httpapi

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
)

// connectionCalls show, make and end the connections of an account with people at identity providers.
type connectionCalls struct{ flow *federated.Flow }

func (c *connectionCalls) routes() []route {
	return []route{{
		method: http.MethodGet, path: "/connections", tag: tagProviders, summary: "List your connections",
		text:    "The accounts elsewhere that sign in to this one, and the providers that it has none of.",
		does:    authenticated(c.list),
		replies: []reply{{http.StatusOK, "The connections.", connectionList{}}},
	}, {
		method: http.MethodPost, path: "/connections/{id}", tag: tagProviders, summary: "Connect an account elsewhere",
		text: "With nothing, in a browser's session: answers where to send the browser, which comes back connected. The address is good in that session " +
			"alone. Or with what /social/{id}/token takes.",
		fresh: true, optional: true, does: authenticatedWith(c.connect), params: []param{providerParam},
		replies: []reply{{http.StatusOK, "Where to send the browser.", connectURL{}}, {http.StatusCreated, "Connected.", connectionEntry{}}},
		refuses: []authcore.Code{authcore.NotFound, authcore.InvalidRequest, authcore.InvalidFields, authcore.InvalidProviderAnswer, authcore.ProviderDenied,
			authcore.ProviderUnavailable, authcore.Conflict, authcore.LimitReached},
	}, {
		method: http.MethodDelete, path: "/connections/{id}", tag: tagProviders, summary: "Remove a connection",
		text:  "The account elsewhere signs in no more, and is connected again only if you ask for it. Sessions go on.",
		fresh: true, optional: true, does: authenticatedWith(c.disconnect), params: []param{idParam("The connection's id.")},
		replies: []reply{{http.StatusNoContent, "The connection is removed.", nil}},
		refuses: []authcore.Code{authcore.NotFound, authcore.LastWayIn},
	}}
}

type connectionList struct {
	Connections []connectionEntry   `json:"connections"`
	Available   []availableProvider `json:"available"`
}

type connectionEntry struct {
	ID          uuid.UUID  `json:"id" format:"uuid"`
	Provider    string     `json:"provider" example:"acme"`
	Title       string     `json:"title" example:"Acme"`
	Email       string     `json:"email" doc:"As the provider said last; may be empty."`
	Name        string     `json:"name" doc:"As the provider said last; may be empty."`
	ConnectedAt time.Time  `json:"connected_at"`
	LastUsedAt  *time.Time `json:"last_used_at" doc:"Of the last sign-in by it; null for none."`
}

type availableProvider struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

type connectURL struct {
	URL       string `json:"url" format:"uri"`
	ExpiresIn int64  `json:"expires_in" doc:"Seconds."`
}

func (c *connectionCalls) entry(n authcore.Connection) connectionEntry {
	e := connectionEntry{ID: n.ID, Provider: n.Provider, Title: c.flow.Title(n.Provider), Email: n.Email, Name: n.Name, ConnectedAt: n.ConnectedAt.UTC()}
	if !n.LastUsedAt.IsZero() {
		e.LastUsedAt = new(n.LastUsedAt.UTC())
	}
	return e
}

func (c *connectionCalls) list(x *call) error {
	connected, available, err := c.flow.List(x.r.Context(), x.who.AccountID)
	if err != nil {
		return err
	}
	list := connectionList{Connections: []connectionEntry{}, Available: []availableProvider{}}
	for _, n := range connected {
		list.Connections = append(list.Connections, c.entry(n))
	}
	for _, o := range available {
		list.Available = append(list.Available, availableProvider{o.Name, o.Title})
	}
	return x.answer(http.StatusOK, list)
}

type connectBody struct {
	NativeBody
	FreshProof
}

func (c *connectionCalls) connect(x *call, body connectBody) error {
	ctx, provider := x.r.Context(), x.r.PathValue("id")
	if !body.empty() {
		if err := body.check(); err != nil {
			return err
		}
		made, err := c.flow.ConnectNative(ctx, x.who.AccountID, provider, body.native(), x.in.Client)
		if err != nil {
			return err
		}
		return x.answer(http.StatusCreated, c.entry(made))
	}
	if x.who.Credential != authcore.SessionCookie {
		return authcore.Refuse(authcore.InvalidRequest, "Send the id_token, code or access_token that the app got from the provider. Only a browser's session can be sent to it.")
	}
	begun, err := x.toProvider(c.flow, federated.StartInput{Provider: provider, AccountID: x.who.AccountID, SessionID: x.who.SessionID})
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, connectURL{begun.URL, seconds(begun.ExpiresIn)})
}

type disconnectBody struct{ FreshProof }

func (c *connectionCalls) disconnect(x *call, _ disconnectBody) error {
	if err := c.flow.Disconnect(x.r.Context(), x.who.AccountID, x.pathID(), x.in.Client); err != nil {
		return err
	}
	return x.done()
}
