package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/operator"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

func secretCommand() *cobra.Command {
	p := &place{}
	s := &cobra.Command{Use: "secret", Short: "Changes the secret that encrypts keys and waiting mails in the database"}
	p.flags(s)
	family(s)
	s.AddCommand(&cobra.Command{
		Use: "rotate", Short: "Lets a new secret alone open the database", Args: cobra.NoArgs,
		Long: "Seals everything in the database that lies under an old secret under the new one. Nobody is signed out.\n\n" +
			"Where the option `secret` is set, its first one is the new one. Every node must have been loaded with it already; " +
			"afterwards the others can be removed. Where it is not, a new one is made in the data folder, and the old one is gone at the end.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[rotated]{method: http.MethodPost, path: adminSecret, limit: longLimit, do: rotateSecret}, printRotated)
		},
	}, resetCommand(p))
	return s
}

func rotateSecret(ctx context.Context, d *desk) (rotated, error) { return d.rotateSecret(ctx) }

func printRotated(w io.Writer, r rotated) {
	if r.File != "" {
		fmt.Fprintf(w, "new secret in\t%s\n", r.File)
	}
	fmt.Fprintf(w, "keys sealed anew\t%d\nmails sealed anew\t%d\n", r.Keys, r.Mails)
}

func resetCommand(p *place) *cobra.Command {
	sure := false
	reset := &cobra.Command{
		Use: "reset --sign-everyone-out", Short: "Gives up what a lost secret has sealed, and signs everybody out", Args: cobra.NoArgs,
		Long: "For a secret that is lost: removes the keys and mails in the database that the present secret does not open, makes new " +
			"keys, and signs everybody out. Accounts and passwords stay. Where the option `secret` is not set and its file is gone, a " +
			"new one is made.\n\nEvery gateway on the database must be stopped: while one is connected to Postgres, or has the SQLite file, nothing is done.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SilenceUsage = true
			ctx, cancel := context.WithTimeout(cmd.Context(), longLimit)
			defer cancel()
			if !sure {
				return errors.New("this signs everybody out and drops waiting mails: say so with --sign-everyone-out")
			}
			done, err := p.reset(ctx)
			if err != nil {
				return err
			}
			return p.print(cmd.OutOrStdout(), done, func(w io.Writer) {
				printEnded(w, done.Ended)
				fmt.Fprintf(w, "mails dropped\t%d\n", done.Mails)
			})
		},
	}
	reset.Flags().BoolVar(&sure, "sign-everyone-out", false, "that this is what you want")
	return reset
}

func (p *place) reset(ctx context.Context) (operator.Discarded, error) {
	err := p.ask(ctx, http.MethodGet, adminKeys, nil, new(any))
	if !errors.Is(err, errNotRunning) {
		return operator.Discarded{}, errors.Join(errors.New("a gateway is still running: stop every gateway on this database first"), err)
	}
	cfg, err := p.resolved()
	if err != nil {
		return operator.Discarded{}, err
	}
	// A node that goes on would have no key that it can open, and sign nobody in.
	if err := sqlstore.RefuseOthers(ctx, cfg.database.RevealString()); err != nil {
		return operator.Discarded{}, err
	}
	cfg.replaceSecret = true
	return openAs(ctx, cfg, func(ctx context.Context, d *desk) (operator.Discarded, error) {
		return d.operator.Discard(ctx, d.sealer)
	})
}
