package caddymodule

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/breachlist"
)

func breachedCommand() *cobra.Command {
	p := &cliEnv{}
	s := &cobra.Command{Use: "breached", Short: "Builds and checks the file of passwords of known breaches"}
	p.formatFlag(s)
	family(s)
	s.AddCommand(&cobra.Command{
		Use: "build <sha1-list> <file>", Short: "Makes the file for the option password { breached … }", Args: cobra.ExactArgs(2),
		Long: "Reads SHA-1 digests of passwords, one a line in hexadecimal, in any order, as Pwned Passwords publishes them; a count behind a colon is " +
			"passed over. The list may be - for the standard input. The file replaces an older one at once; run gatehouse reload --force afterwards.\n\n" +
			"While it works, it needs 8 bytes of disk a line beside the file, and less than 1 GiB of memory.",
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			built, err := buildBreached(cmd.InOrStdin(), args[0], args[1])
			if err != nil {
				return p.fail(cmd, err)
			}
			return p.print(cmd.OutOrStdout(), built, func(w io.Writer) { fmt.Fprintf(w, "passwords\t%d\nbytes\t%d\n", built.Passwords, built.Bytes) })
		},
	}, breachedCheck(p))
	return s
}

func buildBreached(in io.Reader, list, file string) (breachlist.Built, error) {
	if list != "-" {
		f, err := os.Open(list) //nolint:gosec // the file that the operator names
		if err != nil {
			return breachlist.Built{}, notFoundIfMissing(err)
		}
		defer f.Close()
		in = f
	}
	return breachlist.Build(in, file)
}

// checkedBreached is what a file of breached passwords is found to be.
type checkedBreached struct {
	Passwords uint64 `json:"passwords"`
	Breached  []int  `json:"breached,omitempty"` // the lines whose password it has, from 1
}

func breachedCheck(p *cliEnv) *cobra.Command {
	look := false
	check := &cobra.Command{
		Use: "check <file>", Short: "Checks that the file is whole, and looks passwords up in it", Args: cobra.ExactArgs(1),
		Long: "Reads the whole file and says how many passwords it has. With --stdin it also looks up the passwords on the standard input, one a line: " +
			"it names the lines of those that it has, and ends with 4 if there is one. About 1 in 65 536 other passwords is taken for one of the list.",
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			in := io.Reader(nil)
			if look {
				in = cmd.InOrStdin()
			}
			found, err := checkBreached(in, args[0])
			if err != nil {
				return p.fail(cmd, err)
			}
			err = p.print(cmd.OutOrStdout(), found, func(w io.Writer) {
				fmt.Fprintf(w, "passwords\t%d\n", found.Passwords)
				for _, line := range found.Breached {
					fmt.Fprintf(w, "line %d\tis in the list\n", line)
				}
			})
			if err != nil || len(found.Breached) == 0 {
				return err
			}
			return p.ends(cmd, exitRefused)
		},
	}
	check.Flags().BoolVar(&look, "stdin", false, "look up the passwords on the standard input, one a line")
	return check
}

// checkBreached opens the file and looks up the passwords of in, nil for none.
func checkBreached(in io.Reader, file string) (found checkedBreached, err error) {
	list, err := breachlist.Open(file)
	if err != nil {
		return found, notFoundIfMissing(err)
	}
	defer func() { err = errors.Join(err, list.Close()) }()
	found.Passwords = list.Passwords()
	if in == nil {
		return found, nil
	}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		breached, err := list.Has(lines.Text())
		if err != nil {
			return found, err
		}
		if breached {
			found.Breached = append(found.Breached, n)
		}
	}
	return found, lines.Err()
}

func notFoundIfMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return authcore.Refuse(authcore.NotFound, err.Error())
	}
	return err
}
