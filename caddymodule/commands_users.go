package caddymodule

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func userCommand() *cobra.Command {
	p := &cliEnv{}
	user := &cobra.Command{Use: "user", Short: "Lists, shows, creates, changes and deletes accounts, gives and takes roles, resets second factors"}
	p.flags(user)
	family(user)
	user.AddCommand(listUsersCommand(p), getUserCommand(p), updateUserCommand(p), deleteUserCommand(p), unlockUserCommand(p), createUserCommand(p), disableUserCommand(p), enableUserCommand(p), roleCommand(p), factorsCommand(p), twoFactorCommand(p), resetUserCommand(p), setupLinkCommand(p))
	return user
}

func createUserCommand(p *cliEnv) *cobra.Command {
	n := newUser{}
	cmd := &cobra.Command{
		Use: "create {--email <address> | --username <name>} [--role <role>]… [--admin] [--service]", Short: "Creates an account and prints a link to choose its password", Args: cobra.NoArgs,
		Long: "Creates an account without a password, and prints a link with which its owner chooses one within 24 hours. Give the link to " +
			"nobody else. An address that you name here counts as verified: check that it is right. A service has a username and roles, and nobody signs in to it.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[createdUser]{method: http.MethodPost, path: adminUserCreate, body: n, limit: shortLimit, do: n.create}, printCreated)
		},
	}
	cmd.Flags().StringVar(&n.Email, "email", "", "e-mail address")
	cmd.Flags().StringVar(&n.Username, "username", "", "username")
	cmd.Flags().StringArrayVar(&n.Roles, "role", nil, "a role; may be repeated")
	cmd.Flags().BoolVar(&n.Admin, "admin", false, "make it an administrator")
	cmd.Flags().BoolVar(&n.Service, "service", false, "make it a service: it has a username and no address or password")
	cmd.MarkFlagsOneRequired("email", "username")
	return cmd
}

func disableUserCommand(p *cliEnv) *cobra.Command {
	return &cobra.Command{
		Use: "disable <user>", Short: "Keeps the owner of an account out until it is enabled", Args: cobra.ExactArgs(1),
		Long: "Ends every session of an account, its open connections, codes and links, and refuses sign-ins until it is enabled. " +
			"The gateway that runs the command refuses the tokens before the command returns; other nodes follow within a second if Redis is up, " +
			"and within five without it. The last administrator cannot be disabled. " + whichNumbered,
		RunE: func(cmd *cobra.Command, args []string) error {
			n := namedUser{args[0]}
			return run(p, cmd, request[managedUser]{method: http.MethodPost, path: adminUserDisable, body: n, limit: shortLimit, do: n.disable}, printUser)
		},
	}
}

func enableUserCommand(p *cliEnv) *cobra.Command {
	return &cobra.Command{
		Use: "enable <user>", Short: "Lets the owner of an account sign in again", Args: cobra.ExactArgs(1),
		Long: "Lets the owner of a disabled account sign in again. Sessions, codes and links from before stay dead. " + whichNumbered,
		RunE: func(cmd *cobra.Command, args []string) error {
			n := namedUser{args[0]}
			return run(p, cmd, request[managedUser]{method: http.MethodPost, path: adminUserEnable, body: n, limit: shortLimit, do: n.enable}, printUser)
		},
	}
}

func roleCommand(p *cliEnv) *cobra.Command {
	role := &cobra.Command{Use: "role", Short: "Gives roles to an account, or takes them away"}
	family(role)
	for _, c := range []struct {
		name, short, long string
		change            func(user string, roles []string) roleChange
	}{
		{"add", "Gives roles to an account", "Gives roles to an account.",
			func(user string, roles []string) roleChange { return roleChange{User: user, Add: roles} }},
		{"remove", "Takes roles from an account", "Takes roles from an account. The last administrator stays one, and a role that the option admins gives is taken away there.",
			func(user string, roles []string) roleChange { return roleChange{User: user, Remove: roles} }},
	} {
		role.AddCommand(&cobra.Command{
			Use: c.name + " <user> <role>…", Short: c.short, Args: cobra.MinimumNArgs(2),
			Long: c.long + " Sessions go on; access tokens with the old roles are refused within the same time as those of a disabled account, and renewed. " + whichNumbered,
			RunE: func(cmd *cobra.Command, args []string) error {
				change := c.change(args[0], args[1:])
				return run(p, cmd, request[managedUser]{method: http.MethodPost, path: adminUserRoles, body: change, limit: shortLimit, do: change.apply}, printUser)
			},
		})
	}
	return role
}

