package caddymodule

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/operator"
)

// target says whose sessions end: exactly one of the two.
type target struct {
	User string `json:"user,omitempty"`
	All  bool   `json:"all,omitempty"`
}

func sessionsCommand() *cobra.Command {
	p, w := &cliEnv{}, target{}
	sessions := &cobra.Command{Use: "sessions", Short: "Ends sessions"}
	p.flags(sessions)
	family(sessions)
	revoke := &cobra.Command{
		Use: "revoke {--user <id|email|username> | --all}", Short: "Ends every session of an account, or of everyone", Args: cobra.NoArgs,
		Long: "Ends every session of an account, or of everyone. The gateway that runs the command refuses the tokens before the command " +
			"returns; other nodes follow within a second if Redis is up, and within five without it.\n\n" +
			"With --all the keys of access tokens are replaced too. So it also reaches tokens of sessions that the database does not " +
			"know (after restoring a backup), and invalidates every code and link that has been sent. Services that check " +
			"tokens themselves must fetch the key set again. If the command is interrupted, run it again.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[operator.Ended]{method: http.MethodPost, path: adminRevoke, body: w, limit: longLimit, do: w.revoke}, printEnded)
		},
	}
	revoke.Flags().StringVar(&w.User, "user", "", "the account's id, e-mail address or username")
	revoke.Flags().BoolVar(&w.All, "all", false, "everyone")
	revoke.MarkFlagsOneRequired("user", "all")
	revoke.MarkFlagsMutuallyExclusive("user", "all")
	sessions.AddCommand(revoke)
	return sessions
}

func (w target) revoke(ctx context.Context, d *adminOps) (operator.Ended, error) {
	if w.All {
		return d.operator.RevokeAll(ctx)
	}
	return d.operator.RevokeUser(ctx, w.User)
}

func printEnded(w io.Writer, e operator.Ended) {
	if e.Account != nil {
		fmt.Fprintf(w, "account\t%s\n", e.Account)
	}
	fmt.Fprintf(w, "sessions ended\t%d\n", e.Sessions)
	if e.Account == nil {
		fmt.Fprintf(w, "keys replaced\t%d\ncodes and links invalidated\t%d\n", e.Keys, e.Codes)
	}
}
