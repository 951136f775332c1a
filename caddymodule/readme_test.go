package caddymodule

import (
	"os"
	"regexp"
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
