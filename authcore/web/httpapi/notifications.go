package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notification"
)

// notificationCalls show and change of what the account that makes the request is told by mail.
type notificationCalls struct {
	notifications *notification.Flow
	fresh         freshGate
}

func (c *notificationCalls) routes() []route {
	return []route{{
		method: http.MethodGet, path: "/me/notifications", tag: tagAccount, summary: "Show your notifications",
		text:    "`notifications` are the security mails that you can switch off, `always` those that you cannot.",
		does:    authenticated(c.show),
		replies: []reply{{http.StatusOK, "The mails.", notifications{}}},
	}, {
		method: http.MethodPatch, path: "/me/notifications", tag: tagAccount, summary: "Change your notifications",
		text: "Members are kinds of mail: `true` switches one on, `false` off; others stay as they are. To switch one off needs a recent sign-in or " +
			"your password. You are told of each change by a mail that can undo it.",
		does:    authenticatedWith(c.change),
		replies: []reply{{http.StatusOK, "The mails as they are chosen now.", notifications{}}},
		refuses: append([]authcore.Code{authcore.InvalidFields, authcore.RateLimited}, freshCodes...),
	}}
}

type notifications struct {
	Notifications map[authcore.MailKind]bool `json:"notifications" doc:"Each kind that can be switched off, with whether it is on."`
	Always        []authcore.MailKind        `json:"always" doc:"The kinds that cannot be switched off."`
}

func (x *call) notifications(c notification.Choices, err error) error {
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, notifications{c.On, c.Always})
}

func (c *notificationCalls) show(x *call) error {
	return x.notifications(c.notifications.Get(x.r.Context(), x.who.AccountID))
}

// notificationsBody has a member for each kind, besides the proof.
type notificationsBody struct {
	FreshProof
	on map[authcore.MailKind]bool
}

// TransformSchema implements [huma.SchemaTransformer].
func (notificationsBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	for _, kind := range notice.Optional() {
		s.Properties[string(kind)] = &huma.Schema{Type: huma.TypeBoolean, Description: "Whether to get these mails."}
	}
	return s
}

// takeMore takes every member that is not of the proof for a kind of mail; null leaves it as it is.
func (b *notificationsBody) takeMore(given map[string]json.RawMessage) error {
	b.on = make(map[authcore.MailKind]bool, len(given))
	for name, raw := range given {
		if name == "password" || name == "otp" || string(raw) == "null" {
			continue
		}
		var on bool
		if err := json.Unmarshal(raw, &on); err != nil {
			return authcore.Refuse(authcore.InvalidRequest, "A notification is true or false.")
		}
		b.on[authcore.MailKind(name)] = on
	}
	return nil
}

// change takes the sender for the owner by the age of the sign-in or by a password, which is checked whenever it is sent.
func (c *notificationCalls) change(x *call, body notificationsBody) error {
	notFresh := c.fresh.Check(x.r.Context(), x.who, body.proof(), x.in.Client)
	if notFresh != nil && body.Password != "" {
		return notFresh
	}
	return x.notifications(c.notifications.Change(x.r.Context(), notification.Input{
		AccountID: x.who.AccountID, On: body.on, NotFresh: notFresh, Client: x.in.Client,
	}))
}
