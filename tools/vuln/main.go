// Command vuln compares the modules that are compiled into the gateway and its tests, and the Go release that compiles
// them, with a list of known vulnerabilities that is kept as data.
//
//	vuln [folder of the main module]
//
// It prints one line per finding and exits with 1 if there is one that accepted.json does not name. README.md says
// where the data comes from and how it is kept up.
package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/mod/semver"

	"github.com/gatehouse-auth/gatehouse/tools/modlist"
)

// The data: known vulnerabilities, findings that stand for a reason, and the least versions that are taken.
var (
	//go:embed osv.json
	osvData []byte
	//go:embed accepted.json
	acceptedData []byte
)

// stale is the age of the data from which a run says so. It is no failure: a check that goes red by itself is one that
// nobody reads.
const stale = 90 * 24 * time.Hour

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	clean, err := check(os.Stdout, root, time.Now())
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "vuln:", err)
		os.Exit(2)
	case !clean:
		os.Exit(1)
	}
}

func check(w io.Writer, root string, now time.Time) (clean bool, err error) {
	db, err := readDatabase(osvData)
	if err != nil {
		return false, err
	}
	accepted, err := readAccepted(acceptedData, db)
	if err != nil {
		return false, err
	}
	build, err := modlist.Load(root)
	if err != nil {
		return false, err
	}
	if age := now.Sub(db.asOf); age > stale {
		fmt.Fprintf(w, "note: the data is of %s, %d days old; see tools/vuln/README.md\n", db.AsOf, int(age.Hours()/24))
	}
	findings := db.scan(build)
	clean = report(w, findings, accepted)
	if old := tooOld(build); old != "" {
		clean = false
		fmt.Fprintln(w, old)
	}
	fmt.Fprintf(w, "%d modules and Go %s against %d entries of %s: %d findings\n",
		len(build.Modules), build.Toolchain, len(db.Entries), db.AsOf, len(findings))
	return clean, nil
}

// leastCaddy is the first Caddy that drops header names with "_" from requests (P03). Gatehouse strips its own in any
// spelling; services behind it may know others.
const caddyModule, leastCaddy = "github.com/caddyserver/caddy/v2", "v2.11.4"

func tooOld(build *modlist.Build) string {
	for _, m := range build.Modules {
		if m.Path == caddyModule && semver.Compare(m.Version, leastCaddy) >= 0 {
			return ""
		}
	}
	return caddyModule + ": at least " + leastCaddy + " is needed (M14)"
}

// report prints the findings and returns whether every one of them is accepted, and every acceptance still needed.
func report(w io.Writer, findings []finding, accepted map[string]acceptance) bool {
	clean := true
	used := map[string]bool{}
	for _, f := range findings {
		if a, ok := accepted[f.key()]; ok {
			used[f.key()] = true
			fmt.Fprintf(w, "accepted: %s: %s\n", f, a.Reason)
			continue
		}
		clean = false
		fmt.Fprintln(w, f)
	}
	for key, a := range accepted {
		// Which Go release compiles is not the project's alone: with a newer one the finding is gone.
		if !used[key] && a.Module != stdlib {
			clean = false
			fmt.Fprintf(w, "accepted.json: %s in %s is found no more: remove it\n", a.ID, a.Module)
		}
	}
	return clean
}
