// Command gatehouse is Caddy with Gatehouse in it: Caddy's own commands, and Gatehouse's at top level.
package main

import (
	"fmt"
	"os"
	"slices"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/gatehouse-auth/gatehouse/caddymodule"
)

func main() {
	if slices.Equal(os.Args[min(1, len(os.Args)):], []string{"version"}) {
		fmt.Println(version())
		return
	}
	// `gatehouse keys …` is `caddy gatehouse keys …`.
	if len(os.Args) > 1 && slices.Contains(caddymodule.Subcommands(), os.Args[1]) {
		os.Args = slices.Insert(os.Args, 1, "gatehouse")
	}
	if err := caddymodule.CheckSecondStart(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "gatehouse:", err)
		os.Exit(1)
	}
	caddycmd.Main()
}
