package testsmtp

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
)

// variable tells the test's binary that it is to be a server.
const variable = "GATEHOUSE_TEST_SMTP"

// Main turns the process into a server if it has been started as one; then it does not return.
func Main() {
	if os.Getenv(variable) == "" {
		return
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "testsmtp:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// process is the child's end.
type process struct {
	setup  Setup
	secure *tls.Config

	mu   sync.Mutex // guards plan and the output
	plan Plan
	out  *json.Encoder
}

// serve listens until the parent closes the input, which it does at the latest when it ends.
func serve() error {
	p := &process{out: json.NewEncoder(os.Stdout)}
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	if err := in.Decode(&p.setup); err != nil {
		return fmt.Errorf("reading the setup: %w", err)
	}
	if p.setup.TLS != "" {
		cert, err := tls.X509KeyPair(p.setup.Cert, p.setup.Key)
		if err != nil {
			return fmt.Errorf("reading the certificate: %w", err)
		}
		p.secure = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	address := p.setup.Address
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go p.accept(l)
	p.say(event{Addr: l.Addr().String()})
	for {
		var c command
		if err := in.Decode(&c); err != nil {
			return nil // the parent is done
		}
		if c.Plan != nil {
			p.mu.Lock()
			p.plan = *c.Plan
			p.mu.Unlock()
		}
		p.say(event{Done: true})
	}
}

func (p *process) accept(l net.Listener) {
	for n := 1; ; n++ {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		p.say(event{Connection: n})
		go (&dialog{process: p, conn: conn, number: n}).run()
	}
}

func (p *process) say(e event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.out.Encode(e)
}

// turn returns what the plan wants at a stage, and uses it up.
func (p *process) turn(stage string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if next := p.plan.Next[stage]; len(next) > 0 {
		p.plan.Next[stage] = next[1:]
		return next[0]
	}
	return p.plan.Always[stage]
}
