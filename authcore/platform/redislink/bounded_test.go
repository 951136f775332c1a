package redislink_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// answering listens and gives everybody who says something the same answer, and then zeros without end.
func answering(t *testing.T, l net.Listener, answer string) string {
	t.Helper()
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 4096)); err != nil {
					return
				}
				_, err := io.WriteString(conn, answer)
				for zeros := make([]byte, 64<<10); err == nil; {
					_, err = conn.Write(zeros)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// large are beginnings of answers that are too large, or that no client can make room for.
var large = map[string]string{
	"text":        "$400000000\r\n",
	"deep text":   "*1\r\n*2\r\n$1\r\nx\r\n$400000000\r\n",
	"third text":  "*4\r\n$2000000\r\n" + strings.Repeat("x", 2_000_000) + "\r\n$2000000\r\n" + strings.Repeat("x", 2_000_000) + "\r\n$200000000\r\n",
	"long number": "$" + strings.Repeat("0", 100) + "400000000\r\n",
	"error":       "!400000000\r\n",
	"verbatim":    "=400000000\r\n",
	"list":        "*20000000\r\n",
	"no list":     "*4000000000000000000\r\n",
	"set":         "~20000000\r\n",
	"push":        ">20000000\r\n",
	"map":         "%20000000\r\n",
	"attributes":  "|20000000\r\n",
	"line":        "+",
	"many":        "*80000\r\n" + strings.Repeat(":1\r\n", 79_000) + "$400000000\r\n",
	"unknown":     "?400000000\r\n",
}

// TestLink_LargeAnswers: no server has a node make room for more than a few MiB, whoever it is to the node and over TLS too.
func TestLink_LargeAnswers(t *testing.T) {
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS() // it has a certificate
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	kinds := map[string]redislink.Config{
		"server":          {},
		"server by TLS":   {TLS: &tls.Config{RootCAs: roots}},
		"sentinel":        {Master: "main"},
		"cluster":         {Cluster: true},
		"sentinel by TLS": {Master: "main", TLS: &tls.Config{RootCAs: roots}},
		"cluster by TLS":  {Cluster: true, TLS: &tls.Config{RootCAs: roots}},
	}
	for kind, cfg := range kinds {
		for name, answer := range large {
			t.Run(kind+"/"+name, func(t *testing.T) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				if cfg.TLS != nil {
					l = tls.NewListener(l, &tls.Config{Certificates: web.TLS.Certificates})
				}
				cfg := cfg
				cfg.Addrs, cfg.Prefix = []string{answering(t, l, answer)}, "test:"
				link, err := redislink.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer link.Close()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err = link.Read(t.Context(), "test:s", "0-0", 64, 100*time.Millisecond)
				runtime.ReadMemStats(&after)
				if err == nil || strings.HasPrefix(kind, "server") && !redislink.Oversized(err) {
					t.Errorf("the error is %v", err)
				}
				if made := (after.TotalAlloc - before.TotalAlloc) >> 20; made > 64 {
					t.Errorf("%d MiB were made room for", made)
				}
			})
		}
	}
}

// piecemeal is a connection that is only read from, in pieces that a reader makes.
type piecemeal struct {
	net.Conn
	io.Reader
}

func (p piecemeal) Read(b []byte) (int, error) { return p.Reader.Read(b) }
func (piecemeal) Close() error                 { return nil }

// TestBound_Pieces: however answers come apart, honest ones pass as they are and others do not.
func TestBound_Pieces(t *testing.T) {
	t.Parallel()
	honest := "+OK\r\n-ERR no\r\n:5\r\n$5\r\n$9\r\n\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n*2\r\n$1\r\n*\r\n*1\r\n:-7\r\n%1\r\n+a\r\n_\r\n,1.5\r\n#t\r\n(12\r\n" +
		">2\r\n+x\r\n=5\r\ntxt:x\r\n!3\r\nERR\r\n|1\r\n+k\r\n+v\r\n$20000\r\n" + strings.Repeat("$", 20_000) + "\r\n"
	for name, pieces := range map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "halves": iotest.HalfReader, "whole": func(r io.Reader) io.Reader { return r }} {
		got, err := io.ReadAll(redislink.Bound(piecemeal{Reader: pieces(strings.NewReader(honest))}))
		if err != nil || string(got) != honest {
			t.Errorf("%s: %v, %d bytes of %d", name, err, len(got), len(honest))
		}
		for what, answer := range large {
			if what == "line" {
				answer += strings.Repeat("x", 5<<20)
			}
			conn := redislink.Bound(piecemeal{Reader: pieces(strings.NewReader(honest + answer))})
			if _, err := io.Copy(io.Discard, conn); !redislink.Oversized(err) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
			if _, err := conn.Read(make([]byte, 1)); !redislink.Oversized(err) {
				t.Errorf("%s, %s, afterwards: %v", name, what, err)
			}
		}
	}
}

// TestLink_HonestAnswers: the most that nodes say passes time after time, and a connection that Redis has closed is noticed
// before it is used.
func TestLink_HonestAnswers(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	link, err := redislink.New(redislink.Config{Addrs: []string{s.Addr()}, Prefix: "test:"})
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	text := bytes.Repeat([]byte("x"), 8<<10)
	for range 64 {
		if err := link.Append(t.Context(), "test:s", 1000, text); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		entries, err := link.Read(t.Context(), "test:s", "0-0", 64, time.Second)
		if err != nil || len(entries) != 64 || !bytes.Equal(entries[63].Text, text) {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
	}
	for range 3 {
		if n := fmt.Sprint(s.Do("CLIENT", "KILL", "TYPE", "normal")); n == "0" {
			t.Error("there was no connection")
		}
		if _, err := link.Last(t.Context(), "test:s"); err != nil {
			t.Errorf("after Redis has closed the connection: %v", err)
		}
	}
}
