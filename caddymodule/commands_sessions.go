package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/operator"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
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

func sessionCommand() *cobra.Command {
	p := &cliEnv{}
	session := &cobra.Command{Use: "session", Short: "Lists and ends sessions"}
	p.flags(session)
	family(session)
	session.AddCommand(listSessionsCommand(p), endSessionsCommand(p))
	return session
}

func listSessionsCommand(p *cliEnv) *cobra.Command {
	l := sessionList{}
	cmd := &cobra.Command{
		Use: "list [--user <user>] [--ip <address>] [--host <host>]", Short: "Lists live sessions, the newest first", Args: cobra.NoArgs,
		Long: "Lists live sessions, the newest first. A session of a sign-in is of no host; one that was handed over is of the host it was handed to. " +
			"If there are more, the last line says how to go on. " + whichNumbered,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[httpapi.AllSessions]{method: http.MethodPost, path: adminSessionList, body: l, limit: shortLimit, do: l.read}, printSessions)
		},
	}
	cmd.Flags().StringVar(&l.User, "user", "", "of this account: its id, number, e-mail address or username")
	cmd.Flags().StringVar(&l.IP, "ip", "", "last seen from this address")
	cmd.Flags().StringVar(&l.Host, "host", "", "handed over to this host, with its port unless that is the default")
	cmd.Flags().IntVar(&l.Limit, "limit", cursor.DefaultLimit, "how many at most, 1 to 200")
	cmd.Flags().StringVar(&l.Cursor, "cursor", "", "where the list before ended")
	return cmd
}

func endSessionsCommand(p *cliEnv) *cobra.Command {
	e, yes := sessionEnd{}, false
	cmd := &cobra.Command{
		Use: "end {<id>… | --user <user> | --all [--yes]}", Short: "Ends sessions", Args: cobra.ArbitraryArgs,
		Long: "Ends the sessions that are named, every session of an account, or everybody's. At a terminal it asks before it ends everybody's, unless --yes is given. " +
			"The keys of access tokens stay, and codes and links that were sent; `sessions revoke --all` replaces and invalidates those too. " + whichNumbered,
		RunE: func(cmd *cobra.Command, args []string) error {
			e.IDs = args
			if err := e.check(); err != nil {
				return usageError(cmd, err)
			}
			if e.All && !yes && atTerminal(cmd) && !confirmed(cmd, "Sign everybody out?") {
				return usageError(cmd, errors.New("no session was ended: answer yes, or give --yes"))
			}
			return run(p, cmd, request[endedSessions]{method: http.MethodPost, path: adminSessionEnd, body: e, limit: longLimit, do: e.apply}, func(w io.Writer, n endedSessions) {
				fmt.Fprintf(w, "sessions ended\t%d\n", n.Revoked)
			})
		},
	}
	cmd.Flags().StringVar(&e.User, "user", "", "the account's id, number, e-mail address or username")
	cmd.Flags().BoolVar(&e.All, "all", false, "everybody's")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func printSessions(w io.Writer, list httpapi.AllSessions) {
	fmt.Fprint(w, "id\taccount\tlast seen\taddress\tdevice\thost\n")
	for _, s := range list.Sessions {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.UserID, s.LastSeenAt.Format(time.RFC3339), orDash(s.IP), orDash(s.Device), orDash(s.Host))
	}
	if list.Next != nil {
		fmt.Fprintf(w, "more: --cursor %s\n", *list.Next)
	}
}
