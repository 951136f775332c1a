package caddymodule

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

// Every Caddyfile that the README shows is a valid configuration, and so are the one of `make run` and those of the examples.
func TestReadme_CaddyfilesAreValid(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var texts [][]byte
	for _, name := range []string{"../Caddyfile", "../examples/django/Caddyfile", "../examples/systemd/Caddyfile"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	t.Setenv("SMTP_PASSWORD", "a password")
	credentials := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", credentials)
	if err := os.WriteFile(credentials+"/smtp-password", []byte("a password"), 0o600); err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) < 3 {
		t.Fatalf("the README shows %d Caddyfiles, want a proxied, a PHP and a Django application", len(blocks))
	}
	for _, block := range blocks {
		texts = append(texts, block[1])
	}
	for _, text := range texts {
		config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(text, map[string]any{"filename": "Caddyfile"})
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
			continue
		}
		var cfg caddy.Config
		if err := caddy.StrictUnmarshalJSON(config, &cfg); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Validate(&cfg); err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	}
}

// What the README shows of Django is what the example has, which is tested with Django itself.
func TestReadme_DjangoIsTheExample(t *testing.T) {
	text := func(file string) string {
		t.Helper()
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	readme, settings := text("../README.md"), text("../examples/django/shop/settings.py")
	block := regexp.MustCompile("(?s)```python\n(.*?)```").FindStringSubmatch(readme)
	if block == nil {
		t.Fatal("the README shows no settings of Django")
	}
	_, block[1], _ = strings.Cut(block[1], "\n") // ALLOWED_HOSTS, which the example takes from the environment
	for _, statement := range regexp.MustCompile(`(?m)^[A-Z_]+ = (\[\n(?s:.*?)^\]|.*)$`).FindAllString(block[1], -1) {
		if !strings.Contains(settings, "\n"+statement+"\n") {
			t.Errorf("the example has other settings than %s", statement)
		}
	}
	urls := text("../examples/django/shop/urls.py")
	for _, block := range regexp.MustCompile("(?s)```python\n(.*?)```").FindAllStringSubmatch(readme, -1)[1:] {
		for line := range strings.SplitSeq(block[1], "\n") {
			if !strings.Contains(urls, line) {
				t.Errorf("the example has no line %q", line)
			}
		}
	}
	command := regexp.MustCompile(`(?s)python3 manage\.py shell.*?"\n.*?"\n`).FindString(readme)
	if command == "" || !strings.Contains(text("../examples/django/README.md"), command) {
		t.Errorf("the example makes the first member of staff in another way than %s", command)
	}
}

// Whoever follows the guide finds each file and folder that it names.
func TestContributing_NamesWhatIsThere(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../docs/contributing.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:authcore|caddymodule|internal|tools|docs)(?:/[a-z_/.]+)?)`").FindAllSubmatch(guide, -1)
	if len(named) < 20 {
		t.Fatalf("the guide names %d paths", len(named))
	}
	for _, name := range named {
		if _, err := os.Stat("../" + string(name[1])); err != nil {
			t.Error(err)
		}
	}
}
