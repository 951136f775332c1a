package caddymodule

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
)

const (
	adminInviteCreate = "/gatehouse/invitations/create"
	adminInviteList   = "/gatehouse/invitations/list"
	adminInviteRevoke = "/gatehouse/invitations/revoke"
)

func invitationRoutes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: adminInviteCreate, Handler: operation(http.MethodPost, withBody(newInvitation.create))},
		{Pattern: adminInviteList, Handler: operation(http.MethodGet, plain(listInvitations))},
		{Pattern: adminInviteRevoke, Handler: operation(http.MethodPost, withBody(namedInvitation.revoke))},
	}
}

// newInvitation is one that whoever runs the gateway makes.
type newInvitation struct {
	Email string   `json:"email,omitempty"`
	Phone string   `json:"phone,omitempty"`
	Roles []string `json:"roles,omitempty"`
}

// managedInvitation is an invitation as whoever runs the gateway sees it.
type managedInvitation struct {
	ID        uuid.UUID                 `json:"id"`
	Email     string                    `json:"email"`
	Phone     string                    `json:"phone"`
	Roles     []string                  `json:"roles"`
	InvitedBy *uuid.UUID                `json:"invited_by"`
	Status    authcore.InvitationStatus `json:"status"`
	CreatedAt time.Time                 `json:"created_at"`
	ExpiresAt time.Time                 `json:"expires_at"`
	UsedBy    *uuid.UUID                `json:"used_by"`
	Token     string                    `json:"token,omitempty"`
	URL       string                    `json:"url,omitempty"`
}

// invitationList is the answer of `gatehouse invite list`: that of the API, with everything on one page.
type invitationList struct {
	Invitations []managedInvitation `json:"invitations"`
	Next        *string             `json:"next"`
}

func (d *adminOps) managedInvitation(i authcore.Invitation) managedInvitation {
	m := managedInvitation{ID: i.ID, Roles: append([]string{}, i.Roles...), Status: i.Status(d.now.Now()),
		CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt}
	if i.Channel == authcore.BySMS {
		m.Phone = i.Address
	} else {
		m.Email = i.Address
	}
	if i.InviterID != uuid.Nil {
		m.InvitedBy = &i.InviterID
	}
	if i.UsedBy != uuid.Nil {
		m.UsedBy = &i.UsedBy
	}
	return m
}

func (n newInvitation) create(ctx context.Context, d *adminOps) (managedInvitation, error) {
	if n.Email+n.Phone != "" && !d.hasPages() {
		return managedInvitation{}, errNoPages()
	}
	made, err := d.invite.CreateAsOperator(ctx, invite.Input{Email: n.Email, Phone: n.Phone, Roles: n.Roles, Client: authcore.Client{Portal: d.portal}})
	if err != nil {
		return managedInvitation{}, err
	}
	m := d.managedInvitation(made.Invitation)
	m.Token, m.URL = made.Token, made.URL
	return m, nil
}

func listInvitations(ctx context.Context, d *adminOps) (invitationList, error) {
	list := invitationList{Invitations: []managedInvitation{}}
	all, err := d.invite.ListAll(ctx)
	for _, i := range all {
		list.Invitations = append(list.Invitations, d.managedInvitation(i))
	}
	return list, err
}

// namedInvitation is an invitation by its id.
type namedInvitation struct {
	ID string `json:"id"`
}

func (n namedInvitation) revoke(ctx context.Context, d *adminOps) (namedInvitation, error) {
	id, err := uuid.Parse(n.ID)
	if err != nil {
		return n, authcore.Refuse(authcore.NotFound, "No open invitation has this id.")
	}
	return n, d.invite.RevokeAsOperator(ctx, id, admin.ByOperator)
}

func inviteCommand() *cobra.Command {
	p := &cliEnv{}
	top := &cobra.Command{Use: "invite", Short: "Invites people, lists and revokes invitations"}
	p.flags(top)
	family(top)
	n := newInvitation{}
	create := &cobra.Command{
		Use: "create [--email <address> | --phone <number>] [--role <role>]…", Short: "Invites somebody", Args: cobra.NoArgs,
		Long: "Invites somebody. With --email or --phone the link goes there alone, and using it verifies the address or number; where no gateway runs, it is " +
			"sent once one starts. With neither, the link is printed, once; whoever has it makes one account. The roles admin and auditor need --email or --phone.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[managedInvitation]{method: http.MethodPost, path: adminInviteCreate, body: n, limit: shortLimit, do: n.create}, printInvitation)
		},
	}
	create.Flags().StringVar(&n.Email, "email", "", "e-mail address")
	create.Flags().StringVar(&n.Phone, "phone", "", "phone number")
	create.MarkFlagsMutuallyExclusive("email", "phone")
	create.Flags().StringArrayVar(&n.Roles, "role", nil, "a role that the account gets; may be repeated")
	top.AddCommand(create, &cobra.Command{
		Use: "list", Short: "Lists the invitations of everyone", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[invitationList]{method: http.MethodGet, path: adminInviteList, limit: shortLimit, do: listInvitations}, printInvitations)
		},
	}, &cobra.Command{
		Use: "revoke <id>", Short: "Makes an open invitation useless", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := namedInvitation{args[0]}
			return run(p, cmd, request[namedInvitation]{method: http.MethodPost, path: adminInviteRevoke, body: n, limit: shortLimit, do: n.revoke},
				func(w io.Writer, n namedInvitation) { fmt.Fprintf(w, "revoked\t%s\n", n.ID) })
		},
	})
	return top
}

func printInvitation(w io.Writer, i managedInvitation) {
	fmt.Fprintf(w, "invitation\t%s\nto\t%s\nroles\t%s\nuntil\t%s\n", i.ID, orDash(i.Email+i.Phone), orDash(strings.Join(i.Roles, " ")), i.ExpiresAt.UTC().Format(time.RFC3339))
	if i.URL != "" {
		fmt.Fprintf(w, "link\t%s\n", i.URL)
	}
}

func printInvitations(w io.Writer, l invitationList) {
	fmt.Fprintln(w, "ID\tSTATUS\tTO\tROLES\tUNTIL")
	for _, i := range l.Invitations {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", i.ID, i.Status, orDash(i.Email+i.Phone), orDash(strings.Join(i.Roles, " ")), i.ExpiresAt.UTC().Format(time.RFC3339))
	}
}
