package browser

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestReadme_Curl: what the README has people paste into a terminal works, in one go. The shell reads it from its
// standard input, as from a terminal: whatever else reads there would take the rest away.
func TestReadme_Curl(t *testing.T) {
	t.Parallel()
	g := shared(t)
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)Or with curl.*?```sh\n(.*?)```").FindSubmatch(readme)
	if block == nil || bytes.ContainsAny(block[1], "<>") {
		t.Fatalf("the README shows no commands with curl, or ones with something to fill in: %s", block)
	}
	script := strings.ReplaceAll(string(block[1]), "8080", strconv.Itoa(g.Port))
	order := regexp.MustCompile(`(?s)^HTTP/1\.1 401 .*Hello\..*Remote-User: ada[0-9]+@example\.com\n.*HTTP/1\.1 401 .*"access_token":"[^"]+".*$`)
	for _, shell := range []string{"sh", "bash"} {
		cmd := exec.Command(shell)
		cmd.Dir, cmd.Stdin = g.Dir, strings.NewReader(script)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil || !order.MatchString(out.String()) {
			t.Errorf("%s: %v\n%s\n%s", shell, err, out.String(), errs.String())
		}
		ended := time.Now().Unix() // the address that is signed up has the second in it
		eventually(t, func() string { return "the next second" }, func() bool { return time.Now().Unix() > ended })
	}
}
