package httpapi

import (
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
)

// Setting is a setting as the API shows it. Values are numbers and truth values where the type says so, else texts.
type Setting struct {
	Name       string  `json:"name" example:"access_lifetime"`
	Type       string  `json:"type" enum:"duration,limit,word,number,bool"`
	Value      any     `json:"value" doc:"That rules: a text such as 5m, a number or a truth value, as the type says."`
	Source     string  `json:"source" enum:"default,caddyfile,runtime" doc:"Where the value comes from. runtime outranks caddyfile until it is deleted."`
	Configured any     `json:"configured" doc:"What the configuration says; null for nothing."`
	Default    any     `json:"default"`
	Range      string  `json:"range" doc:"What the value may be." example:"1s-1d"`
	ChangedAt  *string `json:"changed_at" doc:"When the run-time value was set; null for none, as the two that follow."`
	ChangedBy  *string `json:"changed_by" doc:"The id of the account that set it, or operator for the command line."`
	Reason     *string `json:"reason"`
}

// SettingList is every setting.
type SettingList struct {
	Settings []Setting `json:"settings"`
	Version  int64     `json:"version" doc:"Counts the changes of all settings."`
}

// SettingChange is one change of a setting.
type SettingChange struct {
	At     string `json:"at"`
	By     string `json:"by" doc:"The id of the account that made it, or operator for the command line."`
	From   any    `json:"from"`
	To     any    `json:"to"`
	Reason string `json:"reason"`
}

// SettingHistory is a page of changes, the last one first.
type SettingHistory struct {
	Changes []SettingChange `json:"changes"`
	Next    *string         `json:"next"`
}

// ShowSetting returns a setting as the API shows it.
func ShowSetting(s tuning.Setting) Setting {
	shown := Setting{Name: s.Name, Type: string(s.Type), Value: settingValue(s.Type, s.Value), Source: string(s.Source), Default: settingValue(s.Type, s.Default),
		Range: s.Range}
	if s.Configured != "" {
		shown.Configured = settingValue(s.Type, s.Configured)
	}
	if s.Source == tuning.FromRuntime {
		at, by, reason := settingTime(s.ChangedAt), settingActor(s.ChangedBy), s.Reason
		shown.ChangedAt, shown.ChangedBy, shown.Reason = &at, &by, &reason
	}
	return shown
}

// ShowSettings returns all settings as the API shows them.
func ShowSettings(all []tuning.Setting, version int64) SettingList {
	list := SettingList{Settings: make([]Setting, len(all)), Version: version}
	for i, s := range all {
		list.Settings[i] = ShowSetting(s)
	}
	return list
}

// ShowSettingHistory returns changes of a setting of a type as the API shows them.
func ShowSettingHistory(t tuning.Type, changes []tuning.Change, next string) SettingHistory {
	h := SettingHistory{Changes: make([]SettingChange, len(changes))}
	for i, c := range changes {
		h.Changes[i] = SettingChange{At: settingTime(c.At), By: settingActor(c.By), From: settingValue(t, c.From.Text), To: settingValue(t, c.To.Text), Reason: c.Reason}
	}
	if next != "" {
		h.Next = &next
	}
	return h
}

func settingValue(t tuning.Type, text string) any {
	switch t {
	case tuning.TypeNumber:
		if n, err := strconv.Atoi(text); err == nil {
			return n
		}
	case tuning.TypeBool:
		return text == "true"
	}
	return text
}

