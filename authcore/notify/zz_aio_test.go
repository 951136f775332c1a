package notify_test

import (
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testsmtp"
)

func TestZZAio(t *testing.T) {
	ca := testsmtp.NewAuthority(t)
	cert, key := ca.Issue(t, "127.0.0.1")
	os.WriteFile("/tmp/aio/c.pem", cert, 0o600)
	os.WriteFile("/tmp/aio/k.pem", key, 0o600)
	cmd := exec.Command("/usr/bin/python3", "/tmp/aio/srv.py", "/tmp/aio/c.pem", "/tmp/aio/k.pem")
	in, _ := cmd.StdinPipe()
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Start()
	await(t, "aio", func() bool { c, err := net.Dial("tcp", "127.0.0.1:18925"); if err == nil { c.Close() }; return err == nil })
	s := newSMTP(t, notify.SMTPConfig{Host: "127.0.0.1", Port: 18925, Roots: ca.Pool(), User: "relay", Password: secret.FromString("sesame")})
	l := fullLetter()
	for range 2 {
		if err := s.Send(t.Context(), l); err != nil {
			t.Error(err)
		}
	}
	l.To = "zoë@example.org"
	if err := s.Send(t.Context(), l); err != nil {
		t.Error(err)
	}
	s.Rest()
	bad := newSMTP(t, notify.SMTPConfig{Host: "127.0.0.1", Port: 18925, Roots: ca.Pool(), User: "relay", Password: secret.FromString("wrong")})
	t.Log(bad.Send(t.Context(), l))
	in.Close()
	time.AfterFunc(3*time.Second, func() { cmd.Process.Kill() })
	cmd.Wait()
}
