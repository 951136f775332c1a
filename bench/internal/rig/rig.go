package rig

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/bench/internal/proc"
	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

// readyLimit is how long a server may take to serve, on a machine that does other things as well.
const readyLimit = 30 * time.Second

// Rig is the run's folder and its processes. Its methods are not safe for concurrent use.
type Rig struct {
	folder   string
	binary   string // the gateway's
	self     string // this program, which plays the upstream and the authentication server
	issuer   string // the same for every gateway of the run, so that one token does everywhere
	upstream string // host:port
	started  int
	running  map[*Server]bool
	clusters []*Cluster
	client   *http.Client
}

// Server is a process that listens on loopback.
type Server struct {
	*proc.Process
	Name string
	Addr string // host:port
	Dir  string // its files
	TLS  bool   // it speaks TLS, and HTTP/2 over it

	outbox string // a gateway's, where its mails are
	ready  func() bool
}

// New makes the rig in an empty folder and starts the upstream. Close it in every case.
func New(folder, binary string) (*Rig, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &Rig{folder: folder, binary: binary, self: self, running: map[*Server]bool{},
		client: &http.Client{Timeout: readyLimit, Transport: &http.Transport{MaxIdleConnsPerHost: 64,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, // of servers that secure has given a certificate

			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	r.issuer = "http://" + freeAddr()
	up, err := r.play("upstream")
	if err != nil {
		return r, err
	}
	r.upstream = up.Addr
	return r, nil
}

// Close stops every process that still runs. The folder stays.
func (r *Rig) Close() error {
	var errs []error
	for s := range r.running {
		errs = append(errs, r.Stop(s))
	}
	for _, c := range r.clusters {
		errs = append(errs, c.close())
	}
	r.client.CloseIdleConnections()
	return errors.Join(errs...)
}

// Stop ends a server.
func (r *Rig) Stop(s *Server) error {
	delete(r.running, s)
	return s.Process.Stop()
}

// Remove removes the files of a server that was stopped.
func (s *Server) Remove() error { return os.RemoveAll(s.Dir) }

// End ends a cluster whose gateways are stopped, with its database; nil is none.
func (r *Rig) End(c *Cluster) error {
	if c == nil {
		return nil
	}
	r.clusters = slices.DeleteFunc(r.clusters, func(o *Cluster) bool { return o == c })
	return c.close()
}

// play starts this program in one of its roles.
func (r *Rig) play(role string) (*Server, error) {
	s, err := r.place(role)
	if err != nil {
		return nil, err
	}
	return s, r.run(s, s.answers("/", http.StatusOK, r.client), r.self, RoleArgument, role, s.Addr)
}

// place makes a folder and finds a port for a new server.
func (r *Rig) place(name string) (*Server, error) {
	r.started++
	dir := filepath.Join(r.folder, fmt.Sprintf("%s-%d", name, r.started))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return &Server{Name: name, Addr: freeAddr(), Dir: dir}, nil
}

// run starts a placed server and waits until it is ready.
func (r *Rig) run(s *Server, ready func() bool, args ...string) (err error) {
	if err := r.launch(s, args...); err != nil {
		return err
	}
	if err := s.Await(readyLimit, ready); err != nil {
		_ = r.Stop(s) // why it was not ready is what counts
		return err
	}
	return nil
}

// launch starts a placed server and does not wait.
func (r *Rig) launch(s *Server, args ...string) (err error) {
	s.Process, err = proc.Start(s.Name, gatehousetest.Command(args[0], s.Dir, nil, args[1:]...), filepath.Join(s.Dir, "log"))
	if err != nil {
		return err
	}
	r.running[s] = true
	return nil
}

// answers tells whether a GET has the status now.
func (s *Server) answers(path string, status int, client *http.Client) func() bool {
	return func() bool {
		resp, err := client.Get(s.url(path))
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == status
	}
}

func freeAddr() string { return fmt.Sprintf("127.0.0.1:%d", gatehousetest.FreePort()) }
