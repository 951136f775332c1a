package e2e

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

const exampleFolder = "../../examples/cluster"

// composition is what a test looks at in compose.yaml.
type composition struct {
	Services map[string]struct {
		Build struct{ Context, Dockerfile, Target string }
		Image string

		Command     []string
		Environment map[string]string
		Volumes     []string
		Ports       []string
		ReadOnly    bool `yaml:"read_only"`
		DependsOn   map[string]struct{ Condition string }
		Healthcheck struct{ Test []string }
		Networks    yaml.Node
	}
	Networks map[string]struct {
		IPAM struct{ Config []struct{ Subnet string } }
	}
	Volumes map[string]any
}

func readComposition(t testing.TB) *composition {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(exampleFolder, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c composition
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatalf("compose.yaml: %v", err)
	}
	return &c
}

// adapted is the JSON that a Caddyfile of the example becomes in an environment.
func adapted(t testing.TB, file string, env map[string]string) string {
	t.Helper()
	binary, err := gatehousetest.Release()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "adapt", "--config", filepath.Join(exampleFolder, file))
	cmd.Env = []string{"HOME=" + t.TempDir()}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v: %s", file, err, errs.String())
	}
	if !json.Valid(out.Bytes()) {
		t.Errorf("%s becomes %.200q", file, out.String())
	}
	return out.String()
}

var composeVariable = regexp.MustCompile(`\$\{([A-Z_]+)(:-[^}]*|:\?[^}]*)?\}`)

// TestCluster_ComposeFile: what compose.yaml names exists and fits together, and nobody gets a password by default.
func TestCluster_ComposeFile(t *testing.T) {
	t.Parallel()
	c := readComposition(t)
	for _, name := range []string{"balancer", "node1", "node2", "app", "postgres", "redis"} {
		if _, ok := c.Services[name]; !ok {
			t.Fatalf("no service %s", name)
		}
	}
	dockerfile, err := os.ReadFile("../../xcaddy.Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range c.Services {
		if s.Build.Context != "" {
			from := filepath.Join(exampleFolder, s.Build.Context, s.Build.Dockerfile)
			if _, err := os.Stat(from); err != nil || !strings.Contains(string(dockerfile), " AS "+s.Build.Target+"\n") {
				t.Errorf("%s is built from %s, stage %s: %v", name, from, s.Build.Target, err)
			}
			if !s.ReadOnly {
				t.Errorf("%s may write into its image", name)
			}
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			_, named := c.Volumes[source]
			if _, err := os.Stat(filepath.Join(exampleFolder, source)); !named && err != nil {
				t.Errorf("%s mounts %s: %v", name, source, err)
			}
		}
		for other := range s.DependsOn {
			if _, ok := c.Services[other]; !ok {
				t.Errorf("%s depends on %s, which is no service", name, other)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s publishes %s to everybody", name, p)
			}
		}
		for variable, value := range s.Environment {
			if !strings.Contains(variable+value, "PASSWORD") && !strings.Contains(variable, "SECRET") {
				continue
			}
			for _, m := range composeVariable.FindAllStringSubmatch(value, -1) {
				if !strings.HasPrefix(m[2], ":?") {
					t.Errorf("%s: %s may be left out: %s", name, m[1], value)
				}
			}
			if !strings.Contains(value, ":?") {
				t.Errorf("%s: %s is written down", name, variable)
			}
		}
	}
	for _, name := range []string{"node1", "node2", "balancer"} {
		if check := c.Services[name].Healthcheck.Test; len(check) == 0 || !strings.HasSuffix(check[len(check)-1], "/auth/readyz") {
			t.Errorf("the health of %s is asked by %q", name, check)
		}
	}
}

// TestCluster_ComposeConfigurations: the Caddyfiles adapt in compose's environment to what the manual promises.
func TestCluster_ComposeConfigurations(t *testing.T) {
	t.Parallel()
	c := readComposition(t)
	env := c.Services["node1"].Environment
	for name, value := range env {
		env[name] = composeVariable.ReplaceAllStringFunc(value, func(v string) string {
			m := composeVariable.FindStringSubmatch(v)
			if fallback, ok := strings.CutPrefix(m[2], ":-"); ok {
				return fallback
			}
			return "given-" + m[1] + "-0123456789-0123456789"
		})
	}
	node := adapted(t, "node.caddyfile", env)
	for _, want := range []string{`"ranges":["` + env["BALANCER"] + `"]`, `"trusted_proxies_strict":1`, `"shutdown_delay":10000000000`,
		`"dial":"` + env["APP"] + `"`, `"handler":"gatehouse_guard"`, env["ISSUER"]} {
		if !strings.Contains(node, want) {
			t.Errorf("a node's configuration lacks %s: %s", want, node)
		}
	}
	if strings.Contains(node, "given-") {
		t.Errorf("a secret is in a node's configuration in clear: %s", node)
	}
	balancer := adapted(t, "balancer.caddyfile", c.Services["balancer"].Environment)
	for _, name := range []string{"node1", "node2"} {
		if !strings.Contains(balancer, `"dial":"`+name+`:8080"`) {
			t.Errorf("the balancer does not know %s: %s", name, balancer)
		}
	}
	for _, want := range []string{`"uri":"/auth/readyz"`, `"retry_match":[{"method":["GET","HEAD","OPTIONS"]}]`} {
		if !strings.Contains(balancer, want) {
			t.Errorf("the balancer's configuration lacks %s: %s", want, balancer)
		}
	}
	adapted(t, "app.caddyfile", c.Services["app"].Environment)

	// The address that the nodes believe is the balancer's own.
	var own struct {
		Cluster struct {
			Address string `yaml:"ipv4_address"`
		}
	}
	network := c.Services["balancer"].Networks
	if err := network.Decode(&own); err != nil {
		t.Fatal(err)
	}
	ranges := c.Networks["cluster"].IPAM.Config
	inside := slices.ContainsFunc(ranges, func(r struct{ Subnet string }) bool {
		return netip.MustParsePrefix(r.Subnet).Contains(netip.MustParseAddr(env["BALANCER"]))
	})
	if own.Cluster.Address != env["BALANCER"] || !inside {
		t.Errorf("the nodes believe %s, the balancer is %s", env["BALANCER"], own.Cluster.Address)
	}
}
