package caddymodule

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
)

const (
	adminSettings       = "/gatehouse/settings/list"
	adminSettingGet     = "/gatehouse/settings/get"
	adminSettingSet     = "/gatehouse/settings/set"
	adminSettingReset   = "/gatehouse/settings/reset"
	adminSettingHistory = "/gatehouse/settings/history"
)

func settingRoutes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: adminSettings, Handler: operation(http.MethodGet, plain(listSettings))},
		{Pattern: adminSettingGet, Handler: operation(http.MethodPost, withBody(namedSetting.get))},
		{Pattern: adminSettingSet, Handler: operation(http.MethodPost, withBody(namedSetting.set))},
		{Pattern: adminSettingReset, Handler: operation(http.MethodPost, withBody(namedSetting.reset))},
		{Pattern: adminSettingHistory, Handler: operation(http.MethodPost, withBody(namedSetting.history))},
	}
}

// namedSetting is a setting and what becomes of it.
type namedSetting struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Reason string `json:"reason,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

func listSettings(ctx context.Context, d *adminOps) (httpapi.SettingList, error) {
	all, version, err := d.tuning.List(ctx)
	return httpapi.ShowSettings(all, version), err
}

func (n namedSetting) get(ctx context.Context, d *adminOps) (httpapi.Setting, error) {
	s, err := d.tuning.Get(ctx, n.Name)
	return httpapi.ShowSetting(s), err
}

func (n namedSetting) set(ctx context.Context, d *adminOps) (httpapi.Setting, error) {
	s, err := d.tuning.Set(ctx, tuning.ChangeInput{Name: n.Name, Value: n.Value, Reason: n.Reason})
	return httpapi.ShowSetting(s), err
}

func (n namedSetting) reset(ctx context.Context, d *adminOps) (httpapi.Setting, error) {
	s, err := d.tuning.Reset(ctx, tuning.ChangeInput{Name: n.Name, Reason: n.Reason})
	return httpapi.ShowSetting(s), err
}

func (n namedSetting) history(ctx context.Context, d *adminOps) (httpapi.SettingHistory, error) {
	s, err := d.tuning.Get(ctx, n.Name)
	if err != nil {
		return httpapi.SettingHistory{}, err
	}
	changes, next, err := d.tuning.History(ctx, n.Name, 0, n.Cursor)
	return httpapi.ShowSettingHistory(s.Type, changes, next), err
}

func settingsCommand() *cobra.Command {
	p := &cliEnv{}
	settings := &cobra.Command{Use: "settings", Short: "Lists and changes what may be changed while the gateway runs"}
	p.flags(settings)
	family(settings)
	var reason, cursor string
	change := func(use, short, long string, args int, path string, do func(namedSetting, context.Context, *adminOps) (httpapi.Setting, error)) *cobra.Command {
		c := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ExactArgs(args), RunE: func(cmd *cobra.Command, args []string) error {
			n := namedSetting{Name: args[0], Reason: reason}
			if len(args) > 1 {
				n.Value = args[1]
			}
			return run(p, cmd, request[httpapi.Setting]{method: http.MethodPost, path: path, body: n, limit: shortLimit,
				do: func(ctx context.Context, d *adminOps) (httpapi.Setting, error) { return do(n, ctx, d) }}, printSetting)
		}}
		if path != adminSettingGet {
			c.Flags().StringVar(&reason, "reason", "", "why, for the history")
		}
		return c
	}
	history := &cobra.Command{Use: "history <name>", Short: "Lists the changes of a setting, the last one first", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := namedSetting{Name: args[0], Cursor: cursor}
			return run(p, cmd, request[httpapi.SettingHistory]{method: http.MethodPost, path: adminSettingHistory, body: n, limit: shortLimit, do: n.history}, printSettingHistory)
		}}
	history.Flags().StringVar(&cursor, "cursor", "", "the place to go on from, of the list before")
	settings.AddCommand(&cobra.Command{
		Use: "list", Short: "Lists every setting, the value that rules, and where it comes from", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[httpapi.SettingList]{method: http.MethodGet, path: adminSettings, limit: shortLimit, do: listSettings}, printSettings)
		},
	},
		change("get <name>", "Shows a setting", "", 1, adminSettingGet, namedSetting.get),
		change("set <name> <value>", "Makes a value rule on every node", "Makes a value rule on every node within a second, over that of the configuration and "+
			"through reloads and restarts, until gatehouse settings reset. New tokens take a new lifetime; those that are out keep theirs.", 2, adminSettingSet, namedSetting.set),
		change("reset <name>", "Makes the value of the configuration rule again", "", 1, adminSettingReset, namedSetting.reset), history)
	return settings
}

func printSettings(w io.Writer, l httpapi.SettingList) {
	fmt.Fprintln(w, "NAME\tVALUE\tSOURCE\tRANGE")
	for _, s := range l.Settings {
		fmt.Fprintf(w, "%s\t%v\t%s\t%s\n", s.Name, s.Value, s.Source, s.Range)
	}
}

func printSetting(w io.Writer, s httpapi.Setting) {
	configured := s.Configured
	if configured == nil {
		configured = "-"
	}
	fmt.Fprintf(w, "name\t%s\nvalue\t%v\nsource\t%s\nconfigured\t%v\ndefault\t%v\nrange\t%s\n", s.Name, s.Value, s.Source, configured, s.Default, s.Range)
	if s.ChangedAt != nil {
		fmt.Fprintf(w, "changed at\t%s\nchanged by\t%s\nreason\t%s\n", *s.ChangedAt, *s.ChangedBy, orDash(*s.Reason))
	}
}

func printSettingHistory(w io.Writer, h httpapi.SettingHistory) {
	fmt.Fprintln(w, "AT\tBY\tFROM\tTO\tREASON")
	for _, c := range h.Changes {
		fmt.Fprintf(w, "%s\t%s\t%v\t%v\t%s\n", c.At, c.By, c.From, c.To, cmp.Or(c.Reason, "-"))
	}
	if h.Next != nil {
		fmt.Fprintf(w, "more\t--cursor %s\n", *h.Next)
	}
}