func factorsCommand(p *cliEnv) *cobra.Command {
	factors := &cobra.Command{Use: "factors", Short: "Resets the second factors of an account"}
	family(factors)
	factors.AddCommand(&cobra.Command{
		Use: "reset <user>", Short: "Removes the second factors of somebody who has lost them", Args: cobra.ExactArgs(1),
		Long: "Removes every second factor and recovery code of an account, switches its two-factor authentication off and ends its sessions. The owner is " +
			"told by a mail, whose link takes it back; if no gateway runs, the mail waits until one starts. Make sure first that it is the owner who asks. " + whichNumbered,
		RunE: func(cmd *cobra.Command, args []string) error {
			n := namedUser{args[0]}
			return run(p, cmd, request[resetUser]{method: http.MethodPost, path: adminFactors, body: n, limit: shortLimit, do: n.resetFactors}, func(w io.Writer, u resetUser) {
				printUser(w, u.ManagedUser)
				fmt.Fprintf(w, "factors removed\t%d\n", u.Removed)
			})
		},
	})
	return factors
}

func twoFactorCommand(p *cliEnv) *cobra.Command {
	mfa := &cobra.Command{Use: "2fa", Short: "Requires a second factor of an account, or no longer does"}
	family(mfa)
	for _, c := range []struct {
		name, short, long string
		require           bool
	}{
		{"require", "Has sign-ins of an account ask for a second factor", "Has sign-ins of an account ask for a second factor, whatever its owner has chosen. Who has none adds one on the way. Sessions go on.", true},
		{"release", "Requires no second factor of an account any more", "Requires no second factor of an account any more. What the owner has switched on stays on, and what the option mfa demands.", false},
	} {
		mfa.AddCommand(&cobra.Command{
			Use: c.name + " <user>", Short: c.short, Args: cobra.ExactArgs(1), Long: c.long + " The owner is told. " + whichNumbered,
			RunE: func(cmd *cobra.Command, args []string) error {
				m := mfaDemand{User: args[0], Require: c.require}
				return run(p, cmd, request[managedUser]{method: http.MethodPost, path: adminUserMFA, body: m, limit: shortLimit, do: m.apply}, printUser)
			},
		})
	}
	return mfa
}

func resetUserCommand(p *cliEnv) *cobra.Command {
	return &cobra.Command{
		Use: "reset <user>", Short: "Mails the owner of an account a link to choose a new password", Args: cobra.ExactArgs(1),
		Long: "Mails the owner of an account a code and link to choose a new password. You see neither, and the present password works until then. " +
			"If no gateway runs, the mail waits until one starts. " + whichNumbered,
		RunE: func(cmd *cobra.Command, args []string) error {
			n := namedUser{args[0]}
			return run(p, cmd, request[managedUser]{method: http.MethodPost, path: adminUserReset, body: n, limit: shortLimit, do: n.reset}, printUser)
		},
	}
}

func setupLinkCommand(p *cliEnv) *cobra.Command {
	return &cobra.Command{
		Use: "setup-link", Short: "Prints a one-time link to make an administrator", Args: cobra.NoArgs,
		Long: "Prints a link with which somebody makes one new account that is an administrator, within 24 hours. A gateway without " +
			"accounts prints one when it starts; this command makes a new one at any time. The former link stops working.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[setupLink]{method: http.MethodPost, path: adminSetupLink, limit: shortLimit, do: newSetupLink}, func(w io.Writer, l setupLink) {
				fmt.Fprintf(w, "link\t%s\nuntil\t%s\n", l.Link, l.ExpiresAt.UTC().Format(time.RFC3339))
			})
		},
	}
}

func printCreated(w io.Writer, u createdUser) {
	printUser(w, u.ManagedUser)
	if u.Link == "" {
		return
	}
	fmt.Fprintf(w, "choose a password\t%s\nuntil\t%s\n", u.Link, u.ExpiresAt.UTC().Format(time.RFC3339))
}

func printUser(w io.Writer, u managedUser) {
	name := ""
	if u.Username != nil {
		name = *u.Username
	}
	state := "enabled"
	if u.Disabled {
		state = "disabled"
	}
	fmt.Fprintf(w, "account\t%s\nemail\t%s\nusername\t%s\nroles\t%s\nstate\t%s\n", u.ID, orDash(u.Email), orDash(name), orDash(strings.Join(u.Roles, " ")), state)
}

func orDash(s string) string { return cmp.Or(s, "-") }
