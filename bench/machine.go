package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/bench/internal/load"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
)

var (
	processorLine = regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`)
	memoryLine    = regexp.MustCompile(`(?m)^MemTotal:\s*(\d+) kB$`)
	versionNumber = regexp.MustCompile(`\d+\.\d+(\.\d+)?`)
)

// thisMachine describes where the run takes place.
func thisMachine() (report.Machine, error) {
	m := report.Machine{Processor: runtime.GOARCH, Processors: runtime.NumCPU()}
	processors, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, fmt.Errorf("look at the machine: %w", err)
	}
	memory, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return m, fmt.Errorf("look at the machine: %w", err)
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return m, fmt.Errorf("look at the machine: %w", err)
	}
	if found := processorLine.FindSubmatch(processors); found != nil {
		m.Processor = strings.TrimSpace(string(found[1]))
	}
	if found := memoryLine.FindSubmatch(memory); found != nil {
		kib, err := strconv.Atoi(string(found[1]))
		if err != nil {
			return m, fmt.Errorf("look at the machine: %w", err)
		}
		m.MemoryMiB = kib >> 10
	}
	m.Kernel = versionNumber.FindString(string(kernel))
	return m, nil
}

// versions are those of the gateway's parts and of the programs that take part.
func versions(ctx context.Context, binary string, wrk *load.Wrk) (map[string]string, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("read the gateway's versions: %w", err)
	}
	v := map[string]string{"Go": strings.TrimPrefix(info.GoVersion, "go"), "wrk": wrk.Version()}
	for _, d := range info.Deps {
		if d.Path == "github.com/caddyserver/caddy/v2" {
			v["Caddy"] = strings.TrimPrefix(d.Version, "v")
		}
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	if revision != "" {
		v["Gatehouse"] = revision + changed
	}
	// A program that is missing is found out when it is needed.
	for name, args := range map[string][]string{"nginx": {"nginx", "-v"}, "PostgreSQL": {"postgres", "--version"}} {
		out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
		if number := versionNumber.FindString(string(out)); err == nil && number != "" {
			v[name] = number
		}
	}
	return v, nil
}
