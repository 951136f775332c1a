package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// h3 is an HTTP/3 connection of a client's own.
type h3 struct {
	*http3.ClientConn
	t    testing.TB
	quic *quic.Conn
	host string
}

// trusting takes the certificate of Caddy's own new authority.
func trusting() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{http3.NextProtoH3}}
}

// overH3 is overTLS by a client that speaks HTTP/3 alone.
func (g *gateway) overH3(t testing.TB, host string) call {
	t.Helper()
	transport := &http3.Transport{TLSClientConfig: trusting()}
	t.Cleanup(func() { _ = transport.Close() })
	return call{base: "https://" + host, client: &http.Client{Transport: transport, CheckRedirect: g.client.CheckRedirect, Timeout: 30 * time.Second}}
}

// dialH3 opens a connection to an https site of the gateway and waits for its SETTINGS.
func dialH3(t testing.TB, host string) *h3 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := quic.DialAddr(ctx, strings.Replace(host, "localhost", "127.0.0.1", 1), trusting(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseWithError(0, "") })
	c := &h3{(&http3.Transport{DisableCompression: true}).NewClientConn(conn), t, conn, host}
	select {
	case <-c.ReceivedSettings():
	case <-ctx.Done():
		t.Fatal("no SETTINGS from the server")
	}
	return c
}

// get asks for a path on this connection.
func (c *h3) get(path, token string) (answer, error) {
	req, err := http.NewRequest(http.MethodGet, "https://"+c.host+path, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, text}, err
}

// open sends the head of a request whose stream stays open. What is written to the stream afterwards is its body.
func (c *h3) open(req *http.Request) *http3.RequestStream {
	c.t.Helper()
	stream, err := c.OpenRequestStream(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	_ = stream.SetDeadline(time.Now().Add(time.Minute))
	if err := stream.SendRequestHeader(req); err != nil {
		c.t.Fatal(err)
	}
	return stream
}

// head encodes header fields, given as name, value, name, value…, as they are: a HEADERS frame (RFC 9114 §7.2.2) of literals
// that name nothing in a table (RFC 9204 §4.5.6).
func head(fields ...string) []byte {
	block := []byte{0, 0} // no dynamic table
	for i := 0; i < len(fields); i += 2 {
		block = literal(block, 0x20, 3, fields[i])
		block = literal(block, 0, 7, fields[i+1])
	}
	frame := quicvarint.Append([]byte{1}, uint64(len(block)))
	return append(frame, block...)
}

// literal is a string after its length, an integer that begins in so many bits (RFC 7541 §5.1).
func literal(to []byte, flags byte, bits int, text string) []byte {
	most := 1<<bits - 1
	if len(text) < most {
		return append(append(to, flags|byte(len(text))), text...)
	}
	to = append(to, flags|byte(most))
	rest := len(text) - most
	for ; rest >= 0x80; rest >>= 7 {
		to = append(to, byte(rest)|0x80)
	}
	return append(append(to, byte(rest)), text...)
}

// raw sends bytes on a stream of its own and returns how that was answered: the status in the answer's first field where the
// server says it by its place in the static table (RFC 9204 appendix A), else what came instead.
func (c *h3) raw(frames ...[]byte) string {
	c.t.Helper()
	stream, err := c.quic.OpenStreamSync(c.t.Context())
	if err != nil {
		return "the connection is closed: " + err.Error()
	}
	_ = stream.SetDeadline(time.Now().Add(30 * time.Second))
	for _, f := range frames {
		if _, err := stream.Write(f); err != nil {
			break // it may be refused already
		}
	}
	_ = stream.Close()
	text, err := io.ReadAll(stream)
	if err != nil && len(text) == 0 {
		return "reset: " + err.Error()
	}
	if len(text) < 5 || text[0] != 1 {
		return fmt.Sprintf("no HEADERS: %.50q", text)
	}
	_, n, err := quicvarint.Parse(text[1:])
	if err != nil || len(text) < 1+n+4 {
		return fmt.Sprintf("no HEADERS: %.50q", text)
	}
	switch first := text[1+n+2:]; {
	case first[0] == 0xc0|25:
		return "200"
	case first[0] == 0xff && first[1] == 67-63:
		return "400"
	}
	return fmt.Sprintf("another status: %.80q", text)
}

// data is a DATA frame.
func data(body string) []byte {
	return append(quicvarint.Append([]byte{0}, uint64(len(body))), body...)
}
