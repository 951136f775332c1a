package caddymodule

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// CheckSecondStart refuses to start a gateway whose admin socket another one answers at. Caddy would put its own socket in
// the place of that one before anything else is checked, and whatever becomes of the second start, no command would reach
// the first gateway any more. args are the process's; only `run` and `start` are looked at.
func CheckSecondStart(args []string) error {
	if len(args) < 2 || (args[1] != "run" && args[1] != "start") {
		return nil
	}
	file := configOf(args[2:])
	socket := adminSocket(file)
	if socket == "" {
		return nil
	}
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return nil // nobody is there; what else is wrong is for Caddy to say
	}
	_ = conn.Close()
	return fmt.Errorf("a running gateway already answers at the admin socket %s: stop it first (gatehouse stop --config %s), "+
		"or give this one its own folder and admin address", socket, file)
}

// configOf returns the configuration file that Caddy would read.
func configOf(args []string) string {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			return value
		}
		if slices.Contains([]string{"--config", "-c"}, arg) && i+1 < len(args) {
			return args[i+1]
		}
	}
	return "Caddyfile"
}

// adminSocket returns the path of the admin endpoint's Unix socket; "" for another kind, or a file that cannot be read.
func adminSocket(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	if adapter := caddyconfig.GetAdapter("caddyfile"); strings.ToLower(filepath.Ext(file)) != ".json" && adapter != nil {
		if text, _, err = adapter.Adapt(text, map[string]any{"filename": file}); err != nil {
			return ""
		}
	}
	var config struct {
		Admin struct {
			Listen string `json:"listen"`
		} `json:"admin"`
	}
	if json.Unmarshal(text, &config) != nil {
		return ""
	}
	path, isSocket := strings.CutPrefix(config.Admin.Listen, "unix/")
	if !isSocket {
		return ""
	}
	path, _, _ = strings.Cut(path, "|") // permissions
	return path
}
