package rig

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

// accessLifetime is longer than a run: tokens of its beginning are still good at its end.
const accessLifetime = "24h"

// Gateway starts the gateway on a copy of a data folder; "" starts it on none, as on the first day.
func (r *Rig) Gateway(data string) (*Server, error) {
	s, err := r.Prepared(data)
	if err != nil {
		return nil, err
	}
	return s, r.Again(s)
}

// GatewayTLS is Gateway with TLS and HTTP/2.
func (r *Rig) GatewayTLS(data string) (*Server, error) {
	s, err := r.prepared(data, "", "", true)
	if err != nil {
		return nil, err
	}
	return s, r.Again(s)
}

// GatewayDialect is Gateway on no data folder, with a dialect in its site.
func (r *Rig) GatewayDialect(directive string) (*Server, error) {
	s, err := r.prepared("", "", "\t"+directive+"\n", false)
	if err != nil {
		return nil, err
	}
	return s, r.Again(s)
}

// Prepared is Gateway without starting it: Again does.
func (r *Rig) Prepared(data string) (*Server, error) { return r.prepared(data, "", "", false) }

// prepared takes further lines of the gatehouse option, and of the site, as well.
func (r *Rig) prepared(data, more, site string, secure bool) (*Server, error) {
	s, err := r.place("gatehouse")
	if err == nil && secure {
		err = s.secure()
	}
	if err != nil {
		return nil, err
	}
	s.outbox = filepath.Join(s.Dir, "data", "outbox")
	s.ready = s.answers("/auth/readyz", http.StatusOK, r.client)
	if data != "" {
		if err := os.CopyFS(filepath.Join(s.Dir, "data"), os.DirFS(data)); err != nil {
			return nil, fmt.Errorf("copy the data folder: %w", err)
		}
	}
	text := fmt.Sprintf(`{
	admin unix/%[1]s/admin.sock|0600
%[2]s	gatehouse {
		data_dir %[1]s/data
		issuer %[3]s
		access_lifetime %[4]s
		rate_limit login off
		rate_limit register off
		rate_limit verify off
		rate_limit refresh off
%[7]s	}
}
%[5]s	gatehouse
%[8]s	gatehouse_guard
	reverse_proxy %[6]s
}
`, s.Dir, caddyOptions, r.issuer, accessLifetime, s.opening(), r.upstream, more, site)
	return s, os.WriteFile(filepath.Join(s.Dir, "Caddyfile"), []byte(text), 0o600)
}

// StartTime starts a prepared gateway and returns how long it took from the start of the process until readyz said 200.
// The first try comes when the port listens.
func (r *Rig) StartTime(s *Server) (time.Duration, error) {
	begin := time.Now()
	err := r.Again(s)
	return time.Since(begin), err
}

var heapLine = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)

// LiveHeap returns the bytes of a gateway's heap that are still in use after a garbage collection.
func (r *Rig) LiveHeap(ctx context.Context, s *Server) (uint64, error) {
	client := gatehousetest.UnixClient(filepath.Join(s.Dir, "admin.sock"))
	defer client.CloseIdleConnections()
	// Twice: what one collection finds to have a finaliser, the next one frees.
	var text []byte
	for range 2 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://admin/debug/pprof/heap?gc=1&debug=1", nil)
		if err != nil {
			return 0, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, fmt.Errorf("read live heap: %w", err)
		}
		text, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return 0, fmt.Errorf("read live heap: %w", err)
		}
	}
	found := heapLine.FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("read live heap: the profile does not tell it: %s", strings.TrimSpace(string(text[:min(len(text), 200)])))
	}
	return strconv.ParseUint(string(found[1]), 10, 64)
}
