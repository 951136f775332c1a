package e2e

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2 is an HTTP/2 connection on which a test decides every frame.
type h2 struct {
	t      testing.TB
	conn   net.Conn
	framer *http2.Framer
	fields bytes.Buffer
	enc    *hpack.Encoder
	next   uint32
	seen   map[uint32]*h2answer
	ended  bool // the server said goodbye or hung up
	code   http2.ErrCode

	extendedConnect bool // the server's SETTINGS allow :protocol (RFC 8441)
}

// h2answer is what came back on one stream.
type h2answer struct {
	status string
	fields map[string]string
	body   []byte
	done   bool
	reset  bool
}

// dialH2 opens a connection to an https site of the gateway and exchanges SETTINGS.
func dialH2(t testing.TB, addr, serverName string) *h2 {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, ServerName: serverName, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if got := conn.ConnectionState().NegotiatedProtocol; got != "h2" {
		t.Fatalf("the server speaks %q", got)
	}
	c := &h2{t: t, conn: conn, framer: http2.NewFramer(conn, conn), next: 1, seen: map[uint32]*h2answer{}}
	c.enc = hpack.NewEncoder(&c.fields)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.AllowIllegalWrites = true
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	if err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 24}); err != nil {
		t.Fatal(err)
	}
	for settled := false; !settled; {
		settled = c.read() == http2.FrameSettings
	}
	return c
}

// block encodes header fields, given as name, value, name, value….
func (c *h2) block(fields ...string) []byte {
	c.fields.Reset()
	for i := 0; i < len(fields); i += 2 {
		if err := c.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			c.t.Fatal(err)
		}
	}
	return bytes.Clone(c.fields.Bytes())
}

// open sends HEADERS on a new stream; fields follow :method, :scheme, :authority, :path.
func (c *h2) open(end bool, method, authority, path string, fields ...string) (stream uint32) {
	stream = c.next
	c.next += 2
	all := append([]string{":method", method, ":scheme", "https", ":authority", authority, ":path", path}, fields...)
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.block(all...), EndStream: end, EndHeaders: true})
	return stream
}

// read takes one frame of the server's and returns its type.
func (c *h2) read() http2.FrameType {
	f, err := c.framer.ReadFrame()
	if err != nil {
		c.ended = true
		return 0xff
	}
	a := c.seen[f.Header().StreamID]
	if a == nil {
		a = &h2answer{fields: map[string]string{}}
		c.seen[f.Header().StreamID] = a
	}
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		for _, h := range f.Fields {
			a.fields[h.Name] = h.Value
		}
		a.status = f.PseudoValue("status")
		a.done = a.done || f.StreamEnded()
	case *http2.DataFrame:
		a.body = append(a.body, f.Data()...)
		a.done = a.done || f.StreamEnded()
	case *http2.RSTStreamFrame:
		a.done, a.reset = true, true
	case *http2.GoAwayFrame:
		c.ended, c.code = true, f.ErrCode
	case *http2.SettingsFrame:
		if v, ok := f.Value(http2.SettingEnableConnectProtocol); ok && v == 1 {
			c.extendedConnect = true
		}
		if !f.IsAck() {
			_ = c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			_ = c.framer.WritePing(true, f.Data)
		}
	}
	return f.Header().Type
}

// await reads until a stream is answered in full or reset, or the connection ends.
func (c *h2) await(stream uint32) *h2answer {
	for {
		if a := c.seen[stream]; a != nil && a.done {
			return a
		}
		if c.ended {
			return &h2answer{}
		}
		c.read()
	}
}

// String is the answer in few words.
func (a *h2answer) String() string {
	return fmt.Sprintf("status %q, reset %t, body %.100q", a.status, a.reset, a.body)
}
