package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// onceLimit bounds one request of Once.
const onceLimit = 30 * time.Second

// Once sends a GET with each of the values in the header, each exactly once, over as many connections as wrk has, and
// wants 200 for every one.
func Once(ctx context.Context, host, header string, values []string) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(Connections, len(values)) {
		group.Go(func() error {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
			if err != nil {
				return fmt.Errorf("send each once: %w", err)
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(values) {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := exchange(conn, answers, host, header+": "+values[i]); err != nil {
					return fmt.Errorf("send each once: %w", err)
				}
			}
		})
	}
	return group.Wait()
}

func exchange(conn net.Conn, answers *bufio.Reader, host, field string) error {
	if err := conn.SetDeadline(time.Now().Add(onceLimit)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+host+"\r\n"+field+"\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer was %d", resp.StatusCode)
	}
	return nil
}
