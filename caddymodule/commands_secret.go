package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/operator"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

func secretCommand() *cobra.Command {
	p := &cliEnv{}
	s := &cobra.Command{Use: "secret", Short: "Changes the secret that encrypts keys and waiting mails in the database"}
	p.flags(s)
	family(s)
	s.AddCommand(&cobra.Command{
		Use: "rotate", Short: "Re-encrypts the database with the new secret alone", Args: cobra.NoArgs,
		Long: "Re-encrypts everything in the database that is still under an old secret. Nobody is signed out.\n\n" +
			"If the option `secret` is set, its first value is the new secret. Every node must have loaded it already; " +
			"afterwards you can remove the others. If it is not set, a new secret is written to data_dir, and the old one is removed.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[rotated]{method: http.MethodPost, path: adminSecret, limit: longLimit, do: rotateSecret}, printRotated)
		},
	}, resetCommand(p))
	return s
}

func rotateSecret(ctx context.Context, d *adminOps) (rotated, error) { return d.rotateSecret(ctx) }

func printRotated(w io.Writer, r rotated) {
	if r.File != "" {
		fmt.Fprintf(w, "new secret in\t%s\n", r.File)
	}
	fmt.Fprintf(w, "keys re-encrypted\t%d\nmails re-encrypted\t%d\nlinks re-encrypted\t%d\nfactors re-encrypted\t%d\nprovider grants re-encrypted\t%d\n", r.Keys, r.Mails, r.Links, r.Seeds,
		r.Grants)
}

func resetCommand(p *cliEnv) *cobra.Command {
	sure := false
	reset := &cobra.Command{
		Use: "reset --sign-everyone-out", Short: "Discards what only a lost secret can decrypt, and signs everyone out", Args: cobra.NoArgs,
		Long: "Use this if the secret is lost. It removes the keys and mails in the database that the current secret cannot decrypt, makes new " +
			"keys, and signs everyone out. Accounts and passwords stay. If the option `secret` is not set and its file is gone, a " +
			"new secret is made.\n\nStop every gateway on the database first: the command refuses to run while one is connected to Postgres or uses the SQLite file.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !sure {
				return usageError(cmd, errors.New("this signs everyone out and drops waiting mails: confirm with --sign-everyone-out"))
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), longLimit)
			defer cancel()
			done, err := p.reset(ctx)
			if err != nil {
				return p.fail(cmd, err)
			}
			return p.print(cmd.OutOrStdout(), done, func(w io.Writer) {
				printEnded(w, done.Ended)
				fmt.Fprintf(w, "mails dropped\t%d\nlinks dropped\t%d\nfactors dropped\t%d\nprovider grants dropped\t%d\n", done.Mails, done.Links, done.Seeds,
					done.Grants)
			})
		},
	}
	reset.Flags().BoolVar(&sure, "sign-everyone-out", false, "confirm that everyone will be signed out")
	return reset
}

func (p *cliEnv) reset(ctx context.Context) (operator.Discarded, error) {
	switch err := p.ask(ctx, http.MethodGet, adminKeys, nil, new(any)); {
	case err == nil:
		return operator.Discarded{}, authcore.Refuse(authcore.Conflict, "A gateway is still running. Stop every gateway on this database first.")
	case !errors.Is(err, errNotRunning):
		return operator.Discarded{}, fmt.Errorf("look whether a gateway is running: %w", err)
	}
	cfg, err := p.resolved()
	if err != nil {
		return operator.Discarded{}, err
	}
	// A node that goes on would have no key that it can open, and sign nobody in.
	if err := sqldb.RefuseConnected(ctx, cfg.database.RevealString()); err != nil {
		return operator.Discarded{}, err
	}
	cfg.replaceSecret = true
	return openAs(ctx, cfg, func(ctx context.Context, d *adminOps) (operator.Discarded, error) {
		return d.operator.Discard(ctx, d.sealer)
	})
}
