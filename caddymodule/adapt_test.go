package caddymodule

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the expected halves of testdata/adapt")

const adaptDivider = "\n----------\n"

// TestAdapt adapts every file of testdata/adapt: a Caddyfile, a divider, and the JSON it becomes or `error: ` and the
// error it is refused with. Every error of ours names file and line.
func TestAdapt(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) < 60 {
		t.Fatalf("found %d cases (%v), expected at least 60", len(files), err)
	}
	refused := 0
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		input, want, found := strings.Cut(string(body), adaptDivider)
		if !found {
			t.Errorf("%s has no divider", file)
			continue
		}
		if strings.HasPrefix(want, "error: ") {
			refused++
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			t.Parallel()
			got := adaptText(input + "\n")
			if *update {
				if err := os.WriteFile(file, []byte(input+adaptDivider+got+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.TrimSpace(want), got); diff != "" {
				t.Errorf("expected (-) and found (+) differ:\n%s", diff)
			}
			if strings.HasPrefix(got, "error: ") && !strings.Contains(got, "Caddyfile:") {
				t.Errorf("the error names no line: %s", got)
			}
		})
	}
	if refused < 40 && !*update {
		t.Errorf("only %d cases are refused, expected at least 40", refused)
	}
}

// adaptText returns the JSON, indented, or the error.
func adaptText(input string) string {
	out, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return "error: " + err.Error()
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, out, "", "  "); err != nil {
		return "invalid JSON: " + err.Error()
	}
	for _, w := range warnings {
		if !strings.Contains(w.Message, "not formatted") {
			pretty.WriteString("\nwarning: " + w.Message)
		}
	}
	return pretty.String()
}

// TestM02_AdaptErrorsShowNoSecret adapts configurations that have a secret in the wrong place.
func TestM02_AdaptErrorsShowNoSecret(t *testing.T) {
	t.Parallel()
	const hidden = "hunter2-hunter2-hunter2-hunter2-hunter2"
	for _, line := range []string{
		"secret " + hidden,
		"secret {env.A} " + hidden,
		"secret " + hidden + " " + hidden,
		"secret {env." + "A}{" + hidden + "}",
		"database mysql://u:" + hidden + "@db/x",
		"database postgres://u:" + hidden + "@db/x",
		"database postgres://u:" + hidden + "%zz@db/x",
		"database postgres://u:{" + hidden + "}@db/x",
		"database postgres://u:a " + hidden + "@db/x",
		"database postgres://u:" + hidden + "@db/x\ndatabase sqlite:x",
		"database postgres://db/x\nsecret {env.A}\nredis redis://u:" + hidden + "@redis",
		"database postgres://db/x\nsecret {env.A}\nredis redis://u:" + hidden + "%zz@redis",
		"database postgres://db/x\nsecret {env.A}\nredis redis://u:a " + hidden + "@redis",
		"database postgres://db/x\nsecret {env.A}\nredis redis://u@redis {\n\t\t\tpassword " + hidden + "\n\t\t}",
		"issuer https://u:" + hidden + "@auth.example.com",
		"trusted_origins https://u:" + hidden + "@auth.example.com",
		"mail smtp smtp://u:" + hidden + "@mail.example.com {\n\t\t\tfrom a@example.com\n\t\t}",
		"mail smtp smtp://u:" + hidden + "%zz@mail.example.com {\n\t\t\tfrom a@example.com\n\t\t}",
		"mail smtp smtp://u@mail.example.com {\n\t\t\tfrom a@example.com\n\t\t\tpassword " + hidden + "\n\t\t}",
		"mail smtp smtp://u@mail.example.com {\n\t\t\tfrom a@example.com\n\t\t\tpassword {env.A} " + hidden + "\n\t\t}",
	} {
		got := adaptText("{\n\tgatehouse {\n\t\t" + line + "\n\t}\n}\n:8080 {\n\trespond ok\n}\n")
		if !strings.HasPrefix(got, "error: ") {
			t.Errorf("a configuration with %q is not refused", strings.ReplaceAll(line, hidden, "…"))
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("the error shows the secret: %s", got)
		}
	}
}

// FuzzAdapt: no configuration makes the parser panic, our errors name file and line, and what is accepted is accepted as
// JSON again.
func FuzzAdapt(f *testing.F) {
	files, _ := filepath.Glob("testdata/adapt/*.caddyfiletest")
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		input, _, _ := strings.Cut(string(body), adaptDivider)
		f.Add(input)
	}
	if len(files) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, input string) {
		if strings.Contains(input, "import") { // reads files
			return
		}
		out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
		if err != nil {
			// Errors of Caddy's own need not, though they may quote our name; ours are about the tokens of our directives.
			if strings.Contains(err.Error(), "tokens for 'gatehouse") && !strings.Contains(err.Error(), "Caddyfile:") {
				t.Fatalf("an error names no line: %v", err)
			}
			return
		}
		var config struct {
			Apps struct {
				Gatehouse *Settings `json:"gatehouse"`
			} `json:"apps"`
		}
		if err := json.Unmarshal(out, &config); err != nil {
			t.Fatalf("adapted to invalid JSON: %v", err)
		}
		if s := config.Apps.Gatehouse; s != nil {
			if err := checkAll(globalOptions, s); err != nil {
				t.Fatalf("the Caddyfile is accepted, its JSON is not: %v", err)
			}
		}
	})
}
