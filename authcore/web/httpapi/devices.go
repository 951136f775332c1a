package httpapi

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/device"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// deviceCalls show, name and forget the devices of the account that makes the request.
type deviceCalls struct{ devices *device.Devices }

func (c *deviceCalls) routes() []route {
	id := idParam("The device's id.")
	return []route{{
		method: http.MethodGet, path: "/devices", tag: tagDevices, summary: "List your devices",
		text: "Lists the browsers and apps that have signed in to the account and have kept their device token, the latest first. A sign-in from " +
			"any other one sends its owner a mail. An account knows up to 100 devices: beyond that, it forgets those that have no session and were seen longest ago.",
		does:    authenticated(c.list),
		replies: []reply{{http.StatusOK, "The devices.", deviceList{}}},
	}, {
		method: http.MethodPatch, path: "/devices/{id}", tag: tagDevices, summary: "Name a device",
		text:    "The name is for the list of devices alone. Empty removes it.",
		does:    authenticatedWith(c.rename),
		params:  []param{id},
		replies: []reply{{http.StatusOK, "The device.", deviceEntry{}}},
		refuses: []authcore.Code{authcore.NotFound, authcore.InvalidFields},
	}, {
		method: http.MethodDelete, path: "/devices/{id}", tag: tagDevices, summary: "Forget a device",
		text: "Its sessions end at once, and it is no longer trusted. Its next sign-in comes from a new device. Someone else's device gets the " +
			"same answer as an unknown one.",
		does:    authenticated(c.forgetOne),
		params:  []param{id},
		replies: []reply{{http.StatusNoContent, "The device is forgotten, and its sessions have ended.", nil}},
		refuses: []authcore.Code{authcore.NotFound},
	}, {
		method: http.MethodPost, path: "/devices/revoke", tag: tagDevices, summary: "Forget several devices",
		text:    "Send exactly one of `ids`, `all` and `others`. Sessions on no known device stay.",
		does:    authenticatedWith(c.forget),
		replies: []reply{{http.StatusOK, "The number of devices that were forgotten.", revoked{}}},
		refuses: []authcore.Code{authcore.InvalidFields},
	}}
}

type deviceList struct {
	Devices []deviceEntry `json:"devices"`
}

type deviceEntry struct {
	ID           uuid.UUID  `json:"id" format:"uuid"`
	Current      bool       `json:"current" doc:"Whether the session of this request is on it."`
	Name         string     `json:"name" doc:"The device_name given at its first sign-in, or the name given since."`
	Browser      string     `json:"browser"`
	OS           string     `json:"os"`
	IP           string     `json:"ip" doc:"The IP address of the last sign-in from it."`
	FirstSeenAt  time.Time  `json:"first_seen_at"`
	LastSeenAt   time.Time  `json:"last_seen_at" doc:"When it last signed in, or when a session that lives on it was last used."`
	TrustedUntil *time.Time `json:"trusted_until" doc:"Until when its sign-ins are asked for no second factor; null where they are."`
	Sessions     int        `json:"sessions" doc:"How many sessions live on it, those of other hosts too."`
}

func (x *call) deviceOf(d authcore.Device) deviceEntry {
	browser, system, _, _ := httpauth.ParseUserAgent(d.UserAgent)
	entry := deviceEntry{
		ID: d.ID, Current: d.Current, Name: d.Name, Browser: browser, OS: system, IP: d.Addr,
		FirstSeenAt: d.FirstSeenAt.UTC(), LastSeenAt: d.LastSeenAt.UTC(), Sessions: d.Sessions,
	}
	if d.TrustedUntil.After(x.now.Now()) {
		entry.TrustedUntil = new(d.TrustedUntil.UTC())
	}
	return entry
}

func (c *deviceCalls) list(x *call) error {
	list, err := c.devices.List(x.r.Context(), x.who)
	if err != nil {
		return err
	}
	entries := make([]deviceEntry, 0, len(list))
	for _, d := range list {
		entries = append(entries, x.deviceOf(d))
	}
	return x.answer(http.StatusOK, deviceList{entries})
}

func (c *deviceCalls) rename(x *call, body nameBody) error {
	if body.Name == nil {
		return authcore.RefuseField("name", authcore.Required)
	}
	id := x.pathID()
	renamed, err := c.devices.Rename(x.r.Context(), x.who, id, *body.Name)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, x.deviceOf(renamed))
}

func (c *deviceCalls) forgetOne(x *call) error {
	id := x.pathID()
	gone, err := c.devices.ForgetOne(x.r.Context(), x.who, id, x.in.Client)
	if err != nil {
		return err
	}
	if gone.SignedOut {
		x.forgetCookies()
	}
	return x.done()
}

type forgetBody struct {
	IDs    []string `json:"ids,omitempty" format:"uuid"`
	All    bool     `json:"all,omitempty" doc:"All devices, including the one that sends this request."`
	Others bool     `json:"others,omitempty" doc:"All devices except the one that sends this request."`
}

// TransformSchema implements [huma.SchemaTransformer].
func (forgetBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return eitherOf(s, []string{"ids"}, []string{"all"}, []string{"others"})
}

func (c *deviceCalls) forget(x *call, body forgetBody) error {
	ids, err := parseIDs(body.IDs, authcore.DeviceIDInvalid)
	if err == nil {
		err = exactlyOne(body.IDs != nil, body.All, body.Others)
	}
	if err != nil {
		return err
	}
	gone, err := c.devices.Forget(x.r.Context(), x.who, device.Which{IDs: ids, All: body.All, Others: body.Others}, x.in.Client)
	if err != nil {
		return err
	}
	if gone.SignedOut {
		x.forgetCookies()
	}
	return x.answer(http.StatusOK, revoked{gone.Devices})
}
