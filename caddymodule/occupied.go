package caddymodule

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Caddy listens with SO_REUSEPORT, so that a second process of the same user takes half of the connections of the first, and neither
// notices. Here a start asks whether somebody else listens. What a user may not share, the system itself refuses.

// socket is one that listens.
type socket struct {
	at    netip.AddrPort
	uid   int
	inode string
}

const (
	// vacateLimit is how long a start waits for an address, besides the shutdown_delay for which one that ends may go on listening.
	vacateLimit = 2 * time.Second
	vacateEvery = 50 * time.Millisecond
)

// refuseOccupied returns an error that names the address while another process listens on one of this configuration, or of its
// admin endpoint. A configuration that replaces another one is asked only for addresses that are new: those it takes over are this
// process's. The process before this one may be about to end, so there is some patience.
func (a *App) refuseOccupied(ctx context.Context, before *App) error {
	wanted := a.addresses()
	if before != nil {
		for at := range before.addresses() {
			delete(wanted, at)
		}
	}
	wait := vacateLimit
	if app := a.http(); app != nil {
		wait += time.Duration(app.ShutdownDelay)
	}
	for begin := time.Now(); ; {
		err := occupied(listening(), ownSockets(), wanted, before == nil)
		if err == nil || time.Since(begin) > wait {
			return err
		}
		if time.Since(begin) < vacateEvery {
			a.logger.Warn("waiting for the process that uses the address", "error", err, "at_most", wait)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(vacateEvery):
		}
	}
}

// tellOccupied tells of another process that began to listen at the same moment, which neither could know.
func (a *App) tellOccupied(ctx context.Context) {
	select {
	case <-time.After(settleAfter):
	case <-ctx.Done():
		return
	}
	if err := occupied(listening(), ownSockets(), a.addresses(), false); err != nil {
		a.logger.Error("another process uses the same address; each gets part of the connections", "error", err)
	}
}

// occupied compares the addresses that are wanted, and those of the process's own sockets (the admin endpoint's comes first) if
// they count, with sockets of other processes of the same user.
func occupied(all []socket, own map[string]bool, wanted map[netip.AddrPort]string, ownCount bool) error {
	for _, s := range all {
		if own[s.inode] && ownCount {
			wanted[s.at] = s.at.String()
		}
	}
	for _, s := range all {
		if own[s.inode] || s.uid != os.Geteuid() {
			continue
		}
		for at, name := range wanted {
			if at.Port() == s.at.Port() && overlap(at.Addr(), s.at.Addr()) {
				return fmt.Errorf("the address %s is in use: another process listens on %s. Stop that one first, or give this gateway "+
					"another address (sites and, for its commands, the global option admin)", name, s.at)
			}
		}
	}
	return nil
}

// overlap reports whether two sockets would be asked for the same connections, as the system does where ports are not shared.
func overlap(a, b netip.Addr) bool {
	covers := func(a, b netip.Addr) bool { return a.IsUnspecified() && (a.Is6() || b.Is4()) } // :: has both families
	return a == b || covers(a, b) || covers(b, a)
}

// addresses returns where the servers of this configuration listen over TCP, each as it is written.
func (a *App) addresses() map[netip.AddrPort]string {
	found := make(map[netip.AddrPort]string)
	app := a.http()
	if app == nil {
		return found
	}
	for _, srv := range app.Servers {
		for _, text := range srv.Listen {
			all, err := caddy.ParseNetworkAddress(text)
			if err != nil || !strings.HasPrefix(all.Network, "tcp") {
				continue
			}
			for _, one := range all.Expand() {
				if at, ok := bound(one); ok {
					found[at] = one.JoinHostPort(0)
				}
			}
		}
	}
	return found
}

// bound returns where a server with this address listens; ok is false where the system chooses the port.
func bound(na caddy.NetworkAddress) (at netip.AddrPort, ok bool) {
	tcp, err := net.ResolveTCPAddr(na.Network, na.JoinHostPort(0))
	if err != nil || tcp.Port == 0 {
		return at, false
	}
	ip, _ := netip.AddrFromSlice(tcp.IP)
	ip = ip.Unmap()
	if !ip.IsValid() || ip.IsUnspecified() && na.Network == "tcp" {
		ip = netip.IPv6Unspecified() // both families
	}
	return netip.AddrPortFrom(ip, uint16(tcp.Port)), true
}

// http returns the configuration's HTTP app; nil when it has none.
func (a *App) http() *caddyhttp.App {
	app, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return nil
	}
	found, _ := app.(*caddyhttp.App)
	return found
}
