package browser

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

// gateway is one process, with what people find it by.
type gateway struct{ *gatehousetest.Gateway }

// shared is the gateway with the shipped Caddyfile, its demo service behind it.
func shared(t testing.TB) *gateway {
	t.Helper()
	g, err := sharedGateway()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var (
	sharedStarted *gateway
	sharedGateway = sync.OnceValues(func() (g *gateway, err error) {
		text, err := shipped()
		if err != nil {
			return nil, err
		}
		sharedStarted, err = launch(text)
		return sharedStarted, err
	})
)

func stopShared() {
	if sharedStarted != nil {
		sharedStarted.Close()
	}
}

// shipped is the Caddyfile of the repository on ports of our own, without the limits that hold for one address: every
// browser here comes from the same.
func shipped() (string, error) {
	text, err := os.ReadFile(filepath.Join("..", "..", "Caddyfile"))
	if err != nil {
		return "", err
	}
	const at = "\t\tdata_dir .gatehouse\n"
	if !bytes.Contains(text, []byte(at)) || !bytes.Contains(text, []byte("8080")) || !bytes.Contains(text, []byte("8081")) {
		return "", fmt.Errorf("the Caddyfile of the repository has another shape")
	}
	return strings.NewReplacer("8080", "<port>", "8081", "<port2>", at, at+noLimits).Replace(string(text)), nil
}

const noLimits = "\t\trate_limit login off\n\t\trate_limit register off\n\t\trate_limit verify off\n\t\trate_limit forgot off\n\t\trate_limit mail off\n"

// start runs a gateway that ends with the test. <port> and <port2> in its Caddyfile are free ports.
func start(t testing.TB, caddyfile string) *gateway {
	t.Helper()
	g, err := launch(caddyfile)
	if g != nil {
		g.CloseWithTest(t)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func launch(caddyfile string) (*gateway, error) {
	binary, err := gatehousetest.TestBuild()
	if err != nil {
		return nil, err
	}
	g, err := gatehousetest.New(binary, ".gatehouse.sock")
	if err != nil {
		return nil, err
	}
	if err := g.Configure(caddyfile); err != nil {
		return nil, err
	}
	return &gateway{g}, g.Run()
}

// origin is where a person finds the gateway, over plain http.
func (g *gateway) origin() string { return "http://localhost:" + strconv.Itoa(g.Port) }

// secure is the same over https.
func (g *gateway) secure() string { return "https://localhost:" + strconv.Itoa(g.Port) }

// eventually waits until done holds.
func eventually(t testing.TB, what func() string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what())
		}
	}
}
