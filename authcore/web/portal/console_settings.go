package portal

import (
	"cmp"
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

const settingsPath = consolePath + "/settings"

// settingsPage lists what may be changed while the gateway runs, and changes it.
type settingsPage struct {
	consoleGate
	flow   *tuning.Flow
	events *eventlog.Flow // knows what accounts are called
}

func (p *settingsPage) routes() []page.Route {
	return []page.Route{
		{Path: settingsPath, For: page.Readers, Show: p.list},
		{Path: settingsPath + "/{name}", For: page.Readers, Show: p.show, Submit: p.change, Fresh: true},
	}
}

func (p *settingsPage) list(q *page.Request) error {
	var all []tuning.Setting
	err := p.reads(q, authcore.EventAdminSettingsList, func(ctx context.Context) (err error) {
		all, _, err = p.flow.List(ctx)
		return err
	})
	if err != nil {
		return err
	}
	table := consoleTable{ID: "settings", Title: q.T("console.settings"), Head: []string{q.T("console.setting"), q.T("console.setting.value"), q.T("console.setting.source"), q.T("console.setting.changed")}}
	for _, s := range all {
		row := consoleRow{Cells: []consoleCell{{Text: s.Name, To: q.Path(settingsPath + "/" + s.Name)}, {Text: s.Value}, sourceCell(q, s), {At: s.ChangedAt}}}
		if s.ChangedAt.IsZero() {
			row.Cells[3] = consoleCell{Text: "–"}
		}
		table.Rows = append(table.Rows, row)
	}
	v := consoleView{View: page.View{Title: q.T("console.settings"), Intro: []string{q.T("console.settings.intro")}}, Tables: []consoleTable{table}}
	return showConsole(q, &v)
}

func sourceCell(q *page.Request, s tuning.Setting) consoleCell {
	c := consoleCell{Text: q.T("console.setting.source." + string(s.Source))}
	if !s.Changeable {
		c.Lines = []string{q.T("console.setting.managed")}
	}
	return c
}

// show shows one setting, with its history.
func (p *settingsPage) show(q *page.Request) error {
	var (
		s       tuning.Setting
		changes []tuning.Change
		next    string
	)
	err := p.reads(q, authcore.EventAdminSettingsGet, func(ctx context.Context) (err error) {
		if s, err = p.flow.Get(ctx, page.Param(q, "name")); err != nil {
			return err
		}
		changes, next, err = p.flow.History(ctx, s.Name, 0, q.R.URL.Query().Get("cursor"))
		return err
	})
	if err != nil {
		return err
	}
	who := []uuid.UUID{s.ChangedBy}
	for _, c := range changes {
		who = append(who, c.By)
	}
	names, err := p.events.Labels(q.R.Context(), who...)
	if err != nil {
		return err
	}
	v := consoleView{View: page.View{Title: s.Name, Back: &page.Link{To: q.Path(settingsPath), Text: q.T("console.settings")}, Points: settingFacts(q, s, accountCell(q, s.ChangedBy, names).Text)}}
	if s.Changeable && page.MayChange(q) {
		v.Forms = p.forms(q, s)
	} else if !s.Changeable {
		v.Intro = []string{q.T("console.setting.managed")}
	}
	table := consoleTable{ID: "history", Title: q.T("console.setting.history"), Empty: q.T("console.setting.history.none"), Next: nextPage(q, next),
		Head: []string{q.T("console.setting.at"), q.T("console.setting.from"), q.T("console.setting.to"), q.T("console.setting.by"), q.T("console.setting.reason")}}
	for _, c := range changes {
		table.Rows = append(table.Rows, consoleRow{Cells: []consoleCell{{At: c.At}, {Text: c.From.Text}, {Text: c.To.Text}, accountCell(q, c.By, names), {Text: c.Reason}}})
	}
	v.Tables = []consoleTable{table}
	return showConsole(q, &v)
}

// settingFacts tell what rules and what may.
func settingFacts(q *page.Request, s tuning.Setting, by string) []page.Point {
	configured := s.Configured
	if configured == "" {
		configured = q.T("console.setting.not_configured")
	}
	facts := []page.Point{
		{Title: q.T("console.setting.value"), Text: s.Value}, {Title: q.T("console.setting.source"), Text: q.T("console.setting.source." + string(s.Source))},
		{Title: q.T("console.setting.configured"), Text: configured}, {Title: q.T("console.setting.default"), Text: s.Default},
		{Title: q.T("console.setting.range"), Text: s.Range},
	}
	if s.Source == tuning.FromRuntime {
		facts = append(facts, page.Point{Title: q.T("console.setting.by"), Text: by + ", " + minute(s.ChangedAt)})
	}
	return facts
}

func (p *settingsPage) forms(q *page.Request, s tuning.Setting) []page.Form {
	value := page.Field{ID: "value", Name: "value", Label: q.T("console.setting.value"), Type: "text", Value: q.Value("value", s.Value), Autocomplete: "off",
		Hint: q.T("console.setting.may", "Range", s.Range), MaxLength: 64}
	if s.Type == tuning.TypeWord {
		value.Hint = ""
		for word := range strings.SplitSeq(s.Range, "|") {
			value.Choices = append(value.Choices, page.Choice{Value: word, Text: word})
		}
	}
	reason := page.Field{ID: "reason", Name: "reason", Label: q.T("console.setting.reason"), Type: "text", Value: q.Value("reason", ""), Autocomplete: "off",
		MaxLength: tuning.MaxReason, Optional: q.T("field.optional")}
	forms := []page.Form{{ID: "set", Title: q.T("console.setting.set"), Intro: q.T("console.setting.set.intro"), Fields: []page.Field{value, reason}, Button: q.T("console.setting.set")}}
	if s.Source == tuning.FromRuntime {
		forms = append(forms, dangerForm("reset", q.T("console.setting.reset"), q.T("console.setting.reset.intro", "Value", cmp.Or(s.Configured, s.Default)),
			q.T("console.setting.reset"), page.Hidden{Name: "reset", Value: "yes"}))
	}
	return forms
}

// change sets a value, or goes back to the configuration's.
func (p *settingsPage) change(q *page.Request) error {
	in := tuning.ChangeInput{Name: page.Param(q, "name"), Value: q.Form.Get("value"), Reason: q.Form.Get("reason"), By: q.User.AccountID, Client: q.Info.Client}
	kind, do := authcore.EventAdminSettingsSet, p.flow.Set
	reset := q.Form.Get("reset") == "yes"
	if reset {
		kind, do = authcore.EventAdminSettingsReset, p.flow.Reset
	}
	err := p.changes(q, kind, func(ctx context.Context) error {
		_, err := do(ctx, in)
		return err
	})
	switch {
	case err != nil:
		return err
	case reset:
		return q.Done(settingsPath+"/"+in.Name, "setting_reset")
	}
	return q.Done(settingsPath+"/"+in.Name, "setting_changed")
}
