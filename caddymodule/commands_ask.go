package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// errNotRunning: nobody answers at the admin endpoint, or a Caddy without Gatehouse does.
var errNotRunning = errors.New("no gateway answers at the admin endpoint")

// ask sends one request to the running gateway and reads its answer into result. What the gateway refuses stays refused:
// only errNotRunning lets a command open the database itself.
func (p *cliEnv) ask(ctx context.Context, method, path string, body, result any) error {
	config, file, err := p.load()
	if err != nil {
		return err
	}
	address, err := caddycmd.DetermineAdminAPIAddress(p.address, config, file, p.adapter)
	if err != nil {
		return fmt.Errorf("find the admin endpoint: %w", err)
	}
	resp, err := send(ctx, address, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w %s", errNotRunning, address)
	case resp.StatusCode == http.StatusUnprocessableEntity:
		return refusal(resp)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the running gateway refused: %w", failure(resp))
	}
	if err := json.NewDecoder(resp.Body).Decode(result); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	return nil
}

// send makes a request as Caddy's own commands do, which cannot be told from outside whether nobody answered or somebody
// refused.
func send(ctx context.Context, address, method, path string, body any) (*http.Response, error) {
	at, err := caddy.ParseNetworkAddress(address)
	if err != nil || at.PortRangeSize() > 1 {
		return nil, fmt.Errorf("find the admin endpoint: %s is not a valid address", address)
	}
	origin := "http://" + at.JoinHostPort(0)
	if at.IsUnixNetwork() {
		at.Host, _, _ = strings.Cut(at.Host, "|") // permissions
		origin = "http://127.0.0.1"
	}
	conn, err := new(net.Dialer).DialContext(ctx, at.Network, at.JoinHostPort(0))
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", errNotRunning, address, err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}}
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, origin+path, content)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if !at.IsUnixNetwork() {
		req.Header.Set("Origin", origin)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the running gateway: %w", err)
	}
	return resp, nil
}

// refusal reads the problem with which the gateway refuses an operation.
func refusal(resp *http.Response) error {
	var p httpauth.Problem
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&p); err != nil || p.Code == "" {
		return errors.New(resp.Status)
	}
	return &refusedCommand{p}
}

// failure reads why the gateway could not do it.
func failure(resp *http.Response) error {
	var said struct {
		Error string `json:"error"`
	}
	err := errors.New(resp.Status)
	if json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&said) == nil && said.Error != "" {
		err = errors.New(said.Error)
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		return fmt.Errorf("%w: %w", err, authcore.ErrUnavailable)
	}
	return err
}
