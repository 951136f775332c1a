package rig

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

// caddyOptions are the same for every Caddy of the run, the gateway too.
const caddyOptions = `	auto_https off
	persist_config off
	log {
		level ERROR
	}
`

// Bare starts Caddy as it is, in front of the upstream: the baseline of everything.
func (r *Rig) Bare() (*Server, error) {
	return r.caddy("bare", "reverse_proxy "+r.upstream, false)
}

// BareTLS is Bare with TLS and HTTP/2.
func (r *Rig) BareTLS() (*Server, error) {
	return r.caddy("bare", "reverse_proxy "+r.upstream, true)
}

// ForwardAuth starts Caddy with forward_auth to a server that only says 200. Both count.
func (r *Rig) ForwardAuth() (proxy, auth *Server, err error) {
	if auth, err = r.play("allow"); err != nil {
		return nil, nil, err
	}
	proxy, err = r.caddy("forward_auth", fmt.Sprintf("forward_auth %s {\n\turi /\n\tcopy_headers %s\n}\nreverse_proxy %s",
		auth.Addr, strings.Join(names(), " "), r.upstream), false)
	return proxy, auth, err
}

func (r *Rig) caddy(name, site string, secure bool) (*Server, error) {
	s, err := r.place(name)
	if err == nil && secure {
		err = s.secure()
	}
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("{\n\tadmin off\n%s}\n%s%s\n}\n", caddyOptions, s.opening(), site)
	return s, r.runCaddy(s, text, s.answers("/", http.StatusOK, r.client))
}

// runCaddy starts the gateway's binary with a Caddyfile.
func (r *Rig) runCaddy(s *Server, caddyfile string, ready func() bool) error {
	s.ready = ready
	if err := os.WriteFile(filepath.Join(s.Dir, "Caddyfile"), []byte(caddyfile), 0o600); err != nil {
		return err
	}
	return r.run(s, ready, append([]string{r.binary}, gatehousetest.RunArgs()...)...)
}

// Again starts a stopped Caddy or gateway on the same port and files.
func (r *Rig) Again(s *Server) error {
	return r.run(s, s.ready, append([]string{r.binary}, gatehousetest.RunArgs()...)...)
}

const nginxConfig = `daemon off;
worker_processes auto;
pid %[1]s/pid;
error_log %[1]s/error.log crit;
events { worker_connections 1024; }
http {
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	upstream app { server %[2]s; keepalive 64; keepalive_requests 100000000; }
	upstream auth { server %[3]s; keepalive 64; keepalive_requests 100000000; }
	proxy_http_version 1.1;
	server {
		listen %[4]s;
		location / {
			auth_request /allowed;
%[5]s			proxy_set_header Connection "";
			proxy_pass http://app;
		}
		location = /allowed {
			internal;
			proxy_set_header Connection "";
			proxy_set_header Content-Length "";
			proxy_pass_request_body off;
			proxy_pass http://auth;
		}
	}
}
`

// Nginx starts nginx with auth_request to a server that only says 200. Both count.
func (r *Rig) Nginx() (proxy, auth *Server, err error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		// Debian keeps it where only root's PATH leads.
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			return nil, nil, fmt.Errorf("find nginx: %w", err)
		}
	}
	if auth, err = r.play("allow"); err != nil {
		return nil, nil, err
	}
	if proxy, err = r.place("nginx"); err != nil {
		return nil, nil, err
	}
	var copied strings.Builder
	for _, name := range names() {
		variable := strings.ToLower(strings.ReplaceAll(name, "-", "_"))
		fmt.Fprintf(&copied, "\t\t\tauth_request_set $our_%[1]s $upstream_http_%[1]s;\n\t\t\tproxy_set_header %[2]s $our_%[1]s;\n", variable, name)
	}
	file := filepath.Join(proxy.Dir, "nginx.conf")
	text := fmt.Sprintf(nginxConfig, proxy.Dir, r.upstream, auth.Addr, proxy.Addr, copied.String())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, nil, err
	}
	return proxy, auth, r.run(proxy, proxy.answers("/", http.StatusOK, r.client), program, "-c", file, "-p", proxy.Dir)
}

// names are the headers that the authentication server sets, in a fixed order.
func names() []string {
	return []string{"Remote-User", "Remote-Sub", "Remote-Email", "Remote-Name", "Remote-Groups"}
}
