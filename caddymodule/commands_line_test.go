package caddymodule

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestCommandLine_Wrong: every command ends with 2 on arguments and flags that it does not take, and where some are missing.
func TestCommandLine_Wrong(t *testing.T) {
	t.Parallel()
	lines := [][]string{
		{"gatehouse", "nope"}, {"gatehouse", "--nope"}, {"gatehouse", "keys", "lst"},
		{"gatehouse", "sessions", "revoke"}, {"gatehouse", "sessions", "revoke", "--user", "ada", "--all"}, {"gatehouse", "sessions", "revoke", "--user"},
		{"gatehouse", "secret", "reset"}, {"gatehouse", "secret", "reset", "--sign-everyone-out=no"},
		{"gatehouse", "mail", "test"}, {"gatehouse", "mail", "test", "no address"},
		{"gatehouse", "migrate-store"}, {"gatehouse", "migrate-store", "--from", "sqlite:x"}, {"gatehouse", "migrate-store", "--to", "postgres://x"},
	}
	commands := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, wrong := range [][]string{{"--nope"}, {"one", "two"}, {"--json=perhaps"}, {"-x", "one"}} {
			commands++
			if (strings.Contains(cmd.Use, "<role>…") || strings.Count(cmd.Use, "<") == 2) && slices.Equal(wrong, []string{"one", "two"}) {
				continue // as many as there are
			}
			lines = append(lines, append(strings.Fields(cmd.CommandPath()), wrong...))
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(commandsBelow(nil))
	if commands < 4*11 {
		t.Errorf("%d command lines were made", commands)
	}
	for _, line := range lines {
		code, said := endOf(line)
		if code != "ExitCode:2" || !strings.HasPrefix(said, "Error: ") || strings.Count(said, "\n") != 2 {
			t.Errorf("%q ends with %s and says %q", line, code, said)
		}
	}
	for _, line := range [][]string{{"gatehouse", "keys"}, {"gatehouse", "sessions", "revoke", "--help"}, {"gatehouse", "migrate-store", "-h"}} {
		if code, said := endOf(line); code != "ExitCode:0" || !strings.Contains(said, "Usage:") {
			t.Errorf("%q ends with %s and says %q", line, code, said)
		}
	}
}

func commandsBelow(said *bytes.Buffer) *cobra.Command {
	top := &cobra.Command{Use: "gatehouse"}
	addCommands(top)
	top.SetOut(said)
	top.SetErr(said)
	return top
}

// endOf runs a command line and returns how it ends and what it says.
func endOf(line []string) (code, said string) {
	var out bytes.Buffer
	top := commandsBelow(&out)
	top.SetArgs(slices.Clone(line[1:]))
	err := top.Execute()
	if err == nil {
		return "ExitCode:0", out.String()
	}
	_, code, _ = strings.Cut(fmt.Sprintf("%#v", err), "{")
	code, _, _ = strings.Cut(code, ",")
	return code, out.String()
}