func settingTime(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// settingActor is the account that changed something, or whoever runs the gateway.
func settingActor(id uuid.UUID) string {
	if id == uuid.Nil {
		return "operator"
	}
	return id.String()
}

// settingCalls are what administrators do with what may be changed while the gateway runs.
type settingCalls struct{ flow *tuning.Flow }

func (c *settingCalls) routes() []route {
	name := param{in: "path", name: "name", text: "The setting's name.", kind: reflect.TypeFor[string]()}
	one := []reply{{http.StatusOK, "The setting.", Setting{}}}
	changes := []authcore.Code{authcore.NotFound, authcore.ManagedByConfiguration, authcore.InvalidFields}
	return []route{{
		method: http.MethodGet, path: "/admin/settings", tag: tagAdmin, summary: "List the settings",
		text:  "What may be changed while the gateway runs: the value that rules, where it comes from, and what it may be. For administrators and auditors.",
		admin: authcore.Reads, event: authcore.EventAdminSettingsList, does: authenticated(c.list),
		replies: []reply{{http.StatusOK, "Every setting.", SettingList{}}},
	}, {
		method: http.MethodGet, path: "/admin/settings/{name}", tag: tagAdmin, summary: "Show a setting",
		text:  "For administrators and auditors.",
		admin: authcore.Reads, event: authcore.EventAdminSettingsGet, does: authenticated(c.get), params: []param{name},
		replies: one, refuses: []authcore.Code{authcore.NotFound},
	}, {
		method: http.MethodPut, path: "/admin/settings/{name}", tag: tagAdmin, summary: "Change a setting",
		text: "The value rules on every node within a second, over that of the configuration and through reloads and restarts, until it is deleted. " +
			"New tokens take a new lifetime; those that are out keep theirs.",
		admin: authcore.Changes, event: authcore.EventAdminSettingsSet, fresh: true, does: authenticatedWith(c.set), params: []param{name},
		replies: one, refuses: changes,
	}, {
		method: http.MethodDelete, path: "/admin/settings/{name}", tag: tagAdmin, summary: "Reset a setting",
		text:  "The value of the configuration rules again.",
		admin: authcore.Changes, event: authcore.EventAdminSettingsReset, fresh: true, optional: true, does: authenticatedWith(c.reset), params: []param{name},
		replies: one, refuses: changes,
	}, {
		method: http.MethodGet, path: "/admin/settings/{name}/history", tag: tagAdmin, summary: "List changes of a setting",
		text:  "The last one first. For administrators and auditors.",
		admin: authcore.Reads, event: authcore.EventAdminSettingsHistory, does: authenticated(c.history), params: append([]param{name}, pageParams()...),
		replies: []reply{{http.StatusOK, "The changes.", SettingHistory{}}}, refuses: []authcore.Code{authcore.NotFound, authcore.InvalidRequest},
	}}
}

func (c *settingCalls) list(x *call) error {
	all, version, err := c.flow.List(x.r.Context())
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, ShowSettings(all, version))
}

func (c *settingCalls) get(x *call) error {
	s, err := c.flow.Get(x.r.Context(), x.r.PathValue("name"))
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, ShowSetting(s))
}

type settingBody struct {
	Value  any    `json:"value" doc:"A text, a number or a truth value, as the setting's type says."`
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history."`
	FreshProof
}

// text is the value as it is set, by whatever kind of JSON it came; "" for none, which no setting takes.
func (b settingBody) text() string {
	switch v := b.Value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

type resetSettingBody struct {
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history."`
	FreshProof
}

func (c *settingCalls) set(x *call, body settingBody) error {
	s, err := c.flow.Set(x.r.Context(), tuning.ChangeInput{Name: x.r.PathValue("name"), Value: body.text(), Reason: body.Reason, By: x.who.AccountID, Client: x.in.Client})
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, ShowSetting(s))
}

func (c *settingCalls) reset(x *call, body resetSettingBody) error {
	s, err := c.flow.Reset(x.r.Context(), tuning.ChangeInput{Name: x.r.PathValue("name"), Reason: body.Reason, By: x.who.AccountID, Client: x.in.Client})
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, ShowSetting(s))
}

func (c *settingCalls) history(x *call) error {
	limit, from, err := x.page()
	if err != nil {
		return err
	}
	name := x.r.PathValue("name")
	s, err := c.flow.Get(x.r.Context(), name)
	if err != nil {
		return err
	}
	changes, next, err := c.flow.History(x.r.Context(), name, limit, from)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, ShowSettingHistory(s.Type, changes, next))
}
