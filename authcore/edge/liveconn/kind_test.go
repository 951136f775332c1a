package liveconn

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// TestMayLast: what says that it may take long can be cancelled; for the rest a context would cost too much.
func TestMayLast(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]bool{
		"GET / HTTP/1.1\r\n\r\n":                                                 false,
		"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n":                        false,
		"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n":                      true,
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n":                  true,
		"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n":   true,
		"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n":    true,
		"GET / HTTP/1.1\r\nAccept: application/json, text/event-stream\r\n\r\n":  true,
		"GET / HTTP/1.1\r\nAccept: application/json\r\nRange: bytes=0-5\r\n\r\n": false,
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.Replace(head, "\r\n", "\r\nHost: a\r\n", 1))))
		if err != nil {
			t.Fatal(err)
		}
		if mayLast(r) != want {
			t.Errorf("%q: %t", head, !want)
		}
	}
}
