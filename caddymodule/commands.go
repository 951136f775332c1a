package caddymodule

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "gatehouse",
		Short: "Manages Gatehouse: accounts, invitations, block rules, sessions, events, settings, signing keys, the secret, mail, SMS, the database",
		Long: "Manages Gatehouse. The commands talk to the running gateway through Caddy's admin endpoint. If no gateway runs, " +
			"they open the configured database themselves.\n\nExit codes: 0 done; 1 failed; 2 the command line or a value in it is wrong; 3 not found; 4 refused by a rule; " +
			"5 the gateway or the database cannot answer now. With --json an error is one JSON object on the standard error.",
		CobraFunc: addCommands,
	})
}

func addCommands(cmd *cobra.Command) {
	for _, sub := range subcommands {
		cmd.AddCommand(sub.make())
	}
	family(cmd)
	cmd.SetFlagErrorFunc(usageError)
	checkLine(cmd)
}

// checkLine makes arguments and flags that a command does not take, and flags that it lacks, end with 2: with Cobra's own checks
// they would end with 1. Commands below it are checked as well.
func checkLine(cmd *cobra.Command) {
	args := cmd.Args
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		if err := cmp.Or(args(cmd, given), cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups()); err != nil {
			return usageError(cmd, err)
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		checkLine(sub)
	}
}

var subcommands = []struct {
	name string
	make func() *cobra.Command
}{
	{"user", userCommand}, {"invite", inviteCommand}, {"block", blockCommand}, {"keys", keysCommand}, {"settings", settingsCommand}, {"sessions", sessionsCommand}, {"session", sessionCommand}, {"events", eventsCommand}, {"secret", secretCommand}, {"mail", mailCommand}, {"sms", smsCommand},
	{"explain", explainCommand}, {"doctor", doctorCommand}, {"breached", breachedCommand}, {"migrate-store", migrateStoreCommand},
}

// family makes a command that only has others below it: alone it shows its help, and with a word that is none of them it ends
// with 2. Cobra would show the help and end with 0, which a script takes for success.
func family(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		var names []string
		for _, sub := range cmd.Commands() {
			names = append(names, sub.Name())
		}
		return usageError(cmd, errors.New(unknownWord("a command of "+cmd.CommandPath(), args[0], names)))
	}
}

// usageError prints err and where help is, and ends with 2.
func usageError(cmd *cobra.Command, err error) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "Error: %v\nSee %s --help\n", err, cmd.CommandPath())
	cmd.SilenceErrors, cmd.SilenceUsage = true, true // Caddy and Cobra would print it again
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return exitUsage, nil })(cmd, nil)
}

// exitUsage is the exit code of a command line that means nothing.
const exitUsage = 2

// Subcommands are the names below `gatehouse` that the binary of this project has at its top level as well.
func Subcommands() (names []string) {
	for _, sub := range subcommands {
		names = append(names, sub.name)
	}
	return names
}

// cliEnv says where the commands find the gateway.
type cliEnv struct {
	config, adapter, address string
	asJSON                   bool
}

func (p *cliEnv) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVarP(&p.config, "config", "c", "", "configuration file (default: Caddyfile in this folder, if there is one)")
	f.StringVarP(&p.adapter, "adapter", "a", "", "configuration adapter, if the file is neither a Caddyfile nor JSON")
	f.StringVar(&p.address, "address", "", "address of the admin endpoint (default: the one in the configuration)")
	p.formatFlag(cmd)
}

func (p *cliEnv) formatFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().BoolVar(&p.asJSON, "json", false, "print JSON")
}

// Limits of a command as a whole: of one that changes a few rows, and of one that goes through all of them.
const (
	shortLimit = time.Minute
	longLimit  = time.Hour
)

// request is one operation: how the running gateway is asked for it, and what it is.
type request[T any] struct {
	method, path string
	body         any // nil: none
	limit        time.Duration
	do           func(context.Context, *adminOps) (T, error)
}

// run lets the running gateway do it, or does it on the database where no gateway runs, and prints the result.
func run[T any](p *cliEnv, cmd *cobra.Command, r request[T], print func(io.Writer, T)) error {
	cmd.SilenceUsage = true
	if p.asJSON {
		caddy.BufferedLog() // Caddy tells what it reads on the standard error, where the body of a problem is to stand alone
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), r.limit)
	defer cancel()
	var result T
	err := p.ask(ctx, r.method, r.path, r.body, &result)
	if errors.Is(err, errNotRunning) {
		result, err = open(ctx, p, r.do)
	}
	if err != nil {
		return p.fail(cmd, err)
	}
	return p.print(cmd.OutOrStdout(), result, func(w io.Writer) { print(w, result) })
}

// open works on the database itself.
func open[T any](ctx context.Context, p *cliEnv, do func(context.Context, *adminOps) (T, error)) (result T, err error) {
	cfg, err := p.resolved()
	if err != nil {
		return result, err
	}
	return openAs(ctx, cfg, do)
}

// openAs is open with settings that have been read.
func openAs[T any](ctx context.Context, cfg *resolved, do func(context.Context, *adminOps) (T, error)) (result T, err error) {
	if err := cfg.haveDatabase(); err != nil {
		return result, err
	}
	d, done, err := openAdminOps(ctx, cfg)
	if err != nil {
		return result, err
	}
	result, err = do(ctx, d)
	return result, errors.Join(cfg.foreign(err), done())
}

// resolved reads the settings of the configuration.
func (p *cliEnv) resolved() (*resolved, error) {
	config, _, err := p.load()
	if err != nil {
		return nil, err
	}
	if len(config) == 0 {
		// The defaults are a database as well, but hardly the one that is meant.
		return nil, authcore.Refuse(authcore.Unavailable, fmt.Sprintf("no Caddyfile in this folder and no gateway answers at %s: name the configuration with --config",
			cmp.Or(p.address, caddy.DefaultAdminListen)))
	}
	return resolveConfig(config)
}

// resolveConfig reads the settings of a configuration, as JSON.
func resolveConfig(config []byte) (*resolved, error) {
	var parsed struct {
		Apps struct {
			Gatehouse Settings `json:"gatehouse"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(config, &parsed); err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	cfg, err := parsed.Apps.Gatehouse.resolve()
	if err != nil {
		return nil, fmt.Errorf("option %w", err)
	}
	return cfg, nil
}

// haveDatabase refuses a SQLite file that is not there: opening would make it, and only a gateway does that.
func (r *resolved) haveDatabase() error {
	if r.sqlitePath == "" {
		return nil
	}
	if _, err := os.Stat(r.sqlitePath); err != nil {
		return fmt.Errorf("find the configured database: %w: no gateway has made it yet, or this is the wrong configuration", err)
	}
	return nil
}

func (p *cliEnv) load() (config []byte, file string, err error) {
	file = p.config
	if file == "" {
		if _, err := os.Stat("Caddyfile"); err != nil {
			return nil, "", nil
		}
		file = "Caddyfile"
	}
	config, file, _, err = caddycmd.LoadConfig(file, p.adapter)
	if err != nil {
		return nil, "", fmt.Errorf("load the configuration: %w", err)
	}
	return config, file, nil
}

// print writes a result as JSON, or in columns that text separates by tabs.
func (p *cliEnv) print(w io.Writer, result any, text func(io.Writer)) error {
	if p.asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(result)
	}
	var buf bytes.Buffer
	t := tabwriter.NewWriter(&buf, 0, 0, 2, ' ', 0)
	text(t)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := w.Write(buf.Bytes())
	return err
}
