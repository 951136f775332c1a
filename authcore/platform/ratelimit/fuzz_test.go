package ratelimit

import (
	"net/netip"
	"testing"
)

// FuzzParseRate: what is read is within its bounds and is written so that it is read the same.
func FuzzParseRate(f *testing.F) {
	for text, ok := range map[string]bool{
		"30/1m": true, "20/1h": true, "100/1d": true, "off": true, "1/1s": true, "1000000/30d": true,
		"": false, "30": false, "/1m": false, "30/": false, "0/1m": false, "0/0": false, "0/0s": false, "-1/1m": false, "+1/1m": false, "01/1m": false,
		"1000001/1m": false, "1/31d": false, "1/1ms": false, "1/-1m": false, "1/65536d": false, "OFF": false, "1/1m/1m": false,
	} {
		if _, err := ParseRate(text); (err == nil) != ok {
			f.Fatalf("%q: %v", text, err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRate(text)
		if err != nil {
			if r != (Rate{}) {
				t.Fatalf("%q is refused and yet %v", text, r)
			}
			return
		}
		if r.check() != nil || r.Off() != (text == "off") || !r.Off() && r.interval() <= 0 {
			t.Fatalf("%q is %+v", text, r)
		}
		if again, err := ParseRate(r.String()); err != nil || again != r {
			t.Fatalf("%q is written as %q, which is %v, %v", text, r, again, err)
		}
	})
}

// FuzzAddressKey: one key for every spelling of an address, for all addresses of one /64 and for none beyond it.
func FuzzAddressKey(f *testing.F) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::/64", "2001:db8:0:0:ffff::": "2001:db8::/64",
		"fe80::1%eth0": "fe80::/64", "": "unknown", "nonsense": "unknown", "192.0.2.1:80": "unknown", "0300.0.2.1": "unknown",
	} {
		addr, _ := netip.ParseAddr(text)
		if got := AddressKey(addr); got != want {
			f.Fatalf("%q: %s, want %s", text, got, want)
		}
		f.Add(text, byte(0))
		f.Add(text, byte(127))
	}
	f.Fuzz(func(t *testing.T, text string, bit byte) {
		addr, err := netip.ParseAddr(text)
		key := AddressKey(addr)
		if (key == "unknown") != (err != nil) {
			t.Fatalf("%q: %s", text, key)
		}
		if err != nil {
			return
		}
		if other, err := netip.ParseAddr(addr.StringExpanded()); err != nil || AddressKey(other) != key {
			t.Fatalf("%s is %s, spelt out %s", addr, key, AddressKey(other))
		}
		raw := addr.Unmap().AsSlice()
		at := int(bit) % (8 * len(raw))
		raw[at/8] ^= 0x80 >> (at % 8)
		neighbour, _ := netip.AddrFromSlice(raw)
		if same := len(raw) == 16 && at >= 64; !neighbour.Is4In6() && same != (AddressKey(neighbour) == key) {
			t.Fatalf("%s is %s, %s is %s", addr, key, neighbour, AddressKey(neighbour))
		}
	})
}
