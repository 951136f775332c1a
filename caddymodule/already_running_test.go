package caddymodule

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A second start whose admin socket is in use is refused before Caddy takes the socket away from the first.
func TestCheckSecondStart(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "gh") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, file := filepath.Join(dir, "admin.sock"), filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte("{\n\tadmin unix/"+socket+"|0600\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := []string{"gatehouse", "run", "--config", file}
	if err := CheckSecondStart(run); err != nil {
		t.Errorf("nobody is there: %v", err)
	}
	first, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if err := CheckSecondStart(run); err == nil || !strings.Contains(err.Error(), socket) ||
		!strings.Contains(err.Error(), "gatehouse stop --config "+file) {
		t.Errorf("a second start: %v", err)
	}
	for _, other := range [][]string{{"gatehouse"}, {"gatehouse", "reload", "--config", file}, {"gatehouse", "run", "--config=" + dir + "/none"}} {
		if err := CheckSecondStart(other); err != nil {
			t.Errorf("%v: %v", other, err)
		}
	}
}
