package caddymodule

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestFamily: a word that is no command is an error that a script sees, in every family; the family's name alone is none.
func TestFamily(t *testing.T) {
	t.Parallel()
	families := 0
	for _, sub := range subcommands {
		top := sub.make()
		if !top.HasSubCommands() {
			continue
		}
		families++
		for _, args := range [][]string{{}, {"lst"}, {"lst", "x"}, {"--json", "lst"}, {""}} {
			parent, said := &cobra.Command{Use: "gatehouse"}, &bytes.Buffer{}
			parent.AddCommand(sub.make())
			parent.SetArgs(append([]string{sub.name}, args...))
			parent.SetOut(said)
			parent.SetErr(said)
			err := parent.Execute()
			if wrong := len(args) > 0; wrong != (err != nil) {
				t.Errorf("%s %q: %v", sub.name, args, err)
			} else if wrong && (!strings.Contains(fmt.Sprintf("%#v", err), "ExitCode:2") || !strings.Contains(said.String(), "it is one of: "+top.Commands()[0].Name())) {
				t.Errorf("%s %q ends with %#v and says %s", sub.name, args, err, said)
			}
		}
	}
	if families < 3 {
		t.Errorf("%d families of commands", families)
	}
}
