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
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
)

const (
	adminBlockAdd    = "/gatehouse/blocks/add"
	adminBlockList   = "/gatehouse/blocks/list"
	adminBlockRemove = "/gatehouse/blocks/remove"
	adminBlockTest   = "/gatehouse/blocks/test"
)

func blockRoutes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: adminBlockAdd, Handler: operation(http.MethodPost, withBody(newBlock.add))},
		{Pattern: adminBlockList, Handler: operation(http.MethodGet, plain(listBlocks))},
		{Pattern: adminBlockRemove, Handler: operation(http.MethodPost, withBody(namedBlock.remove))},
		{Pattern: adminBlockTest, Handler: operation(http.MethodPost, withBody(blockedValue.test))},
	}
}

// newBlock is a rule that whoever runs the gateway adds.
type newBlock struct {
	Kind      string   `json:"kind"`
	Pattern   string   `json:"pattern"`
	For       []string `json:"for,omitempty"`
	Reason    string   `json:"reason,omitempty"`
	ExpiresIn int64    `json:"expires_in,omitempty"` // seconds
}

func (n newBlock) add(ctx context.Context, d *adminOps) (httpapi.Block, error) {
	r, err := d.blocks.Add(ctx, block.AddInput{Kind: n.Kind, Pattern: n.Pattern, For: n.For, Reason: n.Reason, ExpiresIn: time.Duration(n.ExpiresIn) * time.Second})
	return httpapi.ShowBlock(r), err
}

// listBlocks returns every rule, on one page.
func listBlocks(ctx context.Context, d *adminOps) (httpapi.BlockList, error) {
	all := httpapi.BlockList{Blocks: []httpapi.Block{}}
	for at := ""; ; {
		page, err := d.blocks.List(ctx, uuid.Nil, cursor.MaxLimit, at)
		if err != nil {
			return all, err
		}
		all.Blocks = append(all.Blocks, httpapi.ShowBlocks(page.Rules)...)
		if at = page.Next; at == "" {
			return all, nil
		}
	}
}

// namedBlock is a rule by its id.
type namedBlock struct {
	ID string `json:"id"`
}

func (n namedBlock) remove(ctx context.Context, d *adminOps) (namedBlock, error) {
	id, err := uuid.Parse(n.ID)
	if err != nil {
		return n, authcore.Refuse(authcore.NotFound, "No block rule has this id.")
	}
	return n, d.blocks.Remove(ctx, id, uuid.Nil, authcore.Client{})
}

// blockedValue is a value to try the rules with.
type blockedValue struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

func (v blockedValue) test(ctx context.Context, d *adminOps) (httpapi.BlockMatches, error) {
	found, err := d.blocks.Test(ctx, v.Kind, v.Value)
	return httpapi.BlockMatches{Matches: httpapi.ShowBlocks(found)}, err
}

func blockCommand() *cobra.Command {
	p := &cliEnv{}
	top := &cobra.Command{Use: "block", Short: "Adds, lists, removes and tries block rules"}
	p.flags(top)
	family(top)
	top.AddCommand(addBlockCommand(p), &cobra.Command{
		Use: "list", Short: "Lists every rule that holds, those of the configuration too", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(p, cmd, request[httpapi.BlockList]{method: http.MethodGet, path: adminBlockList, limit: shortLimit, do: listBlocks},
				func(w io.Writer, l httpapi.BlockList) { printBlocks(w, l.Blocks) })
		},
	}, &cobra.Command{
		Use: "remove <id>", Short: "Removes a rule that was added while the gateway runs", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := namedBlock{args[0]}
			return run(p, cmd, request[namedBlock]{method: http.MethodPost, path: adminBlockRemove, body: n, limit: shortLimit, do: n.remove},
				func(w io.Writer, _ namedBlock) { fmt.Fprintln(w, "removed") })
		},
	}, &cobra.Command{
		Use: "test <kind> <value>", Short: "Lists the rules that match an address, number, username or client", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			v := blockedValue{args[0], args[1]}
			return run(p, cmd, request[httpapi.BlockMatches]{method: http.MethodPost, path: adminBlockTest, body: v, limit: shortLimit, do: v.test},
				func(w io.Writer, m httpapi.BlockMatches) { printBlocks(w, m.Matches) })
		},
	})
	return top
}

func addBlockCommand(p *cliEnv) *cobra.Command {
	n := newBlock{}
	var expires string
	add := &cobra.Command{Use: "add <kind> <pattern…>", Short: "Adds rules for email, phone, username or ip", Args: cobra.MinimumNArgs(2),
		Long: "Adds a rule for each pattern. It holds on every node within a second, and through reloads and restarts.",
		RunE: func(cmd *cobra.Command, args []string) error {
			n.Kind = args[0]
			if expires != "" {
				life, err := caddy.ParseDuration(expires)
				if err != nil || life < time.Second {
					return p.fail(cmd, authcore.Refuse(authcore.InvalidRequest, fmt.Sprintf("--expires: %q is not a duration of at least 1s; %s.", expires, durationHint(expires))))
				}
				n.ExpiresIn = int64(life / time.Second)
			}
			for _, n.Pattern = range args[1:] {
				one := n
				if err := run(p, cmd, request[httpapi.Block]{method: http.MethodPost, path: adminBlockAdd, body: one, limit: shortLimit, do: one.add},
					func(w io.Writer, b httpapi.Block) { printBlocks(w, []httpapi.Block{b}) }); err != nil {
					return err
				}
			}
			return nil
		}}
	add.Flags().StringSliceVar(&n.For, "for", nil, "what it keeps from: signup,login,send (default signup,send)")
	add.Flags().StringVar(&expires, "expires", "", "how long it holds, such as 1h (default: for ever)")
	add.Flags().StringVar(&n.Reason, "reason", "", "why, for the list")
	return add
}

func printBlocks(w io.Writer, blocks []httpapi.Block) {
	fmt.Fprintln(w, "ID\tKIND\tPATTERN\tFOR\tSOURCE\tEXPIRES\tHITS\tREASON")
	for _, b := range blocks {
		expires := "-"
		if b.ExpiresAt != nil {
			expires = b.ExpiresAt.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", b.ID, b.Kind, b.Pattern, strings.Join(b.For, ","), b.Source, expires, b.Hits, orDash(b.Reason))
	}
}
