package caddymodule

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
)

func keysCommand() *cobra.Command {
	p := &cliEnv{}
	keys := &cobra.Command{Use: "keys", Short: "Lists and rotates signing keys"}
	p.flags(keys)
	family(keys)
	keys.AddCommand(&cobra.Command{
		Use: "list", Short: "Lists the signing keys and their states", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[[]keyring.Info]{method: http.MethodGet, path: adminKeys, limit: shortLimit, do: listKeys}, printKeys)
		},
	}, &cobra.Command{
		Use: "rotate", Short: "Signs with the published next keys, retires the active ones, publishes new next ones", Args: cobra.NoArgs,
		Long: "Signs with the published next keys from now on. Tokens signed with the retired keys stay valid until they expire. " +
			"Services that check tokens themselves should not cache the JWKS for longer than its max-age of five minutes.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[[]keyring.Info]{method: http.MethodPost, path: adminRotate, limit: shortLimit, do: rotateKeys}, printKeys)
		},
	})
	return keys
}

func listKeys(ctx context.Context, d *adminOps) ([]keyring.Info, error)   { return d.ring.List(ctx) }
func rotateKeys(ctx context.Context, d *adminOps) ([]keyring.Info, error) { return d.ring.Rotate(ctx) }

func printKeys(w io.Writer, list []keyring.Info) {
	fmt.Fprintln(w, "USE\tSTATE\tALGORITHM\tCREATED\tREMOVED AT\tKID")
	for _, k := range list {
		removed := "-"
		if !k.RemoveAt.IsZero() {
			removed = k.RemoveAt.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.Use, k.State, k.Algorithm, k.CreatedAt.Format(time.RFC3339), removed, k.KID)
	}
}
