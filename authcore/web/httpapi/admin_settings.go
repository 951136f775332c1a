package httpapi

import (
	"strconv"
	"time"

	"github.com/google/uuid"

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
