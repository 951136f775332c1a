package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore/keyring"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "gatehouse",
		Short: "Manages Gatehouse: signing keys",
		Long: "Manages Gatehouse. The commands speak to the running gateway through Caddy's admin endpoint; where none runs, " +
			"they open the database of the configuration themselves.\n\nExit codes: 0 when it is done, 1 otherwise.",
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(keysCommand())
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		},
	})
}

// Subcommands are the names below `gatehouse` that the binary of this project has at its top level as well.
func Subcommands() []string { return []string{"keys"} }

// place says where the commands find the gateway.
type place struct {
	config, adapter, address string
	asJSON                   bool
}

func (p *place) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVarP(&p.config, "config", "c", "", "configuration file (default: Caddyfile in this folder, if there is one)")
	f.StringVarP(&p.adapter, "adapter", "a", "", "configuration adapter, when the file is no Caddyfile and no JSON")
	f.StringVar(&p.address, "address", "", "address of the admin endpoint, if not the configuration's")
	f.BoolVar(&p.asJSON, "json", false, "print JSON")
}

func keysCommand() *cobra.Command {
	p := &place{}
	keys := &cobra.Command{Use: "keys", Short: "Lists and rotates signing keys"}
	p.flags(keys)
	keys.AddCommand(&cobra.Command{
		Use: "list", Short: "Lists the signing keys and their states", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.keys(cmd, http.MethodGet, adminKeys, (*keyring.Ring).List)
		},
	}, &cobra.Command{
		Use: "rotate", Short: "Lets the published next keys sign, retires the active ones, publishes new next ones", Args: cobra.NoArgs,
		Long: "Lets the published next keys sign from now on. What the retired keys signed stays valid until it expires. " +
			"Upstreams that check tokens themselves should not cache the JWKS for longer than its max-age of five minutes.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.keys(cmd, http.MethodPost, adminRotate, (*keyring.Ring).Rotate)
		},
	})
	return keys
}

// commandTimeout bounds a command as a whole.
const commandTimeout = time.Minute

// keys runs one operation on the gateway, or on its database where no gateway runs.
func (p *place) keys(cmd *cobra.Command, method, path string, direct func(*keyring.Ring, context.Context) ([]keyring.Info, error)) error {
	cmd.SilenceUsage = true
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	list, err := p.ask(method, path)
	if errors.Is(err, errNotRunning) {
		list, err = p.open(ctx, direct)
	}
	if err != nil {
		return err
	}
	return printKeys(cmd.OutOrStdout(), list, p.asJSON)
}

var errNotRunning = errors.New("no gateway answers at the admin endpoint")

// ask lets the running gateway do it.
func (p *place) ask(method, path string) ([]keyring.Info, error) {
	config, file, err := p.load()
	if err != nil {
		return nil, err
	}
	address, err := caddycmd.DetermineAdminAPIAddress(p.address, config, file, p.adapter)
	if err != nil {
		return nil, fmt.Errorf("find the admin endpoint: %w", err)
	}
	resp, err := caddycmd.AdminAPIRequest(address, method, path, nil, nil)
	if err != nil {
		if resp != nil {
			return nil, fmt.Errorf("the running gateway refused: %w", err)
		}
		return nil, fmt.Errorf("%w %s: %w", errNotRunning, address, err)
	}
	defer resp.Body.Close()
	var list []keyring.Info
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("read the gateway's answer: %w", err)
	}
	return list, nil
}

// open works on the database itself.
func (p *place) open(ctx context.Context, direct func(*keyring.Ring, context.Context) ([]keyring.Info, error)) ([]keyring.Info, error) {
	config, _, err := p.load()
	if err != nil {
		return nil, err
	}
	var parsed struct {
		Apps struct {
			Gatehouse Settings `json:"gatehouse"`
		} `json:"apps"`
	}
	if len(config) > 0 {
		if err := json.Unmarshal(config, &parsed); err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
	}
	cfg, err := parsed.Apps.Gatehouse.resolve()
	if err != nil {
		return nil, fmt.Errorf("option %w", err)
	}
	ring, done, err := openRing(ctx, cfg)
	if err != nil {
		return nil, err
	}
	list, err := direct(ring, ctx)
	return list, errors.Join(err, done())
}

func (p *place) load() (config []byte, file string, err error) {
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

func printKeys(w io.Writer, list []keyring.Info, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(list)
	}
	var buf bytes.Buffer
	t := tabwriter.NewWriter(&buf, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "USE\tSTATE\tALGORITHM\tCREATED\tREMOVED AT\tKID")
	for _, k := range list {
		removed := "-"
		if !k.RemoveAt.IsZero() {
			removed = k.RemoveAt.Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.Use, k.State, k.Algorithm, k.CreatedAt.Format(time.RFC3339), removed, k.KID)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := w.Write(buf.Bytes())
	return err
}
