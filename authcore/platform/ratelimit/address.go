package ratelimit

import "net/netip"

// AddressKey returns what counts as one client: an IPv4 address as it is (also when it
// comes mapped into IPv6), an IPv6 address as its /64, since whoever holds one address
// of such a network holds them all. A zone is dropped. All invalid addresses are one.
func AddressKey(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return "unknown"
	}
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return "unknown" // unreachable: an IPv6 address without zone has a /64
	}
	return network.String()
}
