package sanitize

import (
	"net/http"
	"slices"
	"testing"
)

// TestP18_StripUpgrade: what goes on asks for a WebSocket, or for no other protocol at all.
func TestP18_StripUpgrade(t *testing.T) {
	t.Parallel()
	s := NewStripper(nil, nil, nil)
	for _, c := range []struct {
		upgrade, connection, left []string
	}{
		{[]string{"websocket"}, []string{"Upgrade"}, []string{"Upgrade"}},
		{[]string{"WebSocket"}, []string{"keep-alive, upgrade, http2-settings"}, []string{"keep-alive, upgrade"}},
		{[]string{"h2c"}, []string{"Upgrade, HTTP2-Settings"}, nil},
		{[]string{"websocket, h2c"}, []string{"UPGRADE", "close"}, []string{"close"}},
		{[]string{"websocket", "h2c"}, []string{"upgrade,close"}, []string{"close"}},
		{[]string{"websoc\u212aet"}, []string{"upgrade"}, nil},
		{[]string{""}, []string{"upgrade"}, nil},
		{nil, []string{"upgrade"}, nil},
	} {
		h := http.Header{"Connection": c.connection, "Http2-Settings": {"AAMAAABk"}}
		if c.upgrade != nil {
			h["Upgrade"] = c.upgrade
		}
		s.Strip(&http.Request{Header: h})
		passes := slices.Contains(c.left, "Upgrade") || slices.Contains(c.left, "keep-alive, upgrade")
		if got := h["Upgrade"]; (len(got) > 0) != passes || (passes && !slices.Equal(got, c.upgrade)) {
			t.Errorf("Upgrade %q goes on as %q", c.upgrade, got)
		}
		if got := h["Connection"]; !slices.Equal(got, c.left) {
			t.Errorf("with Upgrade %q, Connection %q goes on as %q", c.upgrade, c.connection, got)
		}
		if got, ok := h["Http2-Settings"]; ok {
			t.Errorf("with Upgrade %q, HTTP2-Settings goes on as %q", c.upgrade, got)
		}
	}
}

// An ordinary request pays nothing for the look at Upgrade.
func TestStripper_Allocations(t *testing.T) {
	s := NewStripper(nil, nil, nil)
	r := &http.Request{Header: http.Header{"Accept": {"*/*"}, "User-Agent": {"x"}, "Cookie": {"a=b"}}}
	if n := testing.AllocsPerRun(100, func() { s.Strip(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
