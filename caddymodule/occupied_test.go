package caddymodule

import (
	"net/netip"
	"os"
	"testing"
)

// TestOverlap: an unspecified address takes the connections of every address of its family, and :: those of IPv4 as well.
func TestOverlap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1", "127.0.0.1", true}, {"127.0.0.1", "127.0.0.2", false}, {"0.0.0.0", "127.0.0.1", true}, {"::", "127.0.0.1", true},
		{"::", "0.0.0.0", true}, {"::", "::1", true}, {"0.0.0.0", "::1", false}, {"::1", "127.0.0.1", false},
	} {
		a, b := netip.MustParseAddr(c.a), netip.MustParseAddr(c.b)
		if overlap(a, b) != c.want || overlap(b, a) != c.want {
			t.Errorf("%s and %s: %v", a, b, overlap(a, b))
		}
		theirs := []socket{{at: netip.AddrPortFrom(a, 80), uid: os.Geteuid(), inode: "2"}}
		if err := occupied(theirs, nil, map[netip.AddrPort]string{netip.AddrPortFrom(b, 80): "mine"}, false); (err != nil) != c.want {
			t.Errorf("%s beside %s: %v", b, a, err)
		}
		if err := occupied(theirs, nil, map[netip.AddrPort]string{netip.AddrPortFrom(b, 81): "mine"}, false); err != nil {
			t.Errorf("another port: %v", err)
		}
		if err := occupied(theirs, map[string]bool{"2": true}, map[netip.AddrPort]string{netip.AddrPortFrom(b, 80): "mine"}, false); err != nil {
			t.Errorf("its own socket: %v", err)
		}
	}
}
