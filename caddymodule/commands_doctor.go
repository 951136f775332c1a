package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

const adminDoctor = "/gatehouse/doctor"

func doctorRoutes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: adminDoctor, Handler: operation(http.MethodGet, func(r *http.Request, _ *adminOps) (any, error) {
		return inquiry{running()}.condition(r.Context())
	})}}
}

func doctorCommand() *cobra.Command {
	p, offline := &cliEnv{}, false
	cmd := &cobra.Command{
		Use: "doctor", Short: "Looks for what is wrong or dangerous in the configuration and the running gateway", Args: cobra.NoArgs,
		Long: "Looks through the configuration and asks the running gateway about its database, keys, clock, mail and Redis. If no gateway runs, it " +
			"looks whether the database answers. With --offline it reads the configuration alone.\n\nExit codes: 0 no error was found; 4 an error was found.",
		RunE: func(cmd *cobra.Command, _ []string) error { return p.doctor(cmd, offline) },
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&offline, "offline", false, "look at the configuration alone")
	return cmd
}

func (p *cliEnv) doctor(cmd *cobra.Command, offline bool) error {
	cmd.SilenceUsage = true
	if p.asJSON {
		caddy.BufferedLog() // as in run
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), shortLimit)
	defer cancel()
	config, _, err := p.load()
	if err != nil {
		return p.fail(cmd, err)
	}
	if len(config) == 0 {
		return p.fail(cmd, errors.New("no Caddyfile in this folder: doctor reads the configuration, so name it with --config"))
	}
	cfg, err := resolveConfig(config)
	if err != nil {
		return p.fail(cmd, err)
	}
	found, err := examine(config, cfg)
	if err == nil && !offline {
		var state findings
		err = p.ask(ctx, http.MethodGet, adminDoctor, nil, &state)
		if errors.Is(err, errNotRunning) {
			state, err = stoppedCondition(ctx, cfg), nil
		}
		found.Findings = append(found.Findings, state.Findings...)
	}
	if err != nil {
		return p.fail(cmd, err)
	}
	found = found.sorted()
	if err := p.print(cmd.OutOrStdout(), found, func(w io.Writer) { printFindings(w, found) }); err != nil {
		return err
	}
	if found.failed() {
		return p.ends(cmd, exitRefused)
	}
	return nil
}

// stoppedCondition looks at a database that no gateway of this machine serves. It changes nothing in it.
func stoppedCondition(ctx context.Context, cfg *resolved) (f findings) {
	if _, err := os.Stat(cfg.sqlitePath); cfg.sqlitePath != "" && err != nil {
		return f // the first start makes it
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: cfg.database.RevealString(), Logger: logsink.Present(), Now: nodeclock.Now})
	if err == nil {
		err = errors.Join(store.Ping(ctx), f.migrations(ctx, store), store.Close())
	}
	if err != nil {
		f.database(err)
	}
	return f
}

func printFindings(w io.Writer, f findings) {
	if len(f.Findings) == 0 {
		fmt.Fprintln(w, "nothing found")
	}
	for _, x := range f.Findings {
		fmt.Fprintf(w, "%s: %s (%s)\n  %s\n  %s\n", x.Level, x.ID, x.Where, x.What, x.Do)
	}
}
