package caddymodule

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
)

func listUsersCommand(p *cliEnv) *cobra.Command {
	l := userList{}
	cmd := &cobra.Command{
		Use: "list [--q <beginning>] [--role <role>]", Short: "Lists accounts, the newest first", Args: cobra.NoArgs,
		Long: "Lists accounts, the newest first. --q is the beginning of an address, username, number or name, or a whole id or number. " +
			"If there are more, the last line says how to go on.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[userPage]{method: http.MethodPost, path: adminUserList, body: l, limit: shortLimit, do: l.read}, printUsers)
		},
	}
	cmd.Flags().StringVar(&l.Search, "q", "", "the beginning of an address, username, number or name")
	cmd.Flags().StringVar(&l.Role, "role", "", "accounts with this role")
	cmd.Flags().IntVar(&l.Limit, "limit", cursor.DefaultLimit, "how many at most, 1 to 200")
	cmd.Flags().StringVar(&l.Cursor, "cursor", "", "where the list before ended")
	return cmd
}

func printUsers(w io.Writer, page userPage) {
	fmt.Fprint(w, "number\tid\temail\tusername\troles\tstate\n")
	for _, u := range page.Users {
		name, state := "", "enabled"
		if u.Username != nil {
			name = *u.Username
		}
		if u.Disabled {
			state = "disabled"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", u.Number, u.ID, orDash(u.Email), orDash(name), orDash(strings.Join(u.Roles, " ")), state)
	}
	if page.Next != nil {
		fmt.Fprintf(w, "more: --cursor %s\n", *page.Next)
	}
}

func getUserCommand(p *cliEnv) *cobra.Command {
	return &cobra.Command{
		Use: "get <user>", Short: "Shows an account", Args: cobra.ExactArgs(1), Long: "Shows an account. " + whichNumbered,
		RunE: func(cmd *cobra.Command, args []string) error {
			n := namedUser{args[0]}
			return run(p, cmd, request[managedUser]{method: http.MethodPost, path: adminUserGet, body: n, limit: shortLimit, do: n.get}, printUser)
		},
	}
}

func updateUserCommand(p *cliEnv) *cobra.Command {
	given := struct{ email, phone, username, first, last, reason string }{}
	cmd := &cobra.Command{
		Use: "update <user> [--email …] [--phone …] [--username …] [--first-name …] [--last-name …] [--reason …]", Short: "Changes an account", Args: cobra.ExactArgs(1),
		Long: "Changes what is given; an empty value removes a field. Another address or number is unverified and ends every session; the former address is " +
			"told, and can take it back for 7 days. For as long what is sent to the new one asks for an existing second factor besides, where there is one. " +
			"That of an administrator is changed by this command alone. " + whichNumbered,
		RunE: func(cmd *cobra.Command, args []string) error {
			u := userUpdate{User: args[0]}
			for name, into := range map[string]struct {
				value *string
				at    **string
			}{"email": {&given.email, &u.Email}, "phone": {&given.phone, &u.Phone}, "username": {&given.username, &u.Username}, "first-name": {&given.first, &u.FirstName}, "last-name": {&given.last, &u.LastName}, "reason": {&given.reason, &u.Reason}} {
				if cmd.Flags().Changed(name) {
					*into.at = into.value
				}
			}
			return run(p, cmd, request[managedUser]{method: http.MethodPost, path: adminUserUpdate, body: u, limit: shortLimit, do: u.apply}, printUser)
		},
	}
	cmd.Flags().StringVar(&given.email, "email", "", "e-mail address")
	cmd.Flags().StringVar(&given.phone, "phone", "", "number, in international format")
	cmd.Flags().StringVar(&given.username, "username", "", "username")
	cmd.Flags().StringVar(&given.first, "first-name", "", "first name")
	cmd.Flags().StringVar(&given.last, "last-name", "", "last name")
	cmd.Flags().StringVar(&given.reason, "reason", "", "why the account is disabled")
	cmd.MarkFlagsOneRequired("email", "phone", "username", "first-name", "last-name", "reason")
	return cmd
}

func deleteUserCommand(p *cliEnv) *cobra.Command {
	yes := false
	cmd := &cobra.Command{
		Use: "delete <user> [--yes]", Short: "Deletes an account and everything that is kept about its owner", Args: cobra.ExactArgs(1),
		Long: "Deletes an account at once, and everything that is kept about its owner. Nothing brings it back. It asks first, unless --yes is given. " + whichNumbered,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes && !confirmed(cmd, "Delete the account "+args[0]+" and everything that is kept about its owner?") {
				return usageError(cmd, fmt.Errorf("nothing was deleted: answer yes, or give --yes"))
			}
			n := namedUser{args[0]}
			return run(p, cmd, request[deletedUser]{method: http.MethodPost, path: adminUserDelete, body: n, limit: shortLimit, do: n.delete}, func(w io.Writer, d deletedUser) {
				fmt.Fprintf(w, "deleted\t%s\n", d.ID)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// confirmed asks on the standard error, and reads the answer from the standard input.
func confirmed(cmd *cobra.Command, question string) bool {
	fmt.Fprint(cmd.ErrOrStderr(), question+" [yes/no] ")
	line, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	return strings.TrimSpace(line) == "yes"
}

// atTerminal reports whether somebody is there whom a command can ask.
func atTerminal(cmd *cobra.Command) bool {
	file, is := cmd.InOrStdin().(*os.File)
	return is && term.IsTerminal(int(file.Fd()))
}

func unlockUserCommand(p *cliEnv) *cobra.Command {
	return &cobra.Command{
		Use: "unlock <user>", Short: "Forgets the wrong passwords that lock an account", Args: cobra.ExactArgs(1), Long: "Forgets the wrong passwords that lock an account. " + whichNumbered,
		RunE: func(cmd *cobra.Command, args []string) error {
			n := namedUser{args[0]}
			return run(p, cmd, request[managedUser]{method: http.MethodPost, path: adminUserUnlock, body: n, limit: shortLimit, do: n.unlock}, printUser)
		},
	}
}

const whichNumbered = "<user> is the account's id, number, e-mail address or username."
