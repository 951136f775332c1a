package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

// move is a transfer from one database to another.
type move struct{ from, to string }

// moved is the answer of `gatehouse migrate-store`.
type moved struct {
	Tables []sqlstore.TransferredTable `json:"tables"`
}

func migrateStoreCommand() *cobra.Command {
	p, m := &cliEnv{}, move{}
	cmd := &cobra.Command{
		Use: "migrate-store --from sqlite:<path> --to postgres://…", Short: "Copies a SQLite file into an empty Postgres database", Args: cobra.NoArgs,
		Long: "Copies every row of a SQLite file into an empty Postgres database, and finally compares every row. The source is not " +
			"changed; nobody is signed out by the move.\n\n" +
			"Stop the gateway first. If the command is interrupted, run it again and it continues. Until it is done, no gateway " +
			"starts on the target. A target that holds anything else, or that a gateway is connected to, is refused.\n\n" +
			"URLs may contain {env.NAME} and {file./path}; use these for a URL with a password.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			progress := func(table string, rows int) {
				if rows%100_000 == 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d rows\n", table, rows)
				}
			}
			done, err := m.run(cmd.Context(), progress)
			if err != nil {
				return p.fail(cmd, err)
			}
			return p.print(cmd.OutOrStdout(), done, func(w io.Writer) { printMoved(w, done) })
		},
	}
	p.formatFlag(cmd)
	cmd.Flags().StringVar(&m.from, "from", "", "the SQLite file, as in the option database")
	cmd.Flags().StringVar(&m.to, "to", "", "the Postgres database, as in the option database")
	for _, name := range []string{"from", "to"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic("the flag was made above: " + err.Error()) // unreachable
		}
	}
	return cmd
}

func (m move) run(ctx context.Context, progress func(string, int)) (done moved, err error) {
	source, err := databaseOf("--from", m.from, "sqlite:")
	if err != nil {
		return done, err
	}
	target, err := databaseOf("--to", m.to, "postgres")
	if err != nil {
		return done, err
	}
	from, err := openUnused(ctx, "--from", source)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := from.Lock(); err != nil {
		return done, err
	}
	to, err := openUnused(ctx, "--to", target)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	done.Tables, err = sqlstore.Transfer(ctx, from, to, progress)
	return done, err
}

// databaseOf returns the URL that a flag gives.
func databaseOf(flag, given, scheme string) (string, error) {
	url, err := readPlaceholders(given)
	switch path, isFile := strings.CutPrefix(url, "sqlite:"); {
	case err != nil:
	case !strings.HasPrefix(url, scheme):
		err = errors.New("only a move from sqlite:<path> to postgres://… is possible")
	case isFile: // opening would make it
		_, err = os.Stat(strings.TrimPrefix(path, "//"))
	}
	if err != nil {
		return "", authcore.Refuse(authcore.InvalidRequest, flag+": "+err.Error())
	}
	return url, nil
}

func openUnused(ctx context.Context, flag, url string) (*sqlstore.Store, error) {
	if err := sqldb.RefuseConnected(ctx, url); err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: url, Logger: logsink.Present(), Now: nodeclock.Now})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return store, nil
}

func printMoved(w io.Writer, done moved) {
	fmt.Fprintln(w, "TABLE\tROWS\tCOPIED NOW")
	for _, t := range done.Tables {
		fmt.Fprintf(w, "%s\t%d\t%d\n", t.Name, t.Rows, t.Copied)
	}
	fmt.Fprintln(w, "\nEvery row has been compared. Set the options database and secret on every node. Use the secret of the "+
		"old gateway: the content of the file secret in its data_dir, unless the option was set.")
}
