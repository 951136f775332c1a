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

// Every Caddyfile that the README shows is a valid configuration, and so is the one of `make run`.
func TestReadme_CaddyfilesAreValid(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := os.ReadFile("../Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) < 3 {
		t.Fatalf("the README shows %d Caddyfiles, want a proxied, a PHP and a Django application", len(blocks))
	}
	for _, text := range append([][][]byte{{nil, shipped}}, blocks...) {
		config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(text[1], map[string]any{"filename": "Caddyfile"})
		if err != nil {
			t.Errorf("%v in\n%s", err, text[1])
			continue
		}
		var cfg caddy.Config
		if err := caddy.StrictUnmarshalJSON(config, &cfg); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Validate(&cfg); err != nil {
			t.Errorf("%v in\n%s", err, text[1])
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
	command := regexp.MustCompile(`(?s)python3 manage\.py shell.*?"\n.*?"\n`).FindString(readme)
	if command == "" || !strings.Contains(text("../examples/django/README.md"), command) {
		t.Errorf("the example makes the first member of staff in another way than %s", command)
	}
}
