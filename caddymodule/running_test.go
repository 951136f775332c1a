package caddymodule

import "testing"

// TestNode_Leaving: a node has left when the last app on it stops, and not while another configuration goes on with it. What has
// started is the process's, so no other test may run beside.
func TestNode_Leaving(t *testing.T) {
	before := started.apps
	defer func() { started.apps = before }()
	n := new(node)
	last, next, elsewhere := &App{node: n}, &App{node: n}, &App{node: new(node)}
	for what, c := range map[string]struct {
		apps []*App
		want bool
	}{
		"the only one stops, as where the start failed": {[]*App{last}, true},
		"a reload":                        {[]*App{last, next}, false},
		"a reload to another database":    {[]*App{last, elsewhere}, true},
		"one that had not come to be one": {nil, true},
	} {
		if started.apps = c.apps; n.leaving() != c.want {
			t.Errorf("%s: leaving is %t", what, !c.want)
		}
	}
}
