package testsmtp

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// Setup is what a server offers. The zero Setup is a plain server without AUTH that takes 8-bit content.
type Setup struct {
	Address    string   // where to listen; default a free port of loopback
	TLS        string   // "", "starttls" or "implicit"
	Cert, Key  []byte   // PEM, with TLS
	Mechanisms []string // of AUTH, offered over TLS only; with any of them mail is taken after AUTH only
	User       string
	Password   string
	SevenBit   bool // no 8BITMIME
	UTF8       bool // SMTPUTF8
}

// The stages of a dialog at which a [Plan] can act.
const (
	Greeting = "greeting" // the connection is there
	Hello    = "hello"    // EHLO
	Auth     = "auth"
	From     = "from"    // MAIL
	To       = "to"      // RCPT
	Data     = "data"    // DATA
	Content  = "content" // in the midst of the content; only Hang and Close
	End      = "end"     // the content is complete
)

// What a [Plan] can do at a stage besides a reply of its own, such as "451 4.3.0 try later".
const (
	Good      = ""               // go on as usual
	Hang      = "hang"           // say nothing any more
	Close     = "close"          // close the connection
	TakeClose = "take and close" // at End: take the mail and close without a reply
	TakeHang  = "take and hang"  // at End: take the mail and say nothing any more
	Chatter   = "talk for ever"  // an endless line
)

// Plan is what goes wrong. Next lists are used up, one entry at each time a stage is reached; then Always applies.
type Plan struct {
	Next   map[string][]string
	Always map[string]string
}

// Mail is one mail the server has taken.
type Mail struct {
	From, To   string // as in the envelope
	Content    []byte // with CRLF, dots removed
	Hello      string // what the client called itself
	User       string // who signed in
	Mechanism  string
	TLS        bool
	EightBit   bool // announced as BODY=8BITMIME
	UTF8       bool // announced as SMTPUTF8
	Connection int  // counted from 1
}

// Server is the parent's end of a server's process.
type Server struct {
	Addr string

	talk    sync.Mutex // held from a command to its answer; guards the four below
	setup   Setup
	cmd     *exec.Cmd // nil while it is dead
	stdin   io.WriteCloser
	answers chan event // mails and faults are noted as they come

	mu          sync.Mutex
	mails       []Mail
	faults      []string
	connections int
}

// command is one line of the process's input, after the [Setup].
type command struct {
	Plan *Plan `json:",omitempty"` // nil: only an answer is wanted
}

// event is one line of the process's output.
type event struct {
	Addr       string `json:",omitempty"` // it listens
	Done       bool   `json:",omitempty"` // a command has been carried out
	Mail       *Mail  `json:",omitempty"`
	Fault      string `json:",omitempty"`
	Connection int    `json:",omitempty"`
}

// Start runs a server, which ends with the test. A breach of the protocol by the client fails the test.
func Start(t testing.TB, setup Setup) *Server {
	t.Helper()
	s := &Server{setup: setup}
	s.launch(t)
	t.Cleanup(func() {
		s.Kill()
		for _, fault := range s.Faults() {
			t.Errorf("the client broke the protocol: %s", fault)
		}
	})
	return s
}

func (s *Server) launch(t testing.TB) {
	t.Helper()
	s.talk.Lock()
	defer s.talk.Unlock()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the mail server: %v", err)
	}
	s.cmd, s.stdin, s.answers = cmd, stdin, make(chan event, 1)
	go s.listen(stdout, s.answers)
	e, err := s.tell(s.setup)
	if err != nil {
		t.Fatal(err)
	}
	s.Addr, s.setup.Address = e.Addr, e.Addr
}

func (s *Server) listen(from io.Reader, answers chan<- event) {
	defer close(answers)
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			s.note(event{Fault: fmt.Sprintf("the server said %q", line)})
			return
		}
		if e.Addr != "" || e.Done {
			answers <- e
			continue
		}
		s.note(e)
	}
}

func (s *Server) note(e event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e.Mail != nil:
		s.mails = append(s.mails, *e.Mail)
	case e.Fault != "":
		s.faults = append(s.faults, e.Fault)
	case e.Connection > 0:
		s.connections++
	}
}

// tell gives a command and waits for the answer. s.talk is held.
func (s *Server) tell(command any) (event, error) {
	if err := json.NewEncoder(s.stdin).Encode(command); err != nil {
		return event{}, fmt.Errorf("tell the mail server: %w", err)
	}
	select {
	case e, ok := <-s.answers:
		if !ok {
			return event{}, errors.New("the mail server ended")
		}
		return e, nil
	case <-time.After(30 * time.Second):
		return event{}, errors.New("the mail server does not answer")
	}
}

// Behave sets what goes wrong from now on. The zero Plan is: nothing.
func (s *Server) Behave(t testing.TB, p Plan) {
	t.Helper()
	s.talk.Lock()
	defer s.talk.Unlock()
	if _, err := s.tell(command{Plan: &p}); err != nil {
		t.Fatal(err)
	}
}

// catchUp waits until all that has happened until now is noted. What a dead server said is noted already.
func (s *Server) catchUp() {
	s.talk.Lock()
	defer s.talk.Unlock()
	if s.cmd != nil {
		_, _ = s.tell(command{})
	}
}

// Mails returns what has been taken so far, over all lives of the server.
func (s *Server) Mails() []Mail {
	s.catchUp()
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Connections returns how many clients have connected so far.
func (s *Server) Connections() int {
	s.catchUp()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Faults returns the breaches of the protocol seen so far.
func (s *Server) Faults() []string {
	s.catchUp()
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.faults...)
}

// Forgive ends the server and drops the faults: what the client said was meant to be odd.
func (s *Server) Forgive() {
	s.Kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Kill ends the process. Connections break and its port refuses.
func (s *Server) Kill() {
	s.talk.Lock()
	defer s.talk.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	for range s.answers { // until its output has been read to the end
	}
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Revive starts the process again on the same port, with no plan.
func (s *Server) Revive(t testing.TB) {
	t.Helper()
	s.launch(t)
}

// Port returns the port of the server.
func (s *Server) Port() string { return s.Addr[strings.LastIndexByte(s.Addr, ':')+1:] }
